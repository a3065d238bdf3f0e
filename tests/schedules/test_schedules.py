"""Ravine's own schedules: each passes its checks, and is what its source says, worked out another way."""

from __future__ import annotations

import inspect
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ravine.conformance.schedule import CHECKS, check_schedule
from ravine.errors import ConfigError
from ravine.formulas.names import allowed_names
from ravine.formulas.schedule import grown_batch_size, learning_rates
from ravine.formulas.shelves import OPTIMIZERS, SCHEDULES
from ravine.settings import BY_NAME
from ravine.spec import from_settings, resolve

rates = st.floats(1e-6, 10)
EACH = pytest.mark.parametrize("name", SCHEDULES)
NEEDED = {"linear": {"final_lr": 0.02}}
"""Settings without a default."""


def all_rates(name, lr, epochs, warmup=0.0, per_epoch=1, **settings):
    """Return the rates of a run that changes them `per_epoch` times an epoch."""
    schedule = SCHEDULES[name]
    values = schedule.hyperparameters({**NEEDED.get(name, {}), **settings})
    times = np.arange(epochs * per_epoch) / per_epoch
    return learning_rates(schedule, values, lr, times, epochs, warmup, 1 / per_epoch).tolist()


def batch_sizes(name, lr, epochs, smallest, largest, **settings):
    schedule = SCHEDULES[name]
    values = schedule.hyperparameters({**NEEDED.get(name, {}), **settings})
    starts = np.arange(float(epochs))[:, None]
    return [grown_batch_size(schedule, values, lr, start, epochs, smallest, largest) for start in starts]


# --- all of them ---


@EACH
def test_it_passes_every_check(name):
    assert [finding.outcome for finding in check_schedule(name).findings] == ["passed"] * len(CHECKS)


@EACH
def test_its_file_has_its_name_and_its_docstring_what_a_reader_needs(name):
    schedule = SCHEDULES[name]
    assert schedule.function.__module__ == f"ravine.schedules.{name}"
    text = inspect.getdoc(schedule.function)
    assert "\n    eta_k = " in text
    for label in ("Source: ", "Defaults: ", "Elsewhere: PyTorch "):
        assert f"\n{label}" in text, label


@EACH
def test_every_setting_is_bounded_and_named_as_nothing_else(name):
    schedule = SCHEDULES[name]
    assert set(schedule.bounds) == set(schedule.defaults)
    assert not set(schedule.defaults) & (set(BY_NAME) - {"final_lr"})
    for optimizer in OPTIMIZERS.values():
        assert not set(schedule.defaults) & allowed_names(optimizer)


@EACH
@pytest.mark.parametrize("by", ["epoch", "step"])
def test_it_resolves_with_warm_up_and_growing_batches(name, by):
    grown = {} if name == "constant" else {"largest_batch": 300}
    settings = {**NEEDED.get(name, {}), **grown, "schedule": name, "schedule_by": by, "warmup": 1.5, "epochs": 8}
    run = from_settings(settings)
    plain = from_settings({**NEEDED.get(name, {}), "schedule": name, "schedule_by": by, "epochs": 8})
    for epoch in range(8):
        size, steps = run.batch_size_in(epoch), np.arange(3)
        unit = size / 600 if by == "step" else 1.0
        times = epoch + (steps * unit if by == "step" else 0)
        # Steps of a batch that grows, counted in those of the batch that stays, are at the same times.
        ramp = np.minimum(1, (times + unit) / (1.5 + unit))
        wanted = ramp * plain.rates_in(epoch, steps * size / plain.spec.batch_size, 600)
        np.testing.assert_allclose(run.rates_in(epoch, steps, 600), wanted * size / run.spec.batch_size, rtol=1e-12)


@EACH
@pytest.mark.parametrize("warmup", [0, 2])
def test_by_step_is_by_epoch_with_epochs_as_long_as_steps(name, warmup):
    # Time is counted in epochs, so settings that count epochs become settings that count steps.
    stretched = {
        "step": {"decay_every": 5 * 60},
        "exponential": {"decay_factor": 0.9 ** (1 / 60)},
        "cosine_restarts": {"first_cycle": 60.0},
    }.get(name, {})
    wanted = all_rates(name, 0.1, 6 * 60, warmup * 60, **stretched)
    assert all_rates(name, 0.1, 6, warmup, per_epoch=60) == pytest.approx(wanted, rel=1e-10)


@EACH
@given(rates, st.integers(1, 100), st.integers(0, 1000))
def test_a_batch_that_grows_leaves_the_ratio_of_rate_and_batch_as_it_would_be(name, lr, smallest, more):
    settings = {"final_lr": lr / 3} if name == "linear" else {}
    falling = all_rates(name, lr, 8, **settings)
    sizes = batch_sizes(name, lr, 8, smallest, smallest + more, **settings)
    peak = 0.0 if SCHEDULES[name].warms_up else lr
    for rate, size in zip(falling, sizes, strict=True):
        peak = max(peak, rate) if SCHEDULES[name].warms_up else lr
        exact = min(max(Fraction(smallest) * Fraction(peak) / Fraction(rate), smallest), smallest + more)
        assert abs(size - exact) <= Fraction(1, 2) + Fraction(1, 10**9)


# --- one by one ---


def test_the_linear_decay_of_figure_2():
    wanted = [0.1, 0.0901, 0.0802, 0.0703, 0.0604, 0.0505, 0.0406, 0.0307, 0.0208, 0.0109]
    assert all_rates("linear", 0.1, 10, final_lr=0.001) == pytest.approx(wanted, rel=1e-15)


@given(rates, rates, st.integers(1, 300))
def test_linear_is_equation_5_in_exact_arithmetic(lr, final_lr, epochs):
    start, end = Fraction(lr), Fraction(final_lr)
    wanted = [start + (end - start) * Fraction(k, epochs) for k in range(epochs)]
    got = all_rates("linear", lr, epochs, final_lr=final_lr)
    assert got == pytest.approx([float(w) for w in wanted], rel=1e-14)
    assert got[0] == lr


@given(rates, st.integers(1, 50))
def test_constant(lr, epochs):
    assert all_rates("constant", lr, epochs) == [lr] * epochs


@given(rates, st.floats(0.01, 2), st.integers(1, 7), st.integers(1, 40))
def test_step_multiplies_once_every_so_many_epochs(lr, factor, every, epochs):
    wanted, rate = [], lr
    for k in range(epochs):
        if k > 0 and k % every == 0:
            rate *= factor
        wanted.append(rate)
    assert all_rates("step", lr, epochs, decay_factor=factor, decay_every=every) == pytest.approx(wanted, rel=1e-12)


@given(rates, st.floats(0.01, 2), st.integers(1, 40))
def test_exponential_multiplies_every_epoch(lr, factor, epochs):
    got = all_rates("exponential", lr, epochs, decay_factor=factor)
    assert got[0] == lr
    assert got[1:] == pytest.approx([factor * before for before in got[:-1]], rel=1e-12)


@given(rates, rates, st.integers(1, 100))
def test_cosine_by_the_half_angle(lr, final_lr, epochs):
    wanted = [final_lr + (lr - final_lr) * math.cos(math.pi * k / (2 * epochs)) ** 2 for k in range(epochs)]
    assert all_rates("cosine", lr, epochs, final_lr=final_lr) == pytest.approx(wanted, rel=1e-12)


@given(st.floats(0.3, 4), st.floats(1, 3))
def test_cosine_restarts_where_the_lengths_of_its_cycles_add_up(first, factor):
    times = np.arange(4000) / 100
    settings = {"first_cycle": first, "cycle_factor": factor, "final_lr": 0.02}
    got = SCHEDULES["cosine_restarts"].rate(0.5, times, 40, settings)
    start, length, wanted = 0.0, first, []
    for time in times:
        while time >= start + length:
            start, length = start + length, length * factor
        part = (time - start) / length
        # At a restart itself round-off decides whether the old cycle ends or the new one begins.
        wanted.append(math.nan if min(part, 1 - part) < 1e-9 else 0.02 + 0.48 * math.cos(math.pi / 2 * part) ** 2)
    seen = np.isfinite(wanted)
    assert seen.sum() > 3800
    np.testing.assert_allclose(got[seen], np.array(wanted)[seen], rtol=1e-8)


@pytest.mark.parametrize("factor", [1, 2, 3, 5, 6, 7, 10])
def test_a_restart_is_at_its_very_time(factor):
    """Logarithms of powers are rounded to either side of a whole number."""
    lengths = np.cumsum([float(factor) ** number for number in range(9)])
    settings = {"first_cycle": 1.0, "cycle_factor": float(factor), "final_lr": 0.0}
    at, before = (
        SCHEDULES["cosine_restarts"].rate(1.0, t, 10**9, settings) for t in (lengths, np.nextafter(lengths, 0))
    )
    assert at.tolist() == [1.0] * 9
    assert (before < 1e-12).all()


def test_polynomial_of_power_2_is_a_square():
    assert all_rates("polynomial", 1.0, 5, power=2) == pytest.approx([1, 16 / 25, 9 / 25, 4 / 25, 1 / 25])


def test_the_plateau_and_the_straight_lines_beside_it():
    got = all_rates("warmup_stable_decay", 0.3, 40, start_factor=0.2, warmup_share=0.25, decay_share=0.5)
    assert got == pytest.approx(
        np.interp(np.arange(40) / 40, [0, 0.25, 0.5, 1], [0.06, 0.3, 0.3, 0]).tolist(), rel=1e-12
    )


def test_inverse_sqrt_is_equation_3_of_its_source():
    """d_model^-0.5 min(step^-0.5, step warmup_steps^-1.5), with one step an epoch and a warm-up of 40 of 1000."""
    steps = np.arange(1, 1000.0)
    vaswani = 512**-0.5 * np.minimum(steps**-0.5, steps * 40**-1.5)
    got = all_rates("inverse_sqrt", (512 * 40) ** -0.5, 1000, start_factor=0, warmup_share=0.04)
    assert got[0] == 0
    assert got[1:] == pytest.approx(vaswani.tolist(), rel=1e-12)


def test_one_cycle_ends_where_its_factors_say():
    schedule = SCHEDULES["one_cycle"]
    settings = schedule.hyperparameters({"pct_start": 0.4, "div_factor": 10, "final_div_factor": 50})
    got = schedule.rate(0.2, np.array([0, 2, 4, 7, 10.0]), 10, settings)
    assert got == pytest.approx([0.02, 0.11, 0.2, (0.2 + 0.0004) / 2, 0.0004], rel=1e-12)


def test_triangles():
    got = all_rates("triangular", 1.0, 8, cycles=2, base_factor=0.2)
    assert got == pytest.approx([0.2, 0.6, 1.0, 0.6, 0.2, 0.6, 1.0, 0.6])


# --- warm-up and batches ---


def test_warm_up_climbs_in_equal_steps_and_then_leaves_the_schedule_alone():
    assert all_rates("constant", 0.5, 7, warmup=4) == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.5])
    plain, warmed = (all_rates("linear", 1.0, 10, warmup=w, final_lr=0) for w in (0, 3))
    assert warmed[:3] == pytest.approx([plain[0] / 4, plain[1] / 2, plain[2] * 3 / 4])
    assert warmed[3:] == plain[3:]


def test_warm_up_by_step_may_last_a_part_of_an_epoch():
    got = all_rates("constant", 1.0, 2, warmup=0.4, per_epoch=10)
    assert got == pytest.approx([0.2, 0.4, 0.6, 0.8] + [1.0] * 16)


def test_a_batch_without_a_rate_to_go_by():
    assert batch_sizes("linear", 0.0, 8, 10, 500, final_lr=0) == [10] * 8
    assert batch_sizes("step", 0.1, 20, 10, 500, decay_factor=1e-200)[11] == 500


def test_a_batch_waits_for_the_peak_of_a_warm_up():
    assert batch_sizes("triangular", 1.0, 8, 10, 500, base_factor=0.2) == [10, 10, 10, 10, 10, 12, 17, 25]


# --- settings ---


@pytest.mark.parametrize(
    ("settings", "schedule", "own"),
    [
        ({}, "constant", {}),
        ({"final_lr": 0.01}, "linear", {"final_lr": 0.01}),
        ({"final_lr": 0}, "linear", {"final_lr": 0.0}),
        ({"schedule": None, "final_lr": None}, "constant", {}),
        ({"schedule": np.str_("step"), "decay_every": np.int64(3)}, "step", {"decay_factor": 0.1, "decay_every": 3}),
        ({"schedule": "cosine", "final_lr": 0.02}, "cosine", {"final_lr": 0.02}),
        ({"schedule": "triangular", "cycles": 2}, "triangular", {"cycles": 2, "base_factor": 0.25}),
    ],
)
def test_flat_settings_that_are_the_schedule_s(settings, schedule, own):
    spec = from_settings(settings).spec
    assert (spec.schedule, spec.schedule_settings) == (schedule, own)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"schedule": "linear"}, "the linear schedule needs a value for final_lr"),
        ({"final_lr": -0.1}, r"final_lr of the linear schedule is -0.1; it must be a finite number in \[0, inf\)"),
        ({"final_lr": math.nan}, "final_lr of the linear schedule is nan"),
        ({"final_lr": math.inf}, "final_lr of the linear schedule is inf"),
        ({"final_lr": "much"}, "final_lr is 'much'"),
        ({"schedule": "cosine", "final_lr": -1e-9}, "final_lr of the cosine schedule is -1e-09"),
        ({"schedule": "constant", "final_lr": 0.1}, "final_lr is given, and the constant schedule takes no settings"),
        ({"schedule": "step", "decay_factor": 0.0}, "decay_factor of the step schedule is 0"),
        ({"schedule": "step", "decay_factor": math.nan}, "decay_factor of the step schedule is nan"),
        ({"schedule": "step", "decay_every": 0}, "decay_every of the step schedule is 0"),
        ({"schedule": "step", "decay_every": 1.5}, r"is 1.5; it must be a whole number in \[1, inf\)"),
        (
            {"schedule": "step", "final_lr": 0.1},
            "final_lr is given, and the step schedule takes decay_factor, decay_ev",
        ),
        (
            {"schedule": "exponential", "decay_every": 2},
            "is a setting of the step schedule, and the exponential schedule",
        ),
        ({"schedule": "exponential", "decay_factor": -0.5}, "decay_factor of the exponential schedule is -0.5"),
        ({"schedule": "exponential", "decay_factor": object()}, "decay_factor is <object object>"),
        (
            {"decay_factor": 0.5},
            "is a setting of the exponential and step schedules, and the constant schedule takes no",
        ),
        ({"schedule": "one_cycle", "pct_start": 1}, r"pct_start of the one_cycle schedule is 1; .* \(0, 1\)"),
        ({"schedule": "cosin"}, "unknown schedule 'cosin'; did you mean 'cosine'"),
        ({"schedule": 3}, "3 is no schedule: give a name, a file such as my_file.py:my_name"),
        ({"schedule": math.sqrt}, "what @ravine.schedule makes of a function"),
        ({"schedule": "exponential", "decay_factor": 1e20}, "gives a learning rate of .* at epoch 2 of 10"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, words):
    with pytest.raises(ConfigError, match=words) as refusal:
        resolve(from_settings(settings))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("cosine_restarts", {"first_cycle": 1.02, "cycle_factor": 1.0}),
        ("triangular", {"cycles": 3, "base_factor": 0.0}),
        ("one_cycle", {}),
        ("inverse_sqrt", {}),
    ],
)
def test_a_rate_that_rises_while_the_batch_has_grown_stays_below_that_of_the_run(name, own):
    settings = {"schedule": name, "schedule_by": "step", "lr": 0.1, "epochs": 6, "batch_size": 10, **own}
    run = from_settings({**settings, "largest_batch": 500})
    for epoch in range(6):
        size = run.batch_size_in(epoch)
        # A size is rounded to a whole number of samples.
        assert run.rates_in(epoch, np.arange(600 // size), 600).max() <= 0.1 * (size + 0.5) / size + 1e-3


@pytest.mark.parametrize("name", ["epochs", "batch_size", "largest_batch"])
@pytest.mark.parametrize("count", [2**31, 10**30])
def test_a_count_beyond_any_run_is_refused(name, count):
    with pytest.raises(ConfigError, match="it must be a whole number of at most 2,147,483,647"):
        from_settings({"schedule": "cosine", name: count})


def test_a_layer_beyond_any_network_is_refused():
    with pytest.raises(ConfigError, match=r"layers has a layer of 1000.* it must have at most 2,147,483,647"):
        from_settings({"layers": [784, 10**40, 10]})

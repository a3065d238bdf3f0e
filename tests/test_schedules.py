from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ravine.errors import ConfigError
from ravine.schedules import (
    Constant,
    Cosine,
    Exponential,
    Linear,
    Step,
    grown_batch_size,
    learning_rates,
    make_schedule,
)

rates = st.floats(1e-6, 10)


def all_rates(schedule, lr: float, epochs: int, warmup: float = 0, per_epoch: int = 1) -> list[float]:
    """Return the rates of a run that changes them `per_epoch` times an epoch."""
    times = np.arange(epochs * per_epoch) / per_epoch
    return learning_rates(schedule, lr, times, epochs, warmup, 1 / per_epoch).tolist()


def test_the_linear_decay_of_figure_2():
    wanted = [0.1, 0.0901, 0.0802, 0.0703, 0.0604, 0.0505, 0.0406, 0.0307, 0.0208, 0.0109]
    assert all_rates(Linear(final_lr=0.001), 0.1, 10) == pytest.approx(wanted, rel=1e-15)


@given(rates, rates, st.integers(1, 300))
def test_linear_is_equation_5_in_exact_arithmetic(lr, final_lr, epochs):
    start, end = Fraction(lr), Fraction(final_lr)
    wanted = [start + (end - start) * Fraction(k, epochs) for k in range(epochs)]
    assert all_rates(Linear(final_lr=final_lr), lr, epochs) == pytest.approx([float(w) for w in wanted], rel=1e-14)
    assert all_rates(Linear(final_lr=final_lr), lr, epochs)[0] == lr


@given(rates, st.integers(1, 50))
def test_constant(lr, epochs):
    assert all_rates(Constant(), lr, epochs) == [lr] * epochs


@given(rates, st.floats(0.01, 2), st.integers(1, 7), st.integers(1, 40))
def test_step_multiplies_once_every_so_many_epochs(lr, factor, every, epochs):
    wanted, rate = [], lr
    for k in range(epochs):
        if k > 0 and k % every == 0:
            rate *= factor
        wanted.append(rate)
    assert all_rates(Step(decay_factor=factor, decay_every=every), lr, epochs) == pytest.approx(wanted, rel=1e-12)


@given(rates, st.floats(0.01, 2), st.integers(1, 40))
def test_exponential_multiplies_every_epoch(lr, factor, epochs):
    got = all_rates(Exponential(decay_factor=factor), lr, epochs)
    assert got[0] == lr
    assert got[1:] == pytest.approx([factor * before for before in got[:-1]], rel=1e-12)


@given(rates, rates, st.integers(1, 100))
def test_cosine_by_the_half_angle(lr, final_lr, epochs):
    wanted = [final_lr + (lr - final_lr) * math.cos(math.pi * k / (2 * epochs)) ** 2 for k in range(epochs)]
    assert all_rates(Cosine(final_lr=final_lr), lr, epochs) == pytest.approx(wanted, rel=1e-12)


def test_cosine_passes_the_middle_halfway_and_is_flat_at_its_start():
    got = all_rates(Cosine(), 1.0, 1000)
    assert got[500] == pytest.approx(0.5)
    assert got[0] - got[1] < 1e-5 < got[499] - got[500]


def test_warm_up_climbs_in_equal_steps_and_then_leaves_the_schedule_alone():
    assert all_rates(Constant(), 0.5, 7, warmup=4) == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.5])
    plain, warmed = (all_rates(Linear(final_lr=0.0), 1.0, 10, warmup=w) for w in (0, 3))
    assert warmed[:3] == pytest.approx([plain[0] / 4, plain[1] / 2, plain[2] * 3 / 4])
    assert warmed[3:] == plain[3:]


SCHEDULED = [Constant(), Linear(final_lr=0.02), Step(decay_factor=0.3, decay_every=2), Exponential(), Cosine()]


@pytest.mark.parametrize("schedule", SCHEDULED)
@pytest.mark.parametrize("warmup", [0, 2])
def test_by_step_is_by_epoch_with_epochs_as_long_as_steps(schedule, warmup):
    # Time is counted in epochs, so settings that count epochs become settings that count steps.
    stretched = {
        Step: Step(decay_factor=0.3, decay_every=2 * 60),
        Exponential: Exponential(decay_factor=0.9 ** (1 / 60)),
    }.get(type(schedule), schedule)
    wanted = all_rates(stretched, 0.1, 6 * 60, warmup * 60)
    assert all_rates(schedule, 0.1, 6, warmup, per_epoch=60) == pytest.approx(wanted, rel=1e-12)


def test_warm_up_by_step_may_last_a_part_of_an_epoch():
    got = all_rates(Constant(), 1.0, 2, warmup=0.4, per_epoch=10)
    assert got == pytest.approx([0.2, 0.4, 0.6, 0.8] + [1.0] * 16)


@given(st.sampled_from(SCHEDULED[1:]), rates, st.integers(1, 100), st.integers(0, 1000))
def test_a_batch_that_grows_leaves_the_ratio_of_rate_and_batch_as_it_would_be(schedule, lr, smallest, more):
    falling = all_rates(schedule, lr, 8)
    sizes = [grown_batch_size(schedule, lr, k, 8, smallest, smallest + more) for k in range(8)]
    for rate, size in zip(falling, sizes, strict=True):
        exact = min(max(Fraction(smallest) * Fraction(lr) / Fraction(rate), smallest), smallest + more)
        assert abs(size - exact) <= Fraction(1, 2) + Fraction(1, 10**9)


def test_a_batch_without_a_rate_to_go_by():
    assert grown_batch_size(Linear(final_lr=0.0), 0.0, 3, 8, 10, 500) == 10
    assert grown_batch_size(Step(decay_factor=1e-200), 0.1, 11, 20, 10, 500) == 500


@pytest.mark.parametrize(
    ("kind", "settings", "schedule"),
    [
        (None, {}, Constant()),
        (None, {"final_lr": 0.01}, Linear(final_lr=0.01)),
        (None, {"final_lr": 0.0}, Linear(final_lr=0.0)),
        ("constant", {}, Constant()),
        ("linear", {"final_lr": 0.5}, Linear(final_lr=0.5)),
        ("step", {}, Step()),
        ("step", {"decay_factor": 0.5, "decay_every": 3}, Step(decay_factor=0.5, decay_every=3)),
        ("exponential", {"decay_factor": 0.5, "decay_every": None}, Exponential(decay_factor=0.5)),
        ("cosine", {"final_lr": 0.02}, Cosine(final_lr=0.02)),
        ("cosine", {}, Cosine(final_lr=0.0)),
    ],
)
def test_make_schedule(kind, settings, schedule):
    assert make_schedule(kind, **settings) == schedule


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("linear", {}),
        ("linear", {"final_lr": -0.1}),
        ("linear", {"final_lr": math.nan}),
        ("linear", {"final_lr": math.inf}),
        ("linear", {"final_lr": "much"}),
        ("cosine", {"final_lr": -1e-9}),
        ("constant", {"final_lr": 0.1}),
        ("step", {"decay_factor": 0.0}),
        ("step", {"decay_factor": math.nan}),
        ("step", {"decay_factor": math.inf}),
        ("step", {"decay_every": 0}),
        ("step", {"decay_every": 1.5}),
        ("step", {"final_lr": 0.1}),
        ("exponential", {"decay_every": 2}),
        ("exponential", {"decay_factor": -0.5}),
        ("exponential", {"decay_factor": object()}),
        (None, {"decay_factor": 0.5}),
    ],
)
def test_settings_that_do_not_fit_are_refused(kind, settings):
    with pytest.raises(ConfigError, match="schedule"):
        make_schedule(kind, **settings)


def test_an_unknown_schedule_brings_the_nearest_to_mind():
    with pytest.raises(ConfigError, match="unknown schedule 'cosin'; did you mean 'cosine'"):
        make_schedule("cosin")

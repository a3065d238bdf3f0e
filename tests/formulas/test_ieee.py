"""Numbers of the step alone, as IEEE 754 has them, and what is said of one that is not finite."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

from optimizer_cases import ELEMENTWISE
from ravine.errors import ConfigError
from ravine.formulas.elementwise import rule
from ravine.formulas.ieee import as_ieee
from ravine.formulas.not_finite import fault_of_numbers
from ravine.formulas.shelves import OPTIMIZERS


def number(rule, t, **hyper):
    """Return what a rule multiplies a gradient of 1 with at step t."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        step, _ = rule.formula.taker()({"g": np.ones(1), "t": float(t), "w": np.ones(1)}, {**rule.defaults, **hyper})
    (found,) = step
    return float(found)


@rule
def powered(g, t, *, lr=1.0, base=2.0, exponent=0.5):
    return lr * base**exponent * g


@rule
def divided(g, t, *, lr=1.0, one=1.0, other=0.0):
    return lr * (one / other) * g


@rule
def counted(g, t, *, lr=1.0, one=1.0, other=0.0):
    return lr * (one // other + 0 * (one % other)) * g


@rule
def raised(g, t, *, lr=1.0, base=2.0, exponent=0.5):
    return lr * np.power(base, exponent) * g


# IEEE 754-2019, 9.2.1, has the values of pow; 7.3 those of quotients.
@pytest.mark.parametrize("rule", [powered, raised])
@pytest.mark.parametrize(
    ("base", "exponent", "value"),
    [
        (-8.0, 1 / 3, math.nan),
        (-2.0, 0.5, math.nan),
        (10.0, 400.0, math.inf),
        (-10.0, 401.0, -math.inf),
        (0.0, -1.0, math.inf),
        (-0.0, -3.0, -math.inf),
        (0.0, 0.0, 1.0),
        (-math.inf, 0.5, math.inf),
        (1.0, math.nan, 1.0),
        (1e-200, 2.0, 0.0),
    ],
)
def test_powers(rule, base, exponent, value):
    np.testing.assert_equal(number(rule, 1, base=base, exponent=exponent), value)


@pytest.mark.parametrize(
    ("one", "other", "value"),
    [(1.0, 0.0, math.inf), (-3.0, 0.0, -math.inf), (1.0, -0.0, -math.inf), (0.0, 0.0, math.nan)],
)
def test_quotients(one, other, value):
    np.testing.assert_equal(number(divided, 1, one=one, other=other), value)


def test_a_remainder_by_zero_is_no_number():
    assert math.isnan(number(counted, 1))
    assert number(counted, 1, one=7.5, other=2.0) == 3.0


@rule
def chosen(g, t, *, lr=0.1):
    return lr * np.where(t > 3, 1 / (t - 3), 2.0) * g


def test_what_is_not_chosen_does_not_count():
    assert [number(chosen, t) for t in (1, 3, 4, 7)] == pytest.approx([0.2, 0.2, 0.1, 0.025])
    assert all(fault_of_numbers(chosen.formula, t, chosen.defaults) is None for t in (1, 3, 4))


@rule
def bounded(g, t, *, lr=0.5, growth=3.0):
    rate = lr * min(1.0, 1e-4 * growth**t)
    return rate * g


def test_an_overflow_that_is_bounded_is_no_fault():
    assert number(bounded, 10_000) == 0.5
    assert fault_of_numbers(bounded.formula, 10_000, bounded.defaults) is None


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_a_step_is_that_of_the_function_as_it_is_written(name):
    one = ELEMENTWISE[name]
    rng = np.random.default_rng(5)
    hyper = {key: 0.01 if value is None else value for key, value in one.defaults.items()}
    arrays = {
        key: np.abs(rng.normal(size=9))
        for key in ("g", "w", "noise", "norm", "layer_norm", "weight_norm", *one.formula.slots)
    }
    given = {**arrays, "t": 5.0}
    step, slots = one.formula.taker()(given, hyper)
    written = one(*(given[key] for key in one.formula.arguments), **hyper)
    written = written if isinstance(written, tuple) else (written,)
    for ours, theirs in zip((step, *slots.values()), written, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_numbers_of_the_step_do_not_widen_arrays(dtype):
    @rule
    def widening(g, v, t, *, lr=0.1):
        v = np.sqrt(lr) * v + np.where(t > 2, np.exp(-t), 1.0) * g
        return np.maximum(lr, 1e-3) * v, v

    given = {"g": np.ones(3, dtype), "v": np.ones(3, dtype), "t": 4.0}
    step, slots = widening.formula.taker()(given, {"lr": 0.3})
    assert step.dtype == slots["v"].dtype == dtype


@rule
def rooted(g, t, *, lr=0.1):
    early = t - 7
    return lr * early**0.5 * g


@rule
def logged(g, w, t, *, lr=0.1):
    rate = lr / np.log(t)
    return np.where(w > 0, rate * g, g)


@rule
def shrinks(g, t, *, lr=0.1):
    return lr * g / (t - 4)


@rule
def explodes(g, t, *, lr=0.1, growth=10.0):
    return lr * growth**t * g


@pytest.mark.parametrize(
    ("rule", "t", "told", "mend", "sound"),
    [
        (rooted, 2, "early ** 0.5 is nan at step 2.", "np.maximum(early, 0) ** 0.5", 7),
        (logged, 1, "lr / np.log(t) is inf at step 1.", "lr / np.maximum(np.log(t), 1)", 2),
        (shrinks, 4, "lr * g / (t - 4) divides by 0 at step 4.", "(lr * g) / np.maximum(t - 4, 1)", 5),
        (explodes, 400, "growth ** t is inf at step 400.", "min(growth ** t", 100),
    ],
)
def test_a_fault_names_the_first_number_that_is_not_finite_and_what_to_write(rule, t, told, mend, sound):
    fault, instead = fault_of_numbers(rule.formula, t, rule.defaults)
    assert fault.endswith(told)
    assert mend in instead
    assert fault_of_numbers(rule.formula, sound, rule.defaults) is None


def test_a_fault_names_its_line(tmp_path):
    file = tmp_path / "late.py"
    file.write_text(
        "from ravine import rule\n\n\n@rule\ndef late(g, t, *, lr=0.1):\n    # a comment\n    a = t - 2\n"
        "    return lr * (\n        3 / a\n    ) * g\n"
    )

    late = OPTIMIZERS.find(f"{file}:late")
    assert fault_of_numbers(late.formula, 2, {"lr": 0.1})[0] == f"{file}:9: 3 / a is inf at step 2."
    assert fault_of_numbers(late.formula, 3, {"lr": 0.1}) is None


def half(w, t, *, lr):
    rate = (t - 3) ** 0.5 + 10.0 ** (t * t) + 1 / (lr - lr)
    return np.where(t > 0, 1 / t, 0.5) * w + 0 * np.isnan(rate)


@rule(evaluated=half)
def halved(g, *, lr=0.1):
    return lr * g


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_evaluated_weights_have_numbers_of_ieee_754(dtype):
    w = np.array([1.0, -4.0], dtype)
    for t, share in ((0, 0.5), (1, 1.0), (4, 0.25), (10_000, 1e-4)):
        found = halved.evaluate([w], {}, t, [{"lr": 0.1}])[0]
        np.testing.assert_allclose(found, share * w, rtol=1e-6)
        assert found.dtype == dtype


def test_a_fault_of_a_form_keeps_its_line(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from ravine import rule\n\n\ndef form(w: list, t) -> list:\n    a = 1 / t\n    return w * missing\n\n\n"
        "@rule(evaluated=form)\ndef mine(g, *, lr=0.1):\n    return lr * g\n"
    )
    with pytest.raises(ConfigError, match=r"mine\.py:6: rule mine fails with NameError"):
        OPTIMIZERS.find(f"{tmp_path}/mine.py").evaluate([np.ones(2)], {}, 0, [{"lr": 0.1}])


def test_a_form_sees_what_is_around_it():
    def made(scale):
        def form(w, t):
            return [scale[0] / part for part in (t, 2.0)]

        return as_ieee(form)

    scale = [1.0]
    form = made(scale)
    with np.errstate(all="ignore"):
        assert form(0, 0.0) == [math.inf, 0.5]
        scale[0] = -1.0
        assert form(0, 0.0) == [-math.inf, -0.5]


def test_a_form_sees_the_values_that_a_closure_has_now():
    def made():
        scale = 1.0

        def form(w, t):
            return scale * w / t

        def change(value):
            nonlocal scale
            scale = value

        return form, change

    form, change = made()
    with np.errstate(all="ignore"):
        assert as_ieee(form)(2.0, 0.0) == math.inf
        change(-3.0)
        assert as_ieee(form)(2.0, 0.0) == -math.inf
        assert as_ieee(form)(2.0, 1.0) == -6.0

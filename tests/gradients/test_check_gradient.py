"""`check_gradient` for plain callables: it passes what it saw to be right, and nothing else."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

import ravine
from ravine.errors import ConfigError, UsageError
from ravine.gradients import METHODS, check_gradient

SCALES = np.array([[1.0, -2.0, 0.5], [3.0, 0.1, -1.0]])
X = [0.7, -1.9, 3.2]


def f(x):
    return (np.sin(x) * SCALES[: len(x)]).sum() + x.sum() ** 2


def df(x):
    return np.cos(x) * SCALES[: len(x)] + 2 * x.sum()


@pytest.fixture(params=METHODS)
def method(request):
    return request.param


def point(shape=(2, 3), dtype="float64", seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def test_it_is_public():
    assert ravine.check_gradient is check_gradient


def test_a_right_gradient_passes(method):
    for seed in range(20):
        check = check_gradient(f, df, point(seed=seed), method=method)
        assert check
        assert check.passed is True
        assert (check.answer, check.cause, str(check)) == ("passes", "", "passes")
        assert list(check.methods) == [method]
        assert check.methods[method].verdict.right == check.errors.compared == 6
        assert check.errors.max_relative_error < 1e-5
    if method == "complex":
        assert check.errors.max_relative_error < 1e-13


def test_float32_is_seen_as_far_as_the_method_goes():
    for seed in range(10):
        x = point(dtype="float32", seed=seed)
        for method in METHODS:
            check = check_gradient(f, df, x, method=method)
            assert check.answer in ("passes", "cannot tell")
            assert not check_gradient(f, lambda x: np.float32(1.002) * df(x), x, method=method)
        assert check_gradient(f, df, x, method="complex")


def test_long_doubles(method):
    for seed in range(20):
        assert check_gradient(f, df, point(dtype="longdouble", seed=seed) / 100, method=method)


@pytest.mark.parametrize("shape", [(), (1,), (4,), (2, 2), (2, 1, 3)])
def test_any_shape(shape, method):
    x = point(shape)
    check = check_gradient(lambda x: (x**3).sum(), lambda x: 3 * x**2, x, method=method)
    assert check.passed
    assert all(len(each.index) == x.ndim for each in check.worst)
    assert len(check.worst) == min(5, x.size)


def test_lists_and_whole_numbers_are_taken_as_numbers(method):
    for dtype in (int, np.int8, np.uint64, bool):
        assert check_gradient(lambda x: (x**2).sum(), lambda x: 2 * x, np.array([1, 1, 0], dtype), method=method)
    assert check_gradient(lambda x: x**2, lambda x: 2 * x, 3, method=method)


def test_the_loss_may_come_as_an_array_of_one(method):
    assert check_gradient(lambda x: (x**2).sum(keepdims=True), lambda x: 2 * x, [1.0, 2.0], method=method)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x: -df(x),
        lambda x: 1.001 * df(x),
        lambda x: df(x).T.reshape(x.shape),
        lambda x: np.roll(df(x), 1, axis=0),
        lambda x: df(x) * (x > 0),
        lambda x: df(x) * np.nan,
        lambda x: df(x) + np.inf,
        lambda x: np.zeros_like(x),
    ],
)
def test_a_wrong_gradient_fails(wrong, method):
    check = check_gradient(f, wrong, point(seed=1), method=method)
    assert not check
    assert (check.passed, check.answer) == (False, "fails")


def test_the_wrong_component_is_named_first(method):
    def wrong(x):
        g = df(x)
        g[1, 2] += 0.1
        return g

    check = check_gradient(f, wrong, point(), method=method)
    for worst in (check.worst[0], check.methods[method].worst[0]):
        assert worst.index == (1, 2)
        assert worst.analytic == wrong(point())[1, 2]
        assert worst.numerical == pytest.approx(df(point())[1, 2], rel=1e-5)
        assert abs(worst.numerical - df(point())[1, 2]) <= worst.bound
        assert worst.h > 0
    assert check.methods[method].verdict.wrong == 1
    assert str(check).startswith(
        f"fails: component (1, 2) is {worst.analytic:g} and must be {worst.numerical:g}, within "
    )


def test_a_nan_is_named_first(method):
    def wrong(x):
        g = df(x)
        g[0, 1] = np.nan
        return g

    assert check_gradient(f, wrong, point(), method=method).worst[0].index == (0, 1)


def test_rtol_is_the_error_that_a_right_gradient_may_have(method):
    def rough(x):
        return 1.004 * df(x)

    assert check_gradient(f, rough, point(), method=method).answer == "fails"
    assert check_gradient(f, rough, point(), method=method, rtol=1e-2)
    assert check_gradient(f, lambda x: 1.2 * df(x), point(), method=method, rtol=1e-2).answer == "fails"


# What a check cannot see it must not pass.

FLAT_TO_ROUND_OFF = {
    "beside a huge constant": (lambda x: 1e25 + x.sum(), np.ones_like),
    "in one component": (
        lambda x: 1e11 * np.sin(x[0]) + 1e-13 * np.sin(x[1:]).sum(),
        lambda x: np.cos(x) * np.array([1e11, 1e-13, 1e-13]),
    ),
}


@pytest.mark.parametrize("name", FLAT_TO_ROUND_OFF)
@pytest.mark.parametrize("method", ["forward", "backward", "central"])
@pytest.mark.parametrize("plant", [lambda g: g, lambda g: -g, lambda g: g * [1, 0, 1], lambda g: g * [1, 1, 1.01]])
def test_what_round_off_hides_is_not_passed(name, method, plant):
    f, df = FLAT_TO_ROUND_OFF[name]
    check = check_gradient(f, lambda x: plant(df(x)), X, method=method)
    assert not check.passed
    if plant(df(np.array(X)))[0] == df(np.array(X))[0]:
        assert check.answer == "cannot tell"
        assert check.cause
        assert check.mend


def test_the_complex_step_sees_what_round_off_hides():
    f, df = FLAT_TO_ROUND_OFF["in one component"]
    both = ("central", "complex")
    check = check_gradient(f, df, X, method=both)
    assert check.passed
    assert {name: each.verdict.answer for name, each in check.methods.items()} == {
        "central": "cannot tell",
        "complex": "passes",
    }
    assert (check.methods["central"].verdict.right, check.methods["complex"].verdict.right) == (1, 3)
    for plant in ([1, 0, 1], [1, 1, 1.002], [1, -1, 1]):
        assert check_gradient(f, lambda x, p=plant: df(x) * p, X, method=both).answer == "fails"


@pytest.mark.parametrize("size", [1e-280, 1e-12, 1e-6, 1e6, 1e12, 1e290])
def test_the_size_of_f_does_not_matter(size, method):
    f, df = (lambda x: size * (np.sin(x) + x**2).sum()), (lambda x: size * (np.cos(x) + 2 * x))
    assert check_gradient(f, df, X, method=method)
    for plant in ([1, 1, 0], [1, -1, 1], [1.001, 1, 1]):
        assert check_gradient(f, lambda x, p=plant: df(x) * p, X, method=method).answer == "fails"


@pytest.mark.parametrize("size", [1e-150, 1e-12, 1e-5, 1e5, 1e12, 1e150])
def test_the_size_of_x_does_not_matter(size, method):
    f, df = (lambda x: np.log(x).sum() + (x[0] / x[1])), (lambda x: 1 / x + np.array([1 / x[1], -x[0] / x[1] ** 2]))
    x = np.array([1.3, 0.4]) * size
    assert check_gradient(f, df, x, method=method)
    for plant in ([1, 0], [-1, 1], [1, 1.001]):
        assert check_gradient(f, lambda x, p=plant: df(x) * p, x, method=method).answer == "fails"


def test_components_of_very_different_sizes_in_x(method):
    x = np.array([3e-12, 2.0, -4e11])
    f, df = (lambda x: np.log(x**2).sum()), (lambda x: 2 / x)
    assert check_gradient(f, df, x, method=method)
    for factors in 1 + 0.002 * np.eye(3):
        assert check_gradient(f, lambda x, p=factors: p * df(x), x, method=method).answer == "fails"


@pytest.mark.parametrize("method", ["forward", "backward", "central"])
@pytest.mark.parametrize("factor", [1, -1, 0])
def test_a_step_that_is_lost_in_x_sees_nothing(method, factor):
    check = check_gradient(f, lambda x: factor * df(x), point(), method=method, h=1e-19)
    assert check.answer == "cannot tell"
    assert check.cause == "the step is lost in x: x + h rounds to x, or nearly so"
    large = check_gradient(lambda x: (x**2).sum(), lambda x: 2 * factor * x, [1e13, 3e13], method=method, h=1e-6)
    assert large.cause == check.cause


@pytest.mark.parametrize(("h", "words"), [(1e-13, "round-off"), (2.0, "bends within the step")])
def test_a_step_that_is_too_short_or_too_long(h, words):
    check = check_gradient(f, df, point(), h=h)
    assert check.answer == "cannot tell"
    assert words in check.cause


def test_a_step_that_is_given_is_the_one_that_is_taken(method):
    check = check_gradient(f, df, point(), method=method, h=2.0**-17)
    assert check.passed
    assert {each.h for each in check.worst} == {2.0**-17}
    if method == "forward":
        index = check.worst[0].index
        moved = point()
        moved[index] += 2.0**-17
        assert check.worst[0].numerical == (f(moved) - f(point())) / (moved - point())[index]


KINKS = {
    "abs": (lambda x: np.abs(x).sum(), np.sign, [0.0, 1.0]),
    "norm": (np.linalg.norm, lambda x: 0 * x, [0.0, 0.0]),
    "max": (np.max, lambda x: (np.arange(2) == 0) * 1.0, [2.0, 2.0]),
    "relu": (lambda x: np.maximum(x, 0).sum(), lambda x: (x > 0) * 1.0, [0.0, 1.0]),
    "a jump": (lambda x: np.floor(x).sum() + x[1], lambda x: np.array([0.0, 1.0]), [3.0, 0.5]),
}


@pytest.mark.parametrize("name", KINKS)
def test_at_a_kink_there_is_no_derivative_to_check(name, method):
    f, df, x = KINKS[name]
    check = check_gradient(f, df, x, method=method)
    assert check.answer == "cannot tell"
    if method != "complex" and name != "a jump":
        assert check.cause == "f has a kink or a jump there: differences to either side disagree"


@pytest.mark.parametrize("name", ["abs", "norm", "max", "relu"])
@pytest.mark.parametrize("method", ["forward", "backward", "central"])
def test_beside_a_kink_there_is_one(name, method):
    f, df, _ = KINKS[name]
    df = {"norm": lambda x: x / np.linalg.norm(x), "max": lambda x: (x == x.max()) * 1.0}.get(name, df)
    for x in ([0.3, -1.7], [-1e-7, 2e-7], [4e9, 3e9], [1.0, 1.0 + 1e-9]):
        x = np.array(x)
        assert check_gradient(f, df, x, method=method), x
        assert check_gradient(f, lambda x: -df(x), x, method=method).answer == "fails"
        assert check_gradient(f, lambda x: 1.002 * df(x), x, method=method).answer == "fails"
    if name == "relu":
        assert check_gradient(f, np.ones_like, [0.3, -1.7], method=method).answer == "fails"


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (np.linalg.norm, "returns a real number for a complex x"),
        (lambda x: np.abs(x).sum() + x[0] ** 2, "not confirmed by a real difference"),
        (lambda x: (x * x.conj()).sum() + 0j * x[0], "not confirmed by a real difference"),
        (lambda x: sum(math.sin(each.item()) for each in x), "does not take complex numbers"),
        (lambda x: float(np.asarray(x, float).sum()), "returns a real number for a complex x"),
    ],
)
@pytest.mark.parametrize("df", [lambda x: 0 * x, np.ones_like, lambda x: x])
def test_the_complex_step_says_nothing_of_what_is_not_analytic(f, words, df):
    def real(x):
        value = f(x)
        return value if np.iscomplexobj(x) else np.real(value)

    check = check_gradient(real, df, X, method="complex")
    assert check.answer == "cannot tell"
    assert words in check.cause


def test_a_norm_is_judged_by_the_difference_where_the_complex_step_is_blind():
    both = ("complex", "central")
    assert check_gradient(np.linalg.norm, lambda x: x / np.linalg.norm(x), X, method=both)
    assert check_gradient(np.linalg.norm, lambda x: 0 * x, X, method=both).answer == "fails"


# A zero is seen, or it is not.

ONE_ZERO = np.array([1.0, 0.0, -2.0])

ZEROS = {
    "ignored": (lambda x: np.sin(x[0]) + 3 * x[2], lambda x: np.array([np.cos(x[0]), 0, 3])),
    "times zero": (lambda x: np.sin(ONE_ZERO * x).sum(), lambda x: ONE_ZERO * np.cos(ONE_ZERO * x)),
    "even at 0": (lambda x: (x**2).sum() + x[0], lambda x: 2 * x + np.array([1.0, 0, 0])),
    "cubic at 0": (lambda x: (x**3).sum() + x[0], lambda x: 3 * x**2 + np.array([1.0, 0, 0])),
    "fourth power at 0": (lambda x: (x**4).sum() + x[0], lambda x: 4 * x**3 + np.array([1.0, 0, 0])),
    "norm at 0": (lambda x: np.sqrt((x * x).sum()), lambda x: x / np.sqrt((x * x).sum())),
    "off": (lambda x: np.where(x.real > 0.1, 5 * (x - 0.1), 0).sum(), lambda x: (x > 0.1) * 5.0),
    "off, beside much": (
        lambda x: 1e9 + 100 * (x[0] + x[2]) + np.where(x[1].real > 0.1, (x[1] - 0.1) / 20, 0),
        lambda x: np.array([100, (x[1] > 0.1) / 20, 100]),
    ),
    "off, softly": (lambda x: np.where(x.real > 0.1, (x - 0.1) ** 2, 0).sum(), lambda x: (x > 0.1) * 2 * (x - 0.1)),
}


@pytest.mark.parametrize("name", ZEROS)
def test_a_zero_is_seen(name, method):
    f, df = ZEROS[name]
    x = np.array([0.7, 0.0, 1.3])
    check = check_gradient(f, df, x, method=method)
    assert check.passed, check
    assert check_gradient(f, lambda x: df(x) + np.array([0, 1e-3, 0]), x, method=method).answer == "fails"


def test_a_zero_that_only_real_numbers_could_show_is_not_seen():
    def hidden(x):
        return 1e12 * np.sin(x[0]) + 1e-12 * np.abs(np.sin(x[1]))

    def half(x):
        return np.array([1e12 * np.cos(x[0]), 0])

    check = check_gradient(hidden, half, [0.4, 0.9], method=("central", "complex"))
    assert check.answer == "cannot tell"
    assert "a derivative of zero cannot be told" in check.cause


@pytest.mark.parametrize(
    "f",
    [
        lambda x: 1e18 * x[0] ** 2 + x[1].real,
        lambda x: 1e18 * x[0] ** 2 + np.sin(x[1].real),
        lambda x: x[0] ** 2 + 1e-19 * x[1].real ** 3,
        lambda x: x[0] ** 2 + 1e-17 * np.asarray(x[1]).real.astype(np.float32),
    ],
)
def test_what_reads_the_real_part_alone_is_not_seen_to_be_zero(f, method):
    step = np.array([0.5, 0])

    def half(x):
        return np.array([f(x + step) - f(x - step), 0])  # exact for a square

    assert check_gradient(f, half, [3.0, 0.8], method=method).answer == "cannot tell"


def test_a_kink_farther_off_does_not_hide_a_small_slope(method):
    def hinges(x):
        return float(1e3 * np.maximum(x - 1, 0).sum().real + 1e-15 * np.sin(x).sum().real)

    def forgetful(x):
        return 1e3 * (x > 1) + 1e-15 * np.cos(x) * (x > 1)

    assert check_gradient(hinges, forgetful, [0.3, 1.6, 2.4], method=method).answer == "cannot tell"


def test_a_slope_where_all_else_is_flat_is_not_taken_for_zero():
    x = np.array([0.0, 50.0])

    def f(x):
        return np.cos(x[0]) + 1e-11 * x[0] + x[1] ** 2

    def flat(x):
        return np.array([-np.sin(x[0]), 2 * x[1]])

    assert check_gradient(f, flat, x).answer == "cannot tell"
    assert check_gradient(f, flat, x, method="complex").answer == "fails"


def test_a_minimum_in_many_components():
    minimum = np.random.default_rng(5).normal(size=400)
    minimum[0] = 0

    def df(x):
        return 2 * (x - minimum)

    x = minimum + np.eye(1, 400)[0]
    assert check_gradient(lambda x: ((x - minimum) ** 2).sum(), df, x).passed
    assert check_gradient(lambda x: ((x - minimum) ** 2).sum(), lambda x: df(x) + 1e-6, x).answer == "fails"


def test_where_everything_is_zero_nothing_is_proved(method):
    for f in (lambda x: 7.0, lambda x: (x * 0).sum(), lambda x: np.maximum(x - 100, 0).sum()):
        check = check_gradient(f, lambda x: 0 * x, X, method=method)
        assert check.answer == "cannot tell"
        assert "zero" in check.cause or method == "complex"
        assert check_gradient(f, lambda x: 0 * x + [0, 1, 0], X, method=method).answer in ("fails", "cannot tell")


# Gradients that lose digits.


@pytest.mark.parametrize("size", [13.0, 15.0, 16.0])
def test_digits_that_cancel_are_no_error(size):
    x = np.array([size, -size / 2, 0.3])

    def slope(x):
        return 1 - np.tanh(x) ** 2  # exact to 1e-16 of 1, and not of itself

    for method in ("complex", ("central", "complex")):
        assert check_gradient(lambda x: np.tanh(x).sum(), slope, x, method=method).answer != "fails"
        assert check_gradient(lambda x: np.tanh(x).sum(), lambda x: 2 * slope(x), x, method=method).answer == "fails"


@pytest.mark.parametrize("logit", [7.0, 8.0, 10.0])
def test_a_probability_minus_one_in_float32_is_no_error(logit):
    def loss(z):
        return np.log(np.exp(z - logit).sum()) - (z[0] - logit)

    def slope(z):
        e = np.exp(z - z.max())
        return e / e.sum() - np.eye(1, 3, dtype=z.dtype)[0]

    z = np.array([logit, 0.4, -0.7], np.float32)
    assert check_gradient(loss, slope, z, method=("central", "complex")).answer != "fails"
    assert check_gradient(loss, lambda z: -slope(z), z, method=("central", "complex")).answer == "fails"


# Functions that misbehave.


def test_noise_is_seen_and_told():
    rng = np.random.default_rng(0)
    noisy = check_gradient(lambda x: (x**3).sum() + rng.normal(), lambda x: 3 * x**2, X)
    assert noisy.answer == "cannot tell"
    assert "another number each time" in noisy.cause
    faint = 1e-10
    assert check_gradient(lambda x: (x**3).sum() + faint * rng.normal(), lambda x: 3 * x**2, X)
    assert check_gradient(lambda x: (x**3).sum() + faint * rng.normal(), lambda x: 0 * x, X).answer == "fails"
    random_gradient = check_gradient(lambda x: (x**3).sum(), lambda x: 3 * x**2 * rng.normal(1, 0.1, 3), X)
    assert random_gradient.answer == "cannot tell"
    assert "the gradient itself has too few digits" in random_gradient.cause


@pytest.mark.parametrize("wrong", [False, True])
def test_a_rounded_function_is_not_mistaken_for_a_smooth_one(wrong, method):
    def df(x):
        return 0 * x if wrong else 2 * x

    for rounded in (
        lambda x: round(float((x.real**2).sum()), 4),
        lambda x: float(np.floor(1e5 * (x.real**2).sum()) / 1e5),
        lambda x: np.float16((x.real**2).sum()),
    ):
        answer = check_gradient(rounded, df, X, method=method).answer
        assert answer == "cannot tell" or answer == ("fails" if wrong else "passes")


def test_float32_inside_or_returned():
    for f in (lambda x: float((np.float32(x) ** 2).sum()), lambda x: np.float32((x**2).sum())):
        assert check_gradient(f, lambda x: 2 * x, X).answer != "fails"
        assert check_gradient(f, lambda x: 2.02 * x, X).answer == "fails"
        assert not check_gradient(f, lambda x: 2.002 * x, X)


def test_a_function_that_is_not_finite(method):
    for value in (np.nan, np.inf):
        check = check_gradient(lambda x, v=value: v * (x * x).sum(), lambda x: 2 * x, X, method=method)
        assert check.answer == "cannot tell"
        assert check.cause == f"f(x) is {value}"
        assert check.methods[method].verdict.wrong == 0
    # The ends of where it is finite are near, or beside x.
    assert check_gradient(lambda x: np.log(x).sum(), lambda x: 1 / x, [1e-9, 2.0], method=method)
    beside = check_gradient(lambda x: np.sqrt(x).sum(), lambda x: 0.5 / np.sqrt(x), [0.0, 1.0], method=method)
    assert beside.answer in ("fails", "cannot tell")  # Its derivative there is infinite.
    steep = check_gradient(lambda x: np.exp(300 * x).sum(), lambda x: 300 * np.exp(300 * x), [2.3, 1.0], method=method)
    assert steep.answer in ("passes", "cannot tell")


def test_a_function_that_raises_beside_x():
    def strict(x):
        if x[0] > 1:
            raise ValueError("x is above 1")
        return float((x**2).sum())

    assert check_gradient(strict, lambda x: 2 * x, [0.5, 2.0])
    assert check_gradient(strict, lambda x: 2 * x, [1.0, 2.0]).answer == "cannot tell"
    assert check_gradient(strict, lambda x: 2 * x, [1.0, 2.0], method="backward")
    with pytest.raises(ConfigError, match="f fails at x with ValueError: x is above 1") as error:
        check_gradient(strict, lambda x: 2 * x, [1.5, 2.0])
    assert isinstance(error.value.__cause__, ValueError)
    with pytest.raises(ConfigError, match="grad fails at x with IndexError"):
        check_gradient(strict, lambda x: x[2:][0], [0.5, 2.0])


@pytest.mark.parametrize("x", [1e-320, 5e-324, [1e-310, 1.0], np.float32(1e-42), 1e308, [1e308, 1e-308], [1e160, 1.0]])
def test_numbers_at_the_ends_of_a_dtype(x, method):
    assert check_gradient(lambda x: (x**2).sum(), lambda x: 0 * x, x, method=method).answer != "passes"
    assert check_gradient(lambda x: (x**2).sum(), lambda x: 2 * x, x, method=method).answer != "fails"


def test_no_warning_comes_out(method):
    def loud(x):
        warnings.warn("look", stacklevel=1)
        return np.exp(x**3).sum()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert check_gradient(loud, lambda x: 3 * x**2 * np.exp(x**3), [2.0, 0.5], method=method)


def test_functions_on_two_scales_are_seen_on_the_finer_one():
    def f(x):
        return (np.sin(x) + 1e-6 * np.sin(1e5 * x)).sum()

    assert check_gradient(f, lambda x: np.cos(x) + 0.1 * np.cos(1e5 * x), X)
    assert check_gradient(f, np.cos, X).answer == "fails"


def test_many_components():
    rng = np.random.default_rng(3)
    x, w = rng.normal(size=1500), rng.normal(size=1500)
    f, df = (lambda x: np.tanh(w * x).sum()), (lambda x: w / np.cosh(w * x) ** 2)
    assert check_gradient(f, df, x)
    wrong = df(x)
    wrong[[40, 41]] = wrong[[41, 40]]
    check = check_gradient(f, lambda x: wrong, x)
    assert check.answer == "fails"
    assert {each.index for each in check.worst[:2]} == {(40,), (41,)}


def test_callables_that_write_into_x_do_no_harm(method):
    def f_in_place(x):
        x **= 2
        return x.sum()

    def df_in_place(x):
        x *= 2
        return x

    x = point()
    before = x.copy()
    assert check_gradient(f_in_place, df_in_place, x, method=method)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        ([], "at least one"),
        ([1j], "give real numbers"),
        (["a"], "give real numbers"),
        ([None], "give real numbers"),
        ([1.0, np.nan], "not finite"),
        ([[1.0], [1.0, 2.0]], "not an array"),
    ],
)
def test_bad_x(x, words):
    with pytest.raises(ConfigError, match=words):
        check_gradient(f, df, x)


@pytest.mark.parametrize("returned", [np.ones(2), np.ones(0), "high", None])
def test_a_function_that_returns_no_number(returned, method):
    with pytest.raises(ConfigError, match="must return one"):
        check_gradient(lambda x: returned, df, point(), method=method)


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (np.ones(3), r"the gradient has shape \(3,\); it must have that of x, \(2, 3\)"),
        (np.ones((3, 2)), r"the gradient has shape \(3, 2\)"),
        (1.0, r"the gradient has shape \(\)"),
        (None, "the gradient has dtype object; it must be real numbers"),
        (np.ones((2, 3)) * 1j, "the gradient has dtype complex128"),
        ([[1.0], [1.0, 2.0]], "the gradient is not an array"),
    ],
)
def test_a_gradient_that_is_none(returned, words):
    with pytest.raises(ConfigError, match=words):
        check_gradient(f, lambda x: returned, point())


def cubes(x):
    return (x**3).sum()


def slopes(x):
    return 3 * x**2


@pytest.mark.parametrize("x", [[1.0, 2.0], [1.0], point(), 3.0])
@pytest.mark.parametrize("kind", [tuple, list])
def test_several_values_in_place_of_one_are_told_with_what_to_write(x, kind):
    x = np.array(x)
    with pytest.raises(ConfigError) as caught:
        check_gradient(cubes, lambda x: kind([cubes(x), slopes(x)]), x)
    if x.shape:
        assert str(caught.value) == (
            f"grad returns a {kind.__name__} of 2 values, of which the second has the shape of x: return that alone, "
            "as in `lambda x: grad(x)[1]`."
        )
    with pytest.raises(ConfigError) as caught:
        check_gradient(lambda x: kind([cubes(x), slopes(x)]), slopes, x)
    if x.shape:
        assert str(caught.value) == (
            f"f returns a {kind.__name__} of 2 values, of which the first is one number: return that alone, as in "
            "`lambda x: f(x)[0]`."
        )
    # What the message says to write is right.
    assert check_gradient(cubes, lambda x: (cubes(x), slopes(x))[1], x)
    assert check_gradient(lambda x: (cubes(x), slopes(x))[0], slopes, x)


def test_two_numbers_at_a_number_have_no_order():
    with pytest.raises(ConfigError, match=r"grad returns a tuple of 2 values; it must return one alone\."):
        check_gradient(cubes, lambda x: (cubes(x), slopes(x)), 3.0)


def test_a_tuple_or_a_list_may_be_the_gradient():
    assert check_gradient(cubes, lambda x: tuple(slopes(x)), [1.0, 2.0])
    assert check_gradient(lambda x: [cubes(x)], lambda x: list(slopes(x)), [1.0, 2.0])


@pytest.mark.parametrize(
    ("x", "words"),
    [
        ({"w": np.ones(2), "b": [np.ones(2), np.ones(3)]},
         "x is a dict, and x['b'] is a list of 2 values, of shapes (2,) and (3,); x must be one array of real numbers"),
        ({"w": np.ones(2), 3: "high"}, "x is a dict, and x[3] is 'high'; x must be one array"),
        ({"w": np.ones(2), "b": np.ones(3)}, "x is a dict with the keys 'w', 'b'; x must be one array of real numbers"),
        ({}, "x is an empty dict; x must be one array"),
        ([np.ones(2), np.ones(3)],
         "x is not an array, but a list of 2 values, of shapes (2,) and (3,); x must be one array of real numbers"),
    ],
)  # fmt: skip
def test_several_arrays_in_place_of_one_are_named(x, words):
    with pytest.raises(ConfigError) as caught:
        check_gradient(cubes, slopes, x)
    assert str(caught.value).startswith(words)
    assert str(caught.value).endswith("join several with np.concatenate, and part them in f and grad.")


@pytest.mark.parametrize(("f", "grad", "words"), [(3.0, np.cos, "f is 3.0"), (np.sin, None, "grad is None")])
def test_what_is_no_function_is_refused(f, grad, words):
    with pytest.raises(ConfigError, match=f"{words}; give a function of x"):
        check_gradient(f, grad, [1.0])


def exits(x):
    raise SystemExit(0)


def test_a_function_that_exits_is_told():
    with pytest.raises(ConfigError, match=r"f fails at x with SystemExit: 0\."):
        check_gradient(exits, df, point())
    with pytest.raises(ConfigError, match=r"grad fails at x with SystemExit: 0\."):
        check_gradient(f, exits, point())


def test_other_bad_input():
    with pytest.raises(ConfigError, match="complex number"):
        check_gradient(lambda x: 1j * x.sum(), df, point())
    with pytest.raises(UsageError, match="did you mean 'central'"):
        check_gradient(f, df, point(), method="centrl")
    with pytest.raises(ConfigError, match="no method is given"):
        check_gradient(f, df, point(), method=())
    for h in (0.0, -1e-6, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match="the step of a difference must be"):
            check_gradient(f, df, point(), h=h)
    for rtol in (-1e-9, 0.06, float("nan")):
        with pytest.raises(ConfigError, match="rtol is"):
            check_gradient(f, df, point(), rtol=rtol)


@pytest.mark.parametrize("settings", [{"h": "a"}, {"h": [0.1]}, {"rtol": None}, {"method": 3}, {"method": None}])
def test_settings_of_another_type_are_told(settings):
    with pytest.raises(ConfigError, match=f"{next(iter(settings))} is .* it must be"):
        check_gradient(lambda x: (x * x).sum(), lambda x: 2 * x, [1.0, 2.0], **settings)


@pytest.mark.parametrize("returned", [None, "a", [[1], [2, 3]], 1j * np.ones(2), object()])
def test_a_gradient_that_is_no_real_array_is_told(returned):
    with pytest.raises(ConfigError, match="the gradient "):
        check_gradient(lambda x: (x * x).sum(), lambda x: returned, [1.0, 2.0])


def test_where_the_derivative_is_infinite_nothing_can_be_told():
    check = check_gradient(lambda x: np.sqrt(x).sum(), lambda x: 0.5 / np.sqrt(x), [0.0, 1.0])
    assert check.answer == "cannot tell"
    assert "not finite" in check.cause


def test_a_gradient_that_is_not_finite_where_the_derivative_is_fails():
    check = check_gradient(lambda x: (x * x).sum(), lambda x: np.array([2 * x[0], np.nan]), [1.0, 2.0])
    assert check.answer == "fails"
    assert check.worst[0].index == (1,)
    assert str(check).startswith("fails: component (1,) is nan and must be 4")


def relu_network(seed, dtype):
    """Return a ReLU network with softmax and a batch of 32, whose kinks lie close to one another, and its gradient."""
    rng = np.random.default_rng(seed)
    x, labels = rng.standard_normal((32, 6)).astype(dtype), np.eye(4, dtype=dtype)[rng.integers(0, 4, 32)]
    first, second = (0.1 * rng.standard_normal(shape) for shape in ((6, 7), (7, 4)))
    weights = np.concatenate([first.ravel(), second.ravel()]).astype(dtype)

    def parts(w):
        one, two = w[:42].reshape(6, 7), w[42:].reshape(7, 4)
        hidden = np.maximum(x @ one, 0)
        return two, hidden, hidden @ two

    def loss(w):
        z = parts(w)[2]
        return (np.log(np.exp(z).sum(axis=1)) - (z * labels).sum(axis=1)).mean()

    def gradient(w):
        two, hidden, z = parts(w)
        delta = (np.exp(z) / np.exp(z).sum(axis=1, keepdims=True) - labels) / dtype(32)
        return np.concatenate([(x.T @ ((delta @ two.T) * (hidden > 0))).ravel(), (hidden.T @ delta).ravel()])

    return loss, gradient, weights


@pytest.mark.parametrize("seed", range(6))
def test_kinks_that_lie_close_are_not_taken_for_errors(seed):
    for dtype in (np.float32, np.float64):
        assert check_gradient(*relu_network(seed, dtype)).answer != "fails"
    loss, gradient, weights = relu_network(seed, np.float64)
    assert (
        check_gradient(loss, lambda w: gradient(w) * np.where(np.arange(len(w)) == 20, 0.5, 1), weights).answer
        != "passes"
    )

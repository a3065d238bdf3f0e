"""`check_gradient` for plain callables."""

from __future__ import annotations

import numpy as np
import pytest

import ravine
from ravine.errors import ConfigError, UsageError
from ravine.gradients import METHODS, check_gradient

SCALES = np.array([[1.0, -2.0, 0.5], [3.0, 0.1, -1.0]])


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
        assert check.method == method
        assert check.errors.compared == 6
        assert check.errors.max_relative_error < 1e-4
    if method == "complex":
        assert check.errors.max_relative_error < 1e-13


def test_float32(method):
    x = point(dtype="float32")
    assert check_gradient(f, df, x, method=method, rtol=1e-2)
    assert not check_gradient(f, lambda x: 1.1 * df(x), x, method=method, rtol=1e-2)


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
    assert check_gradient(lambda x: (x**2).sum(), lambda x: 2 * x, [1, 2, 3], method=method)
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
def test_a_wrong_gradient_is_caught(wrong, method):
    check = check_gradient(f, wrong, point(seed=1), method=method)
    assert not check
    assert check.passed is False


def test_the_wrong_coordinate_is_named_first(method):
    def wrong(x):
        g = df(x)
        g[1, 2] += 0.1
        return g

    check = check_gradient(f, wrong, point(), method=method)
    worst = check.worst[0]
    assert worst.index == (1, 2)
    assert worst.analytic == wrong(point())[1, 2]
    assert worst.numerical == pytest.approx(df(point())[1, 2], rel=1e-5)


def test_a_nan_is_named_first(method):
    def wrong(x):
        g = df(x)
        g[0, 1] = np.nan
        return g

    assert check_gradient(f, wrong, point(), method=method).worst[0].index == (0, 1)


def test_h_rtol_and_atol_count(method):
    def wrong(x):
        return 1.001 * df(x)

    assert check_gradient(f, wrong, point(), method=method, rtol=1e-2)
    assert check_gradient(f, wrong, point(), method=method, rtol=1e-5, atol=1.0)
    assert check_gradient(f, df, point(), method=method, h=1e-4, rtol=1e-2).h == 1e-4
    if method != "complex":
        assert not check_gradient(f, df, point(), method=method, rtol=0, atol=0)


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
    [([], "at least one"), ([1j], "give real numbers"), (["a"], "give real numbers"), ([None], "give real numbers")],
)
def test_bad_x(x, words):
    with pytest.raises(ConfigError, match=words):
        check_gradient(f, df, x)


@pytest.mark.parametrize("returned", [np.ones(2), np.ones(0), "high", None])
def test_a_function_that_returns_no_number(returned, method):
    with pytest.raises(ConfigError, match="must return one"):
        check_gradient(lambda x: returned, df, point(), method=method)


def test_other_bad_input():
    with pytest.raises(ConfigError, match=r"the gradient has shape \(3,\); it must have that of x, \(2, 3\)"):
        check_gradient(f, lambda x: np.ones(3), point())
    with pytest.raises(ConfigError, match="complex number"):
        check_gradient(lambda x: 1j * x.sum(), df, point())
    with pytest.raises(UsageError, match="did you mean 'central'"):
        check_gradient(f, df, point(), method="centrl")
    for h in (0.0, -1e-6, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match="the step of a difference must be"):
            check_gradient(f, df, point(), h=h)

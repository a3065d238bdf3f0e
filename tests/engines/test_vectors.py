"""Vectors against NumPy: the same expressions, compiled over vectors and evaluated over arrays."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numba import njit
from numba.core.errors import TypingError

from ravine.engines.fused import vectors
from ravine.engines.fused.vectors import FUNCTIONS, LANES, load, prefetch, splat, store, totals

u = np.uint64
SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.75, 0.5, -0.5, 2.5, -3.7, 1e-3, 20.0]
PAIRS = np.vstack([[*itertools.product(SPECIAL, repeat=2)], np.random.default_rng(1).normal(size=(64, 2))])
NUMBER = 0.75  # one of those above; not 0.5, a power of which is a root to NumPy, with an answer of its own at -inf

ROUNDED = {
    "arcsinh",
    "arctan",
    "arctan2",
    "cbrt",
    "cos",
    "cosh",
    "exp",
    "exp2",
    "expm1",
    "hypot",
    "log",
    "log10",
    "log1p",
    "log2",
    "logaddexp",
    "power",
    "sin",
    "sinh",
    "tanh",
}
"""Functions that NumPy and the compiler's library may round differently; all others agree to the last bit."""

EITHER_ZERO = {"maximum", "minimum", "fmax", "fmin", "sign"}
"""Functions that may give 0 where NumPy gives -0, or the reverse."""

OF_CONDITIONS = {"logical_and", "logical_not", "logical_or", "logical_xor"}
"""Functions that take truth values."""


def assert_as_numpy(expressions, dtype, ulp=0, signs=True):
    """Compare expressions of x, y, a number s and the truth values p and q; all go into one compiled function."""
    lines = [
        "def compute(first, second, s, out):",
        f"    for i in range(u(0), u(len(first)), u({LANES})):",
        "        x, y = load(first, i), load(second, i)",
        "        p, q = x > y, x <= s",
        *(f"        store(out[{k}], i, {expression})" for k, expression in enumerate(expressions)),
    ]
    scope = {"np": np, "u": u, "load": load, "store": store}
    exec("\n".join(lines), scope)
    x, y = np.ascontiguousarray(PAIRS.T, dtype)
    s = dtype(NUMBER)
    out = np.full((len(expressions), len(x)), 77, dtype)
    njit(scope["compute"])(x, y, s, out)
    for result, expression in zip(out, expressions, strict=True):
        with np.errstate(all="ignore"):
            expected = eval(expression, {"np": np, "x": x, "y": y, "s": s, "p": x > y, "q": x <= s})
        assert expected.dtype in (dtype, bool), expression
        expected = np.broadcast_to(expected, x.shape).astype(dtype)
        np.testing.assert_allclose(result, expected, rtol=ulp * np.finfo(dtype).eps, err_msg=expression)
        if signs:
            same = (np.signbit(result) == np.signbit(expected)) | np.isnan(expected)
            assert same.all(), (expression, x[~same], y[~same])


def calls(names):
    """Return calls of functions by name, with every mix of vectors and numbers that has a vector."""
    arguments = {1: ["x"], 2: ["x, y", "x, s", "s, y", "x, 2", "0.1, y"]}
    return [f"np.{name}({a})" for name in sorted(names) for a in arguments[getattr(np, name).nin]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_functions_that_have_one_answer(dtype):
    exact = {*FUNCTIONS} - ROUNDED - EITHER_ZERO - OF_CONDITIONS
    assert_as_numpy([*calls(exact), "abs(x)", "-x", "+x"], dtype)
    assert_as_numpy(calls(EITHER_ZERO), dtype, signs=False)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_functions_that_are_rounded(dtype):
    powers = ["x**y", "x**s", "s**y", "x**2", "x**3", "x**-1", "x**0", "2**y", "x**0.1"]
    assert_as_numpy([*calls(ROUNDED), *powers], dtype, ulp=8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_operators_and_comparisons(dtype):
    signs = ["+", "-", "*", "/", "<", "<=", ">", ">=", "==", "!="]
    operands = ["x {} y", "x {} s", "s {} y", "x {} 2", "0.1 {} y", "(x * s) {} (y - 1)"]
    assert_as_numpy([form.format(sign) for sign in signs for form in operands], dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_choices(dtype):
    conditions = ["p", "x", "s", "s > 1", "x != x", "p & q", "p | q", "p ^ q"]
    branches = ["x, y", "x, s", "s, y", "x, 0", "0.1, y", "x, q", "q, y"]
    choices = [f"np.where({condition}, {branch})" for condition in conditions for branch in branches]
    between_numbers = [f"np.where({condition}, s, {dtype.__name__}(0.1))" for condition in ("p", "x", "p & q")]
    assert_as_numpy([*choices, *(choice.replace("float", "np.float") for choice in between_numbers)], dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_truth_values_count_as_one_and_zero_when_they_meet_numbers(dtype):
    arithmetic = [
        f"{a} {sign} {b}" for sign in "+-*/" for a, b in (("p", "x"), ("y", "q"), ("(p & q)", "x"), ("q", "s"))
    ]
    assert_as_numpy(["p", "q", "np.maximum(p, x)", "p == x", *arithmetic], dtype)


def test_truth_values_combine():
    signs = [f"p {sign} q" for sign in ("&", "|", "^", "==", "!=", "*")]
    two = OF_CONDITIONS - {"logical_not"}
    functions = [
        f"np.{name}({a})" for name in sorted(two) for a in ("p, q", "p, s > 1", "s > 0.5, q", "p, s", "0.0, q")
    ]
    beside_numbers = [
        f"{a} {sign} {b}" for sign in "&|^" for a, b in (("p", "(s > 1)"), ("(s > 0.5)", "q"), ("True", "p"))
    ]
    alone = ["~p", "np.logical_not(q)", "~(p | q) & p"]
    assert_as_numpy([*signs, *functions, *beside_numbers, *alone], np.float32)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_operators_that_assign(dtype):
    @njit
    def compute(x, y, out):
        v = load(x, u(0))
        v += load(y, u(0))
        v -= 3
        v *= load(x, u(0))
        v /= load(y, u(0))
        store(out, u(0), v)
        v **= 2
        store(out, u(16), v)

    x, y = np.random.default_rng(2).normal(size=(2, 16)).astype(dtype)
    out = np.zeros(32, dtype)
    compute(x, y, out)
    expected = (x + y - 3) * x / y
    assert out[:16].tolist() == expected.tolist()
    np.testing.assert_allclose(out[16:], expected**2, rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_vectors_are_read_and_written_anywhere_and_nothing_beside_them(dtype):
    @njit
    def copy(source, target, start, stop, number):
        prefetch(source, start)
        prefetch(source, u(len(source)))  # a hint: there need not be anything
        v = load(source, start)
        store(target, stop, v)
        store(target, stop + u(20), splat(number))
        store(target, stop + u(40), number)
        store(target, stop + u(60), 7)

    source = np.random.default_rng(3).normal(size=40).astype(dtype)
    before = source.copy()
    for start, stop in itertools.product((0, 1, 5, 24), (1, 2, 3, 16)):
        target = np.full(100, -1, dtype)
        copy(source, target, u(start), u(stop), dtype(NUMBER))
        expected = np.full(100, -1, dtype)
        expected[stop : stop + 16] = source[start : start + 16]
        for at, number in ((20, NUMBER), (40, NUMBER), (60, 7)):
            expected[stop + at : stop + at + 16] = number
        assert target.tobytes() == expected.tobytes()
        assert source.tobytes() == before.tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums(dtype):
    @njit
    def sums(rows):
        a, b, c, d = load(rows[0], u(0)), load(rows[1], u(0)), load(rows[2], u(0)), load(rows[3], u(0))
        return (totals((a,))[0], totals((b,))[0], totals((c,))[0], totals((d,))[0]), totals((a, b, c, d))

    # Powers of two, of which no lane may be missing or stand for another: these sums are exact in any order.
    powers = np.outer([1, 3, 5, 7], 2.0 ** np.arange(16)).astype(dtype)
    expected = tuple(powers.sum(axis=1))
    assert sums(powers) == (expected, expected)

    rows = np.random.default_rng(4).normal(size=(4, 16)).astype(dtype)
    for result in sums(rows):
        np.testing.assert_allclose(result, np.sum(rows, axis=1), rtol=1e-4 if dtype == np.float32 else 1e-13)
    rows[1, 3], rows[2, 9] = np.nan, np.inf
    for result in sums(rows):
        np.testing.assert_allclose(result, np.sum(rows, axis=1), rtol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_several_vectors_at_once(dtype, count):
    scope = {name: getattr(vectors, name) for name in vectors.__dict__ if not name.startswith("__")} | {"u": u}
    lines = f"""
def compute(rows, numbers, units, out, sums):
    x, o = taken(numbers, u(1), {count}), taken(units, u(2), {count})
    a = loads(rows, o, u(1))
    s = add_product_to_each(each_zero(rows, {count}), x, a)
    s = add_product_to_each(s, a, load(rows, u(3)))
    s = add_product_to_each(s, numbers[0], a)
    for k, total in enumerate(totals(s)):
        sums[k] = total
    store(out, u(0), sum_of_products(x, a))
    store(out, u(16), add_products(load(rows, u(5)), x, a))
    store(out, u(32), zeros(rows))
    for k, total in enumerate(totals(no_products(rows, x))):
        sums[{count} + k] = total
"""
    exec(lines, scope)
    rng = np.random.default_rng(count)
    rows, numbers = rng.normal(size=100).astype(dtype), rng.normal(size=8).astype(dtype)
    units = np.array([9, 9, 0, 16, 33, 70, 9], np.uint32)
    out, sums = np.full(48, 77, dtype), np.full(2 * count, 77, dtype)
    njit(scope["compute"])(rows, numbers, units, out, sums)
    x, a = numbers[1 : 1 + count].astype(float), np.array([rows[o + 1 : o + 17] for o in units[2 : 2 + count]], float)
    each = x[:, None] * a + a * rows[3:19] + numbers[0] * a
    tolerance = {"rtol": 1e-4, "atol": 1e-5} if dtype == np.float32 else {"rtol": 1e-12, "atol": 1e-13}
    np.testing.assert_allclose(sums[:count], each.sum(axis=1), **tolerance)
    np.testing.assert_allclose(out[:16], x @ a, **tolerance)
    np.testing.assert_allclose(out[16:32], rows[5:21] + x @ a, **tolerance)
    assert out[32:].tolist() == [0] * 16
    assert sums[count:].tolist() == [0] * count


@pytest.mark.parametrize("expression", ["x + y", "x ** y", "x < y", "np.maximum(x, y)", "np.where(True, x, y)"])
def test_vectors_of_different_types_do_not_mix(expression):
    scope = {"np": np, "u": u, "load": load}
    exec(f"def mix(first, second):\n    x, y = load(first, u(0)), load(second, u(0))\n    {expression}", scope)
    with pytest.raises(TypingError):
        njit(scope["mix"])(np.zeros(16, np.float32), np.zeros(16, np.float64))

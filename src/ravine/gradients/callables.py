"""The check for anybody's own loss: plain callables, one number for each coordinate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from ravine.arrays import Array
from ravine.errors import ConfigError
from ravine.gradients.errors import Errors, measure
from ravine.gradients.methods import check_methods, check_step, complex_step


class Coordinate(msgspec.Struct, frozen=True):
    """One coordinate's two derivatives; `index` into the array x."""

    index: tuple[int, ...]
    analytic: float
    numerical: float


class GradientCheck(msgspec.Struct, frozen=True):
    """Whether a gradient agrees with the numerical one, by how much, and the coordinates where it does so least."""

    passed: bool
    method: str
    h: float
    errors: Errors
    worst: list[Coordinate]

    def __bool__(self) -> bool:
        return self.passed


def check_gradient(
    f: Callable[[Array], Any],
    grad: Callable[[Array], ArrayLike],
    x: ArrayLike,
    *,
    method: str = "central",
    h: float | None = None,
    rtol: float = 1e-5,
    atol: float | None = None,
) -> GradientCheck:
    """Compare `grad(x)` with a numerical gradient of the scalar function `f` at `x`.

    A coordinate passes if `|a - n| <= rtol max(|a|, |n|) + atol`. The default h balances round-off and truncation for
    numbers of size 1: the cube root of eps for central, the square root for forward and backward; the default atol is
    the round-off that the method then has.

    Args:
        f: takes an array of the shape of x and returns one number. For method "complex" it must be analytic and take
            complex arrays.
        grad: takes the same array and returns an array of its shape.
        x: where to check, any shape, real.
        method: "central", "forward", "backward" or "complex".

    >>> check = check_gradient(lambda x: (x**3).sum(), lambda x: 3 * x**2, [1.0, 2.0])
    >>> check.passed
    True
    >>> wrong = check_gradient(lambda x: (x**3).sum(), lambda x: 2 * x**2, [1.0, 2.0])
    >>> wrong.passed, wrong.worst[0].index
    (False, (1,))
    """
    check_methods((method,))
    given = np.asarray(x)
    if given.dtype.kind not in "biuf" or given.size == 0:
        raise ConfigError(f"x has dtype {given.dtype} and shape {given.shape}; give real numbers, at least one.")
    point = given.astype(np.result_type(given.dtype, np.float32))
    analytic = np.asarray(grad(point.copy()), dtype=point.dtype)
    if analytic.shape != point.shape:
        raise ConfigError(f"the gradient has shape {analytic.shape}; it must have that of x, {point.shape}.")
    # Values of f are taken as Python's floats, so that a longer dtype has no more digits here.
    eps = float(max(np.finfo(point.dtype).eps, np.finfo(float).eps))
    if h is None:
        h = {"complex": complex_step(point.dtype), "central": eps ** (1 / 3)}.get(method, eps**0.5)
    check_step(h)
    numerical = np.empty(point.shape, point.dtype)
    size = abs(_number(f, point.copy())) if method != "complex" else 0.0
    for index in np.ndindex(point.shape):
        numerical[index] = _derivative(f, point, index, method, h)
    if atol is None:
        atol = 1e3 * eps if method == "complex" else 100 * eps * max(1.0, size) / h + (h if method != "central" else 0)
    with np.errstate(over="ignore", invalid="ignore"):
        gap = np.abs(analytic - numerical)
        excess = gap - rtol * np.maximum(np.abs(analytic), np.abs(numerical)) - atol
    passed = bool((excess <= 0).all())
    worst = np.argsort(-np.nan_to_num(excess, nan=np.inf), axis=None, kind="stable")[:5]
    return GradientCheck(
        passed=passed,
        method=method,
        h=h,
        errors=measure(analytic.ravel(), numerical.ravel(), np.zeros(point.size, bool)),
        worst=[
            Coordinate(place, float(analytic[place]), float(numerical[place]))
            for place in (tuple(int(k) for k in np.unravel_index(flat, point.shape)) for flat in worst)
        ],
    )


def _derivative(f: Callable[[Array], Any], x: Array, index: tuple[int, ...], method: str, h: float) -> float:
    if method == "complex":
        moved = x.astype(np.result_type(x.dtype, np.complex64))
        moved[index] += 1j * h
        return _one(f(moved)).imag / h
    ends = {"forward": (h, 0.0), "backward": (0.0, -h), "central": (h, -h)}[method]
    values, places = [], []
    for end in ends:
        moved = x.copy()
        moved[index] += end
        places.append(float(moved[index]))
        values.append(_number(f, moved))
    # The distance that the two ends really have in floating point, not the one that was asked for.
    return (values[0] - values[1]) / (places[0] - places[1]) if places[0] != places[1] else 0.0


def _number(f: Callable[[Array], Any], x: Array) -> float:
    value = _one(f(x))
    if isinstance(value, complex):
        raise ConfigError("the function returns a complex number for a real x; it must return one real number.")
    return value


def _one(returned: ArrayLike) -> float | complex:
    value = np.asarray(returned)
    if value.size != 1 or value.dtype.kind not in "biufc":
        raise ConfigError(f"the function returns {value.dtype} of shape {value.shape}; it must return one number.")
    return complex(value.reshape(())) if value.dtype.kind == "c" else float(value.reshape(()))

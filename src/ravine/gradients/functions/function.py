"""A user's function of an array, evaluated around a point: errors and overflow beside the point do no harm."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ravine.arrays import Array
from ravine.errors import ConfigError, RavineError, told
from ravine.gradients.functions.returned import several_for_one

_ROUNDINGS = 6
"""How often the last digits of x are changed to see the round-off of a function."""


@contextmanager
def quietly() -> Iterator[None]:
    """Silence the warnings of NumPy and Python at trial steps: overflow far from x is no fault at x."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


class Function:
    """A real function f of an array, at a point x.

    Attributes:
        x: the point, of a float dtype.
        value: f(x).
        eps: the round-off unit of f's values.
        noise: by how much f changes when the last digits of x change, or when it is called again at the same x.
    """

    def __init__(self, f: Callable[[Array], Any], x: Array) -> None:
        self._f, self.x = f, x
        first = _first(f, x)
        if isinstance(first, complex):
            raise ConfigError("the function returns a complex number for a real x; it must return one real number.")
        self.value = float(first)
        # Values of f are taken as Python's floats, so that a longer dtype has no more digits here.
        self.eps = max(unit(x.dtype), unit(np.asarray(f(x.copy())).dtype))
        again = [self.real(x.copy()), *map(self.real, rounded_otherwise(x, _ROUNDINGS))]
        self.noise = max((abs(value - self.value) for value in again if math.isfinite(value)), default=0.0)
        self.is_steady = again[0] == self.value or not math.isfinite(self.value)

    def real(self, x: Array) -> float:
        """Return f of an array that f may write to, nan if it is not a finite real number."""
        value = self._tried(x)
        return float(value) if isinstance(value, float) and math.isfinite(value) else math.nan

    def moved(self, index: tuple[int, ...], step: float) -> tuple[float, float]:
        """Return the distance by which one component really moves, and f there."""
        there = self.x.copy()
        there[index] += step
        taken = float(there[index] - self.x[index])
        return (taken, self.real(there)) if math.isfinite(taken) else (math.nan, math.nan)

    def turned(self, index: tuple[int, ...], step: float, x: Array | None = None) -> complex | float | None:
        """Return f(x + i step e) for one component e: a float if f drops the imaginary part, None if f fails there."""
        there = (self.x if x is None else x).astype(complex)
        there.imag[index] += step  # 1j times NaN has a real part.
        return self._tried(there)

    def _tried(self, x: Array) -> complex | float | None:
        try:
            return _number(self._f(x))
        except (Exception, SystemExit):
            return None


def at_point(name: str, function: Callable[[Array], Any], x: Array) -> Any:
    """Return the value of a user's function at the point of the check; an exception there becomes a `ConfigError`."""
    try:
        return function(x.copy())
    except RavineError:
        raise
    except (Exception, SystemExit) as error:
        raise ConfigError(f"{name} fails at x with {told(error)}") from error


def rounded_otherwise(x: Array, times: int) -> list[Array]:
    """Return arrays that differ from x by one or two units in the last place of each number.

    A zero moves as far as the smallest number that is not zero, or 1 if there is none.
    """
    rng = np.random.default_rng(0)
    sizes = np.abs(x)
    smallest = sizes.min(where=sizes > 0, initial=np.inf)
    ulps = np.spacing(np.where(sizes > 0, sizes, x.dtype.type(smallest if smallest < np.inf else 1)))
    return [np.asarray(x + rng.choice([-2, -1, 1, 2], x.shape) * ulps, x.dtype) for _ in range(times)]


def unit(dtype: np.dtype[Any]) -> float:
    """Return the round-off unit of a dtype, as far as Python's floats have it."""
    double = float(np.finfo(float).eps)
    return max(double, float(np.finfo(dtype).eps)) if dtype.kind in "fc" else double


def _first(f: Callable[[Array], Any], x: Array) -> float | complex:
    """Return f at the point of the check; values that f returns beside it are told."""
    returned = at_point("f", f, x)
    try:
        return _number(returned)
    except ConfigError:
        several = several_for_one("f", returned, (), "is one number")
        if several is None:
            raise
        raise ConfigError(several) from None


def _number(returned: ArrayLike) -> float | complex:
    try:
        value = np.asarray(returned)
    except (ValueError, TypeError, OverflowError):
        raise ConfigError("the function returns no array; it must return one number.") from None
    if value.size != 1 or value.dtype.kind not in "biufc":
        raise ConfigError(f"the function returns {value.dtype} of shape {value.shape}; it must return one number.")
    return complex(value.reshape(())) if value.dtype.kind == "c" else float(value.reshape(()))

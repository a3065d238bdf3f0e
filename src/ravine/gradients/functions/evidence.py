"""The evidence of each method for a function at a point: the derivative by each component, and its bound."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from ravine.arrays import Array
from ravine.errors import ConfigError
from ravine.gradients.answers import Blindness, Evidence
from ravine.gradients.functions.function import Function, at_point, rounded_otherwise, unit
from ravine.gradients.functions.line import Estimate, Line
from ravine.gradients.functions.returned import in_words, several_for_one
from ravine.gradients.functions.zeros import zero_bound

_SHARE = 1e-20
"""The complex step as a share of the component. Nothing is subtracted, so the step need only be so short that its
square is negligible beside 1."""

_SEEN = 1e-2
"""The share of a difference that its bound may be for it to confirm the complex step."""

Index = tuple[int, ...]


@dataclass(frozen=True)
class Gradient:
    """A gradient to be checked, flat, (k,) floats, and its round-off in each component."""

    values: Array
    round_off: Array


def gradient_of(grad: Callable[[Array], ArrayLike], x: Array) -> Gradient:
    """Compute the gradient at x, and how much it changes when it is computed again.

    It is computed again at the same x, with other last digits of x, and in a longer dtype.
    """
    first = _asked(grad, x)
    values = first.ravel().astype(float)
    others = [_asked(grad, each).ravel().astype(float) for each in (x, *rounded_otherwise(x, 3))]
    change = np.max([np.abs(other - values) for other in others], axis=0)
    change = np.maximum(change, _lost_digits(grad, x, values))
    return Gradient(values, 4 * np.where(np.isnan(change), np.inf, change) + 4 * unit(first.dtype) * np.abs(values))


def _lost_digits(grad: Callable[[Array], ArrayLike], x: Array, values: Array) -> Array:
    """Return by how much the gradient changes in a longer dtype, 0 if `grad` accepts none.

    This shows digits that are lost in a difference, as in 1 - p where p is near 1.
    """
    try:
        found = _asked(grad, x.astype(np.float64 if x.dtype == np.float32 else np.longdouble))
    except Exception:
        return np.zeros_like(values)
    change = np.abs(found.ravel().astype(float) - values)
    return np.where(np.isfinite(change), change, 0.0)


def _asked(grad: Callable[[Array], ArrayLike], x: Array) -> Array:
    returned = at_point("grad", grad, x)
    try:
        found = np.array(returned)
    except (ValueError, TypeError, OverflowError):
        found = None
    if found is None or found.dtype.kind not in "biuf" or found.shape != x.shape:
        several = several_for_one("grad", returned, x.shape, "has the shape of x")
        if several is not None:
            raise ConfigError(several)
    if found is None:
        raise ConfigError(
            f"the gradient is not an array, but {in_words(returned)}; it must have the shape of x, {x.shape}."
        )
    if found.dtype.kind not in "biuf":
        raise ConfigError(f"the gradient has dtype {found.dtype}; it must be real numbers.")
    if found.shape != x.shape:
        raise ConfigError(f"the gradient has shape {found.shape}; it must have that of x, {x.shape}.")
    return found


class Sight:
    """The measurements of a function around a point, each made once."""

    def __init__(self, function: Function, gradient: Gradient, h: float | None) -> None:
        self._f, self._gradient, self._h = function, gradient, h
        self._indices: list[Index] = list(np.ndindex(function.x.shape))
        self._sizes = np.abs(function.x.astype(float)).ravel()
        self._scales = np.where(self._sizes > 0, self._sizes, self._sizes.max() or 1.0)

    def evidence(self, method: str) -> tuple[Evidence, list[float]]:
        """Return what one method sees, and its step for each component."""
        if method == "complex":
            return self._complex_step()
        estimates = [self._estimate(method, k) for k in range(len(self._indices))]
        return self._evidence(
            [each.value for each in estimates],
            [each.bound for each in estimates],
            [each.blindness for each in estimates],
        ), [each.h for each in estimates]

    def _evidence(self, values: ArrayLike, bounds: ArrayLike, blindness: ArrayLike) -> Evidence:
        zero, round_off = np.isfinite(self._zero_bounds), self._gradient.round_off
        blindness = np.asarray(blindness)
        own = np.where(zero, self._zero_bounds, np.asarray(bounds, float))
        return Evidence(
            values=np.where(zero, 0.0, np.asarray(values, float)),
            bounds=own + round_off,
            zero=zero,
            blindness=np.where((round_off > own) & (blindness != Blindness.KINK), Blindness.GRADIENT_NOISE, blindness),
        )

    def _estimate(self, method: str, k: int) -> Estimate:
        best = self._lines[k].search(method)
        if self._h is None:
            return best
        given = self._line(k, self._h).at(method)
        # The difference at the best step shows how far the one at the given step is off.
        apart = abs(given.value - best.value) + best.bound
        bound = given.bound + (apart if math.isfinite(apart) else math.inf)
        rules = Blindness.TRUNCATION if given.bound < apart < math.inf else given.blindness
        return replace(given, bound=bound, blindness=rules)

    @cached_property
    def _lines(self) -> list[Line]:
        return [self._line(k, float(scale)) for k, scale in enumerate(self._scales)]

    def _line(self, k: int, length: float) -> Line:
        f, index = self._f, self._indices[k]
        return Line(
            move=lambda step: f.moved(index, step),
            base=f.value,
            length=length,
            size=float(self._sizes[k]),
            longest=max(1.0, float(self._scales.max())),
            noise=f.noise,
            eps=f.eps,
        )

    @cached_property
    def _central(self) -> list[Estimate]:
        return [line.search("central") for line in self._lines]

    @cached_property
    def _zero_bounds(self) -> Array:
        """Return how far each derivative may be from zero, inf where it is not seen to be zero, (k,)."""
        found = np.full(len(self._indices), np.inf)
        for k, (line, central) in enumerate(zip(self._lines, self._central, strict=True)):
            if self._gradient.values[k] == 0 or line.starts_flat() or not abs(central.value) > central.bound:
                scale = float(self._scales[k])
                bound = zero_bound(self._f, self._indices[k], scale, line.flattest(), lambda: self._is_analytic)
                found[k] = np.inf if bound is None else bound
        return found

    @cached_property
    def _is_analytic(self) -> bool:
        """Tell whether the complex step agrees with every central difference that is well seen, and there is one."""
        seen = [k for k, central in enumerate(self._central) if central.bound < _SEEN * abs(central.value)]
        return bool(seen) and all(self._agrees(k) for k in seen)

    def _agrees(self, k: int) -> bool:
        h, central = _SHARE * self._scales[k], self._central[k]
        shown = self._f.turned(self._indices[k], h)
        derivative = shown.imag / h if isinstance(shown, complex) else math.nan
        return bool(abs(derivative - central.value) <= 4 * central.bound + 1e-5 * abs(central.value))

    def _complex_step(self) -> tuple[Evidence, list[float]]:
        steps = [self._h or _SHARE * scale for scale in self._scales]
        (elsewhere,) = rounded_otherwise(self._f.x.astype(float), 1)
        values, bounds, blindness = (np.zeros(len(steps)) for _ in range(3))
        for k, (index, h) in enumerate(zip(self._indices, steps, strict=True)):
            here, there = self._f.turned(index, h), self._f.turned(index, h / 2, elsewhere)
            if isinstance(here, complex) and isinstance(there, complex):
                value, other = here.imag / h, there.imag / (h / 2)
                values[k], bounds[k] = value, 16 * abs(value - other) + 64 * _EPS * abs(value) + 4 * _SMALLEST / h
                blindness[k] = Blindness.ROUND_OFF if np.isfinite(value) else Blindness.NOT_FINITE
            else:
                values[k], bounds[k] = np.nan, np.inf
                blindness[k] = Blindness.NOT_COMPLEX if here is None else Blindness.REAL_OUTPUT
        bounds[np.isnan(bounds) | np.isnan(values)] = np.inf
        self._confirm(values, bounds, blindness)
        return self._evidence(values, bounds, blindness), steps

    def _confirm(self, values: Array, bounds: Array, blindness: Array) -> None:
        """Make the bounds of the complex step infinite if no real difference confirms that f is analytic."""
        real = np.array([each.value for each in self._central])
        error = np.array([each.bound for each in self._central])
        trusted = np.isfinite(bounds)
        apart = np.abs(values - real) > 4 * (error + bounds) + 1e-5 * np.abs(real)
        agree = trusted & ~apart & (error < _SEEN * np.abs(real)) & (values != 0)
        if (apart & trusted).any() or not agree.any():
            blindness[trusted] = Blindness.NOT_ANALYTIC
            bounds[:] = np.inf
        # The complex step returns exactly zero for abs too. So the real difference bounds a derivative of zero.
        silent = (values == 0) & np.isfinite(bounds)
        bounds[silent] += 4 * error[silent] + np.abs(np.nan_to_num(real[silent]))


_EPS, _SMALLEST = float(np.finfo(float).eps), 5e-324


def methods_evidence(
    function: Function, gradient: Gradient, methods: Sequence[str], h: float | None
) -> tuple[dict[str, Evidence], dict[str, list[float]]]:
    """Return what each method sees, and its steps, by name."""
    sight = Sight(function, gradient, h)
    found = {method: sight.evidence(method) for method in methods}
    return {name: each for name, (each, _) in found.items()}, {name: steps for name, (_, steps) in found.items()}

"""Numerical derivatives of the loss by each weight, each method a formula over a few moved losses."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ravine.arrays import Array
from ravine.errors import ConfigError, UsageError, unknown
from ravine.gradients.perturb import Moved, Point, moved, taken

PAPER_STEP = 1e-8
COMPLEX_STEP = 1e-30
SINGLE_COMPLEX_STEP = 1e-12
"""In float32, whose smallest numbers are near 1e-38, a step of 1e-30 leaves no room for small derivatives."""

PAPER_CLAIM = 3e-42
"""The paper's mean relative error of the central difference, 3e-40 %, as a share."""

METHODS = ("forward", "backward", "central", "complex")
"""forward: (f(x+h) - f(x)) / h. backward: (f(x) - f(x-h)) / h. central: (f(x+h) - f(x-h)) / 2h (the paper's section
2.2). complex: Im f(x + ih) / h (Squire and Trapp 1998), which subtracts nothing and so has no round-off to amplify."""


@dataclass(frozen=True)
class Derivative:
    """What one method found for k weights: `values` (k,), and which differences straddle a kink, `kinks` (k,)."""

    method: str
    h: float
    values: Array
    kinks: Array
    seconds: float


def check_methods(methods: tuple[str, ...]) -> None:
    """Refuse a name that is not a method, and a check by no method, which every gradient would pass."""
    if not methods:
        raise ConfigError(f"no method is given; name at least one of {', '.join(METHODS)}.")
    for method in methods:
        if method not in METHODS:
            raise UsageError(unknown("method", method, METHODS))


def check_step(h: float) -> None:
    """Refuse a step that no difference can be taken with."""
    if not 0 < h <= 1:
        raise ConfigError(f"h is {h:g}; the step of a difference must be above 0 and at most 1, for example 1e-8.")


def complex_step(dtype: np.dtype[Any]) -> float:
    """Return a step whose square is nothing beside the round-off of `dtype`, and which does not underflow in it."""
    return SINGLE_COMPLEX_STEP if dtype == np.float32 else COMPLEX_STEP


def derivatives(
    point: Point,
    indices: Array,
    methods: tuple[str, ...],
    h: float = PAPER_STEP,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Derivative]:
    """Differentiate the mean loss by the weights `indices` (k,) with each method.

    Forward, backward and central share their moved losses; each one's seconds are those of what it needs.
    """
    check_methods(methods)
    check_step(h)
    found: dict[str, Derivative] = {}
    sides: dict[int, tuple[Moved, float]] = {}
    for sign, users in ((1, ("forward", "central")), (-1, ("backward", "central"))):
        if set(users) & set(methods):
            began = time.perf_counter()
            sides[sign] = (moved(point, indices, sign * h, progress), time.perf_counter() - began)
    for method in methods:
        if method == "complex":
            found[method] = _complex_step(point, indices, progress)
            continue
        signs = {"forward": (1,), "backward": (-1,), "central": (1, -1)}[method]
        used = [sides[sign] for sign in signs]
        # f(x) cancels, to the last bit, from the difference of the two changes.
        change = sum(sign * sides[sign][0].change for sign in signs)
        distance = sum(sign * taken(point, indices, sign * h) for sign in signs)
        values = np.divide(change, distance, out=np.zeros_like(change), where=distance != 0)
        kinks = np.any([end.crossed for end, _ in used], axis=0)
        found[method] = Derivative(method, h, values, kinks, sum(seconds for _, seconds in used))
    return found


def _complex_step(point: Point, indices: Array, progress: Callable[[int], None] | None) -> Derivative:
    began = time.perf_counter()
    dtype = np.result_type(point.weights.dtype, np.complex64)
    there = Point(point.network, point.weights.astype(dtype), point.x.astype(dtype), point.labels)
    h = complex_step(point.weights.dtype)
    end = moved(there, indices, 1j * h, progress)
    # The real part stays where it is, so no kink can be crossed.
    kinks = np.zeros(len(indices), bool)
    return Derivative("complex", h, end.change.imag / h, kinks, time.perf_counter() - began)

"""Numerical derivatives of the loss by each weight, each method a formula over a few moved losses."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ravine.arrays import Array
from ravine.errors import ConfigError
from ravine.gradients.methods import require_methods
from ravine.gradients.networks.perturb import Moved, NetworkPoint, moved, taken

DEFAULT_STEP = 1e-8
"""The step of the three differences if none is given."""

COMPLEX_STEP = 1e-30
SINGLE_COMPLEX_STEP = 1e-12
"""In float32, whose smallest numbers are near 1e-38, a step of 1e-30 leaves no room for small derivatives."""


@dataclass(frozen=True)
class Derivative:
    """Derivatives by one method for k weights: `values` (k,), and which differences straddle a kink, `kinks` (k,)."""

    method: str
    h: float
    values: Array
    kinks: Array
    seconds: float


def require_step(h: float) -> None:
    """Refuse a step that no difference can be taken with."""
    if not 0 < h <= 1:
        raise ConfigError(f"h is {h:g}; the step of a difference must be above 0 and at most 1, for example 1e-8.")


def complex_step(dtype: np.dtype[Any]) -> float:
    """Return a step whose square is nothing beside the round-off of `dtype`, and which does not underflow in it."""
    return SINGLE_COMPLEX_STEP if dtype == np.float32 else COMPLEX_STEP


def derivatives(
    point: NetworkPoint,
    indices: Array,
    methods: tuple[str, ...],
    h: float = DEFAULT_STEP,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Derivative]:
    """Differentiate the mean loss by the weights `indices` (k,) with each method.

    Forward, backward and central share their moved losses; each one's seconds are those of what it needs.
    """
    require_methods(methods)
    require_step(h)
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


def _complex_step(point: NetworkPoint, indices: Array, progress: Callable[[int], None] | None) -> Derivative:
    began = time.perf_counter()
    dtype = np.result_type(point.weights.dtype, np.complex64)
    there = NetworkPoint(point.network, point.weights.astype(dtype), point.x.astype(dtype), point.targets)
    h = complex_step(point.weights.dtype)
    end = moved(there, indices, 1j * h, progress)
    # The real part stays where it is, so no kink can be crossed.
    kinks = np.zeros(len(indices), bool)
    return Derivative("complex", h, end.change.imag / h, kinks, time.perf_counter() - began)

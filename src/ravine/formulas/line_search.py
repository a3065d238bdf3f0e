"""How far to go along a direction: a search for a point that satisfies the strong Wolfe conditions.

Nocedal and Wright, Numerical Optimization, 2006, algorithms 3.5 (`strong_wolfe`) and 3.6 (`_zoom`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from ravine.arrays import Array

C1, C2 = 1e-4, 0.9
TRIES = 25


@dataclass(frozen=True)
class Point:
    """A place `alpha` on the line: the loss, its derivative along the line, and the whole gradient there, (n,)."""

    alpha: float
    value: float
    slope: float
    gradient: Array


def strong_wolfe(at: Callable[[float], Point], start: Point, first: float) -> Point:
    """Return a point with a sufficiently lower loss and a sufficiently flatter slope than `start`.

        f(alpha) <= f(0) + C1 alpha f'(0)   and   |f'(alpha)| <= C2 |f'(0)|

    Args:
        at: computes the point at an alpha.
        start: the point at alpha = 0; its slope must be negative.
        first: the alpha to try first.

    If none of `TRIES` points satisfies both conditions, as when the loss falls by less than its round-off, the result
    is the best point that satisfies the first condition, or else `start`. A loss that is not finite counts as too
    high.
    """
    before, alpha = start, first
    for count in range(1, TRIES):
        here = at(alpha)
        if not _is_lower(here, start) or (count > 1 and not here.value < before.value):
            return _zoom(at, start, before, here, TRIES - count)
        if abs(here.slope) <= C2 * abs(start.slope):
            return here
        if here.slope >= 0:
            return _zoom(at, start, here, before, TRIES - count)
        before, alpha = here, 2 * alpha
    return before


def _is_lower(here: Point, start: Point) -> bool:
    return math.isfinite(here.slope) and here.value <= start.value + C1 * here.alpha * start.slope


def _zoom(at: Callable[[float], Point], start: Point, low: Point, high: Point, tries: int) -> Point:
    """Close in on a point between `low`, the lowest so far that satisfies the first condition, and `high`."""
    for _ in range(tries):
        alpha = _between(low, high)
        if alpha in (low.alpha, high.alpha):  # there is no number between them
            break
        here = at(alpha)
        if not _is_lower(here, start) or not here.value < low.value:
            high = here
            continue
        if abs(here.slope) <= C2 * abs(start.slope):
            return here
        if here.slope * (high.alpha - low.alpha) >= 0:
            high = low
        low = here
    return low


def _between(low: Point, high: Point) -> float:
    """Return where the cubic through both points and slopes is lowest, or their middle if that is near an end."""
    width = high.alpha - low.alpha
    if width == 0:
        return low.alpha
    d1 = low.slope + high.slope - 3 * (high.value - low.value) / width
    inside = d1 * d1 - low.slope * high.slope
    d2 = math.copysign(math.sqrt(inside), width) if inside >= 0 else math.nan
    bottom = high.slope - low.slope + 2 * d2
    share = 1 - (high.slope + d2 - d1) / bottom if bottom else math.nan
    return low.alpha + width * (share if 0.1 <= share <= 0.9 else 0.5)

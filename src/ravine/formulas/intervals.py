"""Intervals, written as in mathematics: "[0, 1)"."""

from __future__ import annotations

import math
from typing import Any

from ravine.formulas.kinds import Kind


def contains(interval: str, value: float) -> bool:
    """Tell whether a finite `value` lies in an interval written as in mathematics; nan and inf lie in none.

    >>> contains("[0, 1)", 0.0), contains("[0, 1)", 1.0), contains("[0, inf)", float("inf"))
    (True, False, False)
    """
    low, high = ends(interval)
    above = value >= low if interval[0] == "[" else value > low
    below = value <= high if interval[-1] == "]" else value < high
    return math.isfinite(value) and above and below


def ends(interval: str) -> tuple[float, float]:
    """Return the ends of an interval.

    >>> ends("[0, inf)")
    (0.0, inf)
    """
    low, high = (float(end) for end in interval[1:-1].split(","))
    return low, high


def inside(interval: str | None, kind: Kind = "number") -> float:
    """Return a small number of an interval, of all numbers if None; nan if it holds no whole number.

    >>> inside("[0, 1)"), inside("[1, inf)"), inside(None), inside("[2, 4)", "whole number")
    (0.1, 5.0, 0.1, 2.0)
    """
    interval = "(-inf, inf)" if interval is None else interval
    low, high = ends(interval)
    if kind == "whole number":
        near = [math.floor(end) + move for end in (low, high) if math.isfinite(end) for move in (0, 1, -1)]
        return next((float(number) for number in (5, *near) if contains(interval, number)), math.nan)
    found = next((number for number in (0.1, 5.0, -5.0) if contains(interval, number)), None)
    if found is not None:
        return found
    if math.isinf(low):
        return high - 1
    return low + 0.05 if math.isinf(high) else low + 0.05 * (high - low)


def is_interval(text: Any) -> bool:
    """Tell whether something is the text of an interval."""
    if not isinstance(text, str) or text[:1] not in ("[", "(") or text[-1:] not in ("]", ")"):
        return False
    try:
        low, high = ends(text)
    except ValueError:
        return False
    return low < high

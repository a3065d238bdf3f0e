"""Means over seeds, with intervals."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from functools import cache

import mpmath
import msgspec


class Mean(msgspec.Struct, frozen=True):
    """The mean of `count` values, and half the width of its 95 % interval (None for one value)."""

    value: float
    half_width: float | None
    count: int


def mean(values: Sequence[float]) -> Mean | None:
    """Return the mean with Student's 95 % interval, t s / sqrt(n); None if there is no value.

    >>> mean([1.0, 2.0, 3.0])
    Mean(value=2.0, half_width=2.4841..., count=3)
    """
    if not values:
        return None
    count = len(values)
    if count == 1:
        return Mean(values[0], None, 1)
    half = student_quantile(count - 1) * statistics.stdev(values) / math.sqrt(count)
    return Mean(statistics.fmean(values), half, count)


@cache
def student_quantile(freedom: int) -> float:
    """Return t with P(|T| <= t) = 0.95 for Student's T with so many degrees of freedom.

    P(|T| > t) is the regularized incomplete beta function I_x(n / 2, 1 / 2) at x = n / (n + t^2).

    >>> round(student_quantile(4), 3)
    2.776
    """

    def excess(t: float) -> float:
        x = freedom / (freedom + t * t)
        return float(mpmath.betainc(freedom / 2, 0.5, 0, x, regularized=True)) - 0.05

    low, high = 1.0, 13.0  # one degree of freedom has 12.7
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return (low + high) / 2

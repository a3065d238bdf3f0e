"""Means over seeds, with intervals."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from functools import cache

import msgspec
from scipy import special


class Mean(msgspec.Struct, frozen=True):
    """The mean of `count` values, and half the width of its interval (None for one value)."""

    value: float
    half_width: float | None
    count: int


def mean(values: Sequence[float], level: float = 0.05) -> Mean | None:
    """Return the mean with Student's interval of confidence 1 - level, t s / sqrt(n); None if there is no value.

    >>> mean([1.0, 2.0, 3.0])
    Mean(value=2.0, half_width=2.4841..., count=3)
    """
    if not values:
        return None
    count = len(values)
    if count == 1:
        return Mean(values[0], None, 1)
    half = student_quantile(count - 1, level) * statistics.stdev(values) / math.sqrt(count)
    return Mean(statistics.fmean(values), half, count)


@cache
def student_quantile(freedom: int, level: float = 0.05) -> float:
    """Return t with P(|T| > t) = level for Student's T with so many degrees of freedom.

    >>> round(student_quantile(4), 3)
    2.776
    """
    return -float(special.stdtrit(freedom, level / 2))


def prediction_half_width(values: Sequence[float], level: float = 0.05) -> float | None:
    """Return half the width of the interval in which one more value falls, t s sqrt(1 + 1/n); None for n = 1.

    Its confidence is 1 - level.

    >>> round(prediction_half_width([1.0, 2.0, 3.0]), 3)
    4.968
    """
    count = len(values)
    if count < 2:
        return None
    return student_quantile(count - 1, level) * statistics.stdev(values) * math.sqrt(1 + 1 / count)


def binomial_error(share: float, count: int) -> float:
    """Return the standard error sqrt(p (1 - p) / n) of a share p of n images.

    >>> round(binomial_error(0.98, 10_000), 4)
    0.0014
    """
    return math.sqrt(share * (1 - share) / count)


def zigzag(values: Sequence[float]) -> float:
    """Return how far a curve zig-zags: the standard deviation of its values around their neighbors' middle.

        e_k = x_k - (x_(k-1) + x_(k+1)) / 2;   zigzag = sqrt(2/3 mean(e_k^2))

    A straight line has none, whatever its slope. Independent noise of standard deviation s around such a line gives s.

    Source: the difference-based estimate of residual variance of Gasser, Sroka and Jennen-Steinmetz, Biometrika 73
    (1986), 625-633, at equal distances.

    >>> zigzag([1.0, 2.0, 3.0, 4.0])
    0.0
    >>> round(zigzag([0.0, 1.0, 0.0, 1.0]), 3)
    0.816
    """
    if len(values) < 3:
        raise ValueError(f"a zig-zag takes three values or more; there are {len(values)}")
    middles = [(a - 2 * b + c) / 2 for a, b, c in zip(values, values[1:], values[2:], strict=False)]
    return math.sqrt(2 / 3 * statistics.fmean(e * e for e in middles))

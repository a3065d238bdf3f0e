"""The mean difference within pairs: interval, tests, and how often one value beats another."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy import stats

Array = npt.NDArray[np.float64]

_ALL_SIGNS = 15
"""The largest number of pairs for which all patterns of signs are tried."""


@dataclass(frozen=True)
class Difference:
    """The mean d of differences within pairs, which Student's distribution judges.

    Attributes:
        value: d.
        error: its standard error, s / sqrt(n).
        freedom: the degrees of freedom, n - 1.
    """

    value: float
    error: float
    freedom: int

    def interval(self, level: float = 0.05) -> tuple[float, float]:
        """Return the interval that misses the true difference with probability `level`: d +- t s / sqrt(n)."""
        half = float(stats.t.isf(level / 2, self.freedom)) * self.error
        return self.value - half, self.value + half

    @property
    def p(self) -> float:
        """The two-sided p-value of the hypothesis that there is no difference.

        Differences that are all equal have no spread for Student's test. They come from scores that are shares of a
        number of samples, and say no more than that all have one sign, which happens with a probability of 2^-(n - 1).
        """
        if self.error == 0:
            return 1.0 if self.value == 0 else 0.5**self.freedom
        return float(2 * stats.t.sf(abs(self.value) / self.error, self.freedom))

    def p_outside(self, margin: float) -> float:
        """Return the p-value of the hypothesis that the true difference is not between -margin and margin.

        It is the larger one of two one-sided tests.

        Source: Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15 (1987), 657-680.
        """
        if self.error == 0:
            return (0.5**self.freedom if self.value else 0.0) if abs(self.value) < margin else 1.0
        return float(stats.t.sf((margin - abs(self.value)) / self.error, self.freedom))


def difference(first: Sequence[float], second: Sequence[float]) -> Difference:
    """Return the mean of first - second within pairs, at least two.

    >>> found = difference([3.0, 4.0, 6.0], [1.0, 2.0, 3.0])
    >>> round(found.value, 2), round(found.p, 3), [round(end, 2) for end in found.interval()]
    (2.33, 0.02, [0.9, 3.77])
    """
    differences = np.subtract(first, second).tolist()
    error = statistics.stdev(differences) / math.sqrt(len(differences))  # just 0 for equal differences
    return Difference(statistics.fmean(differences), error, len(differences) - 1)


def sign_flip_p(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the two-sided p-value of the sign-flip test of the mean difference within pairs.

    If the two are exchangeable within each pair, each sign of a difference is as likely as the other. All patterns of
    signs are tried for up to 15 pairs; for more pairs a fixed sample of the patterns is, the given one included.
    (SciPy's `permutation_test` is the same, and takes seconds for 15 pairs.)

    Source: Fisher, The Design of Experiments (1935), section 21.

    >>> sign_flip_p([3.0, 4.0, 6.0], [1.0, 2.0, 3.0])
    0.25
    """
    differences = np.subtract(first, second)
    sums = np.abs(_signs(len(differences)) @ differences)
    border = abs(differences.sum()) - 1e-12 * np.abs(differences).sum()  # patterns that differ by round-off are equal
    return float(np.mean(sums >= border))


@cache
def _signs(count: int) -> Array:
    """Return patterns of signs, (patterns, count): all of them, or a sample whose first is that of no flip."""
    if count <= _ALL_SIGNS:
        numbers = np.arange(2**count)[:, None] >> np.arange(count)
        return 1.0 - 2.0 * (numbers & 1).astype(np.float64)
    drawn: Array = np.random.default_rng(0).choice([-1.0, 1.0], (2**_ALL_SIGNS, count))
    drawn[0] = 1.0
    return drawn


def share_of_wins(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the share of all pairs, one value of each sample, in which the first is above; a tie counts half.

    It estimates the probability that one run of the first beats one of the second: U / (n m) of Mann and Whitney.

    >>> share_of_wins([3.0, 4.0], [1.0, 3.0])
    0.875
    """
    return float(np.mean((np.sign(np.subtract.outer(first, second)) + 1) / 2))

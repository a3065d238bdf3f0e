"""How many pairs decide, and which difference so many pairs can show."""

from __future__ import annotations

import itertools
import math

from scipy import optimize, stats

_LARGE = 1000.0
"""The shift of Student's distribution beyond which SciPy's series do not converge."""


def power(difference: float, spread: float, count: int, level: float = 0.05) -> float:
    """Return the probability that Student's two-sided test finds a true mean difference within pairs, and its sign.

    Args:
        difference: the true mean difference.
        spread: the standard deviation of the differences.
        count: the number of pairs.
        level: the level of the test.

    >>> round(power(0.5, 1.0, 34), 3)
    0.808
    """
    freedom, shift = count - 1, difference / spread * math.sqrt(count)
    border = float(stats.t.isf(level / 2, freedom))
    if shift > _LARGE:  # beside which a normal number is nothing: P(Z + shift > border S) = P(S < shift / border)
        return float(stats.chi2.cdf(freedom * (shift / border) ** 2, freedom))
    return float(stats.nct.sf(border, freedom, shift))


def needed(difference: float, spread: float, level: float, share: float, least: int, most: int) -> int:
    """Return the smallest number of pairs, from `least` to `most`, whose `power` is at least `share`, or `most`.

    >>> needed(0.5, 1.0, 0.05, 0.8, 2, 100)
    34
    """
    if spread == 0:
        return least
    return next((n for n in range(least, most) if power(difference, spread, n, level) >= share), most)


def detectable(spread: float, count: int, level: float = 0.05, share: float = 0.8) -> float:
    """Return the true mean difference that is found with probability `share`.

    >>> round(detectable(1.0, 34), 2)
    0.5
    """
    if spread == 0:
        return 0.0
    border = float(stats.t.isf(level / 2, count - 1)) * spread / math.sqrt(count)
    most = next(border * 2.0**k for k in itertools.count() if power(border * 2.0**k, spread, count, level) >= share)
    return float(optimize.brentq(lambda d: power(d, spread, count, level) - share, 0.0, most))


def least_for_signs(tests: int, level: float = 0.05) -> int:
    """Return the smallest number of pairs with which a sign-flip test can decide one of `tests` hypotheses.

    The smallest p-value of n pairs is 2 / 2^n; Holm's correction compares it with level / tests.

    >>> least_for_signs(1), least_for_signs(31), least_for_signs(32 * 31 // 2)
    (6, 11, 15)
    """
    return math.ceil(1 + math.log2(max(tests, 1) / level))

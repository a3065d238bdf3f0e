"""Looking at growing data again and again, without a larger chance to be wrong: group-sequential alpha spending.

Whoever looks at each new value, and stops at the first 95 % interval that excludes zero, finds a difference that is not
there far more often than in 5 of 100 cases. So the looks share the 5 %. A spending function says how much of it may be
used up to each look, as a function of the information fraction t: the share of the most values that are there. From it
follows the level of each look: an interval at that look decides with probability 1 - level.

The level of look k is where the score S(t_k), a Brownian motion if there is no difference, leaves

    |S(t_i)| < z_i sqrt(t_i)    for i < k

at look k for the first time with exactly the probability that the spending function has left for that look.

Sources: Lan and DeMets, "Discrete sequential boundaries for clinical trials", Biometrika 70 (1983), 659-663, for the
spending functions; Armitage, McPherson and Rowe, "Repeated significance tests on accumulating data", Journal of the
Royal Statistical Society A 132 (1969), 235-244, for the integral over the scores; Jennison and Turnbull, "Group
sequential methods with applications to clinical trials" (2000), sections 4.4 (the levels with Student's quantiles), 7.2
and 19.2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from ravine.errors import ConfigError, shortened, unknown

Array = npt.NDArray[np.float64]

FARTHEST = 9.0
"""In standard deviations, a score beyond which nothing is counted: its probability is 2e-19."""

CLOSEST = 1e-5
"""The smallest distance of two fractions for which the integral is made."""

_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(16)


def _obrien_fleming(t: float, alpha: float) -> float:
    """Return 2 - 2 Phi(z / sqrt(t)), z the normal quantile of 1 - alpha / 2: little at first, most of it at the end."""
    return float(2 * special.ndtr(special.ndtri(alpha / 2) / math.sqrt(t)))


def _pocock(t: float, alpha: float) -> float:
    """Return alpha ln(1 + (e - 1) t): about the same level at each look."""
    return alpha * math.log1p((math.e - 1) * t)


SPENDING: Mapping[str, Callable[[float, float], float]] = {"obrien-fleming": _obrien_fleming, "pocock": _pocock}
"""Spending functions by name: what may be spent of a one-sided alpha up to information fraction t."""


def looks(fractions: Sequence[float], alpha: float = 0.05, spending: str = "obrien-fleming") -> tuple[float, ...]:
    """Return the two-sided level of each look, with which all looks together are wrong with probability alpha at most.

    An interval at look k is then Student's with confidence 1 - level_k. Half of alpha is spent on each side of zero.
    The levels of the first looks depend on their own fractions only, not on those of later looks.

    >>> [round(level, 4) for level in looks([0.2, 0.4, 0.6, 0.8, 1.0])]
    [0.0, 0.0008, 0.0074, 0.022, 0.0423]
    >>> [round(level, 4) for level in looks([1.0])]
    [0.05]

    Args:
        fractions: at each look, the number of values as a share of the most that there can be; they grow, to 1 at most.
        alpha: the probability that any of the looks finds a difference where there is none.
        spending: "obrien-fleming", which is strict at first and leaves the last look nearly alpha, or "pocock", which
            treats all looks about alike.

    Raises:
        ConfigError: the fractions do not grow from 0 to 1, by `CLOSEST` or more, or alpha is not between 0 and 1, or
            there is no spending function of that name.
    """
    times = [float(fraction) for fraction in fractions]
    apart = [later - earlier for earlier, later in zip([0.0, *times], times, strict=False)]
    if not all(distance >= CLOSEST for distance in apart) or (times and times[-1] > 1):
        raise ConfigError(
            f"the fractions of the looks are {shortened(times)}; they must grow, from 0 to 1, by {CLOSEST} or more."
        )
    if not 0 < alpha < 1:
        raise ConfigError(f"alpha is {alpha}; it must lie between 0 and 1.")
    if spending not in SPENDING:
        raise ConfigError(unknown("spending function", spending, SPENDING))
    spent = [SPENDING[spending](time, alpha / 2) for time in times]
    levels: list[float] = []
    nodes, mass = np.zeros(1), np.ones(1)  # the scores that no look has stopped, and their probabilities
    spreads = [math.sqrt(distance) for distance in apart]
    for k, time in enumerate(times):
        share = spent[k] - (spent[k - 1] if k else 0.0)
        bound = _bound(nodes, mass, spreads[k], math.sqrt(time), share)
        levels.append(float(2 * special.ndtr(-bound / math.sqrt(time))))
        finest = min(spreads[k : k + 2])
        nodes, mass = _moved(nodes, mass, spreads[k], min(bound, FARTHEST * math.sqrt(time)), finest)
    return tuple(levels)


def _bound(nodes: Array, mass: Array, spread: float, deviation: float, share: float) -> float:
    """Return the score that the next look passes upwards with probability `share`; infinite if that is 0."""

    def passed(bound: float) -> float:
        return float(mass @ special.ndtr((nodes - bound) / spread))

    farthest = 38 * deviation  # beyond it a normal probability is 0 in double precision
    if share <= passed(farthest):
        return math.inf
    return float(optimize.brentq(lambda bound: passed(bound) - share, 0.0, farthest, xtol=1e-13, rtol=1e-13))


def _moved(nodes: Array, mass: Array, spread: float, bound: float, finest: float) -> tuple[Array, Array]:
    """Return the scores within the bound one look later, and their probabilities, at the nodes of Gauss rules.

    The rules are fine enough for what this look and the next add to a score, of standard deviation `finest` or more.
    """
    pieces = math.ceil(2 * bound / (4 * finest))
    edges = np.linspace(-bound, bound, pieces + 1)
    half = bound / pieces
    later = (edges[:-1, None] + half * (1 + _POINTS)).ravel()
    density = np.exp(-0.5 * ((later[:, None] - nodes) / spread) ** 2) @ mass / (spread * math.sqrt(2 * math.pi))
    return later, half * np.tile(_WEIGHTS, pieces) * density

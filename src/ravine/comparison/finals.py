"""How many final runs decide: from the spread that the tuning showed, the margin and the number of comparisons."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterable, Sequence

from ravine.comparison.plan import Entry, Protocol
from ravine.statistics.power import detectable, least_for_signs, needed

USUAL_SPREAD = 0.003
"""The standard deviation of an accuracy over seeds, before anything is known: that of small networks on MNIST."""


def usual_spread(protocol: Protocol) -> float:
    """Return the standard deviation over seeds to go by before anything is known; of a loss it is the margin."""
    return USUAL_SPREAD if protocol.objective == "accuracy" else protocol.margin


def spread_of(groups: Iterable[Sequence[float]]) -> float | None:
    """Return the standard deviation over seeds, pooled over groups of runs that differ by the seed alone.

    None if no group has two runs, so that nothing is known of it.

    >>> round(spread_of([[1.0, 2.0, 3.0], [5.0, 6.0]]), 3)
    0.913
    """
    parts = [(len(group) - 1, statistics.variance(group)) for group in groups if len(group) > 1]
    freedom = sum(n for n, _ in parts)
    return math.sqrt(sum(n * variance for n, variance in parts) / freedom) if freedom else None


def pairs_of(entries: Sequence[Entry], protocol: Protocol, best: str | None = None) -> list[tuple[str, str]]:
    """Return the pairs that are judged, by the labels of the optimizers, in their order.

    Where each is judged beside the best one, `best` is its label; before that is known, any pairs of as many are
    returned. The best one is known by the tuning alone, so that its finals are no luckier than those of others.
    """
    tuned = {entry.label for entry in entries if entry.tuned}
    labels = [entry.label for entry in entries]
    if protocol.pairs == "best":
        first = best or labels[0]
        return [(first, label) for label in labels if label != first]
    return [pair for pair in itertools.combinations(labels, 2) if not tuned.issuperset(pair)]


def final_count(protocol: Protocol, tests: int, spread: float) -> int:
    """Return the number of final runs of each winner, if so many pairs are judged.

    It is the smallest with which Student's test of one pair, at the first level of Holm's correction, finds a true
    difference of twice the margin with the power of the plan, if the optimizers' scores at one seed are not correlated;
    and with which a sign-flip test could decide. Correlation makes the power larger.
    """
    if protocol.finals is not None:
        return protocol.finals
    least = least_for_signs(tests, protocol.level)
    level = protocol.level / max(tests, 1)
    most = max(protocol.most_finals, least)
    return needed(2 * protocol.margin, math.sqrt(2) * spread, level, protocol.power, least, most)


def seen(protocol: Protocol, tests: int, spread: float, count: int) -> float:
    """Return the true difference between two optimizers that so many final runs find with the power of the plan."""
    return detectable(math.sqrt(2) * spread, count, protocol.level / max(tests, 1), protocol.power)

"""Whether the best trials lie at the edge of the space, so that better ones may lie beyond it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec

from ravine.comparison.plan import Entry
from ravine.comparison.trials import Trial
from ravine.search import Axis, Choice, End

BEST = 5
"""How many of the best trials are looked at."""

AT_EDGE = 4
"""How many of them must lie at one end."""

OUTER = 0.1
"""The least share of the trials that make up an end; see `outermost`."""

LEAST_TRIALS = 16
"""The smallest search that can show an edge."""


def outermost(trials: int) -> int:
    """Return how many of so many trials make up an end of an axis: their square root, at least a tenth of them.

    Sobol points are spread so evenly that one or two of 16 lie in the outer tenth of an axis, so a tenth alone could
    never hold four of the best five. Ends of 8 trials, which are 3, cannot either.

    >>> outermost(16), outermost(32), outermost(400)
    (4, 6, 40)
    """
    return max(math.ceil(OUTER * trials), math.ceil(math.sqrt(trials)))


class Edge(msgspec.Struct, frozen=True):
    """An end of an axis at which most of the best trials lie."""

    axis: str
    end: End


def edges(best: Sequence[Trial], axes: Mapping[str, Axis], entry: Entry) -> list[Edge]:
    """Return the ends of axes at which at least four of the five best trials lie: among the outermost of all trials.

    An end at a natural bound, such as a momentum of 0, is none. The winner alone is no sign: with one axis that has no
    effect it lies in the outer tenth at one of two ends in 20 % of all searches, with four such axes in 59 %. Four of
    the best five of 16 trials are among the four at one of the two ends in 2 * 12 / C(16, 5) = 0.5 % of searches.

    Args:
        best: all trials, best first.
        axes: the axes as they were searched in all stages so far.
        entry: the optimizer, for the bounds of its axes.
    """
    found: list[Edge] = []
    count = outermost(len(best))
    for name, axis in axes.items():
        if isinstance(axis, Choice):
            continue
        places = [axis.place(trial.settings[name]) for trial in best]
        inner = sorted(places)[count - 1], sorted(places)[-count]
        if inner[0] >= inner[1]:
            continue
        ends: tuple[tuple[End, int], ...] = (
            ("low", sum(place <= inner[0] for place in places[:BEST])),
            ("high", sum(place >= inner[1] for place in places[:BEST])),
        )
        found += [
            Edge(name, end)
            for end, count in ends
            if count >= AT_EDGE and not axis.is_bound(end, bound_of(entry, name, end))
        ]
    return found


def bound_of(entry: Entry, name: str, end: End) -> float:
    """Return the bound of an axis's values at an end."""
    low, high = entry.bounds[name]
    if end == "low":
        return float("-inf") if low is None else low
    return float("inf") if high is None else high


def beyond(axes: Mapping[str, Axis], found: Sequence[Edge], entry: Entry) -> dict[str, Axis]:
    """Return the axes of a search that goes on beyond some edges; the other axes stay."""
    further = {edge.axis: axes[edge.axis].extended(edge.end, bound_of(entry, edge.axis, edge.end)) for edge in found}
    return {name: further.get(name) or axis for name, axis in axes.items()}


def joined(axes: Mapping[str, Axis], further: Mapping[str, Axis]) -> dict[str, Axis]:
    """Return axes that hold the values of both."""
    return {name: _joined(axis, further[name]) for name, axis in axes.items()}


def _joined(axis: Axis, other: Axis) -> Axis:
    if isinstance(axis, Choice) or isinstance(other, Choice) or axis == other:
        return axis
    return msgspec.structs.replace(axis, low=min(axis.low, other.low), high=max(axis.high, other.high))

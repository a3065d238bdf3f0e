"""The verdict on each pair of optimizers, from their scores in the finals."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Literal

import msgspec

from ravine.comparison.plan import Protocol
from ravine.statistics.holm import levels
from ravine.statistics.pairs import difference, share_of_wins, sign_flip_p
from ravine.statistics.spending import looks

CAUTION = 0.9
"""The share of the level that several looks spend.

The levels of looks are those of normal means, and Student's quantiles err a little more: `python -m
benchmarks.fairness --looks` says how much.
"""

Verdict = Literal["better", "worse", "equivalent", "undecided"]


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """What the finals say about optimizer `a` beside optimizer `b`.

    Attributes:
        a, b: the optimizers.
        difference: the mean score of `a` minus that of `b`, paired by seed; more is better.
        interval: the interval of the difference, at the level at which it was tested.
        p: the p-value of Student's test that there is no difference.
        level: the level with which `p` was compared, after Holm's correction.
        p_outside: the p-value of the two one-sided tests that the difference is not within the margin.
        p_signs: the p-value of the sign-flip test, which decides nothing.
        wins: the probability that one run of `a` beats one run of `b`.
        seeds: the number of pairs.
        look: the look at which the verdict was given.
        verdict: of `a`.
        note: what else the reader must know.
    """

    a: str
    b: str
    difference: float
    interval: tuple[float, float]
    p: float
    level: float
    p_outside: float
    p_signs: float
    wins: float
    seeds: int
    look: int
    verdict: Verdict
    note: str = ""

    @property
    def differs(self) -> bool:
        """Whether the test says that there is a difference, however small."""
        return self.p <= self.level


def judge(
    scores: Mapping[str, Sequence[float]],
    before: Sequence[Pair],
    protocol: Protocol,
    look: int = 1,
    pairs: Sequence[tuple[str, str]] | None = None,
) -> list[Pair]:
    """Return the verdict on every pair, in the order of the optimizers, or on some.

    - better or worse: Student's test of the differences within seeds finds a difference, after Holm's correction.
    - equivalent: two one-sided tests, each after Holm's correction, find that the difference is within the margin. This
      is said also where there is a difference, if it is that small.
    - undecided: neither.

    A verdict of an earlier look stands; only pairs that are undecided are judged again.

    Args:
        scores: by optimizer, the scores in the order of the seeds; more is better.
        before: the verdicts of the look before.
        protocol: the margin, the level and the number of looks.
        look: the number of this look, from 1.
        pairs: those that are judged, the same at each look; all if None.
    """
    level_of_look = nominal(protocol, look)
    standing = {(pair.a, pair.b): pair for pair in before if pair.verdict != "undecided"}
    names = list(itertools.combinations(scores, 2)) if pairs is None else list(pairs)
    open_pairs = [names_of for names_of in names if names_of not in standing]
    found = {}
    for a, b in open_pairs:
        count = min(len(scores[a]), len(scores[b]))
        found[a, b] = (scores[a][:count], scores[b][:count])
    differences = {pair: difference(*values) for pair, values in found.items()}
    told_apart = sum(pair.differs for pair in standing.values())
    equal = sum(pair.verdict == "equivalent" for pair in standing.values())
    of_difference = _levels([d.p for d in differences.values()], len(names) - told_apart, protocol.level, level_of_look)
    outside = [d.p_outside(protocol.margin) for d in differences.values()]
    of_margin = _levels(outside, len(names) - equal, protocol.level, level_of_look)
    judged = {
        (a, b): Pair(
            a=a,
            b=b,
            difference=d.value,
            interval=d.interval(level),
            p=d.p,
            level=level,
            p_outside=p_outside,
            p_signs=sign_flip_p(*found[a, b]),
            wins=share_of_wins(*found[a, b]),
            seeds=len(found[a, b][0]),
            look=look,
            verdict=_verdict(d.value, d.p <= level, p_outside <= margin_level),
        )
        for ((a, b), d), level, p_outside, margin_level in zip(
            differences.items(), of_difference, outside, of_margin, strict=True
        )
    }
    return [standing.get(pair) or judged[pair] for pair in names]


def _verdict(value: float, differs: bool, within: bool) -> Verdict:
    if within:
        return "equivalent"
    if differs:
        return "better" if value > 0 else "worse"
    return "undecided"


def _levels(p_values: Sequence[float], family: int, level: float, nominal: Callable[[float], float]) -> list[float]:
    """Return the levels of Holm's procedure for the hypotheses that are open, of a family of which some are decided."""
    decided = family - len(p_values)
    padded = [*p_values, *([1.0] * decided)]
    return levels(padded, level, nominal)[: len(p_values)]


def nominal(protocol: Protocol, look: int) -> Callable[[float], float]:
    """Return the function that turns the level of a whole comparison into the level of one look."""
    if protocol.looks == 1:
        return lambda level: level
    return lambda level: _levels_of_looks(protocol.looks, level)[look - 1]


@cache
def _levels_of_looks(count: int, level: float) -> tuple[float, ...]:
    return looks([k / count for k in range(1, count + 1)], CAUTION * level, "pocock")

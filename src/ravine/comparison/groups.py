"""Which optimizers of a leaderboard cannot be told apart."""

from __future__ import annotations

from collections.abc import Sequence

from ravine.comparison.verdicts import Pair


def groups(labels: Sequence[str], pairs: Sequence[Pair]) -> list[list[str]]:
    """Return groups of two or more optimizers, in none of which one is better than another, each best first.

    Two optimizers share a group if their pair is undecided or equivalent, and none if one is better. Two whose pair is
    not judged may share one that others bring them to. As this is not transitive, an optimizer may be in several.

    Args:
        labels: the optimizers, best first.
        pairs: the verdicts on pairs of them.

    >>> from types import SimpleNamespace as Said
    >>> pairs = [Said(a="a", b="b", verdict="undecided"), Said(a="a", b="c", verdict="better")]
    >>> groups(["a", "b", "c"], [*pairs, Said(a="b", b="c", verdict="equivalent")])
    [['a', 'b'], ['b', 'c']]
    """
    joined = {frozenset((pair.a, pair.b)) for pair in pairs if pair.verdict in ("undecided", "equivalent")}
    apart = {frozenset((pair.a, pair.b)) for pair in pairs} - joined
    found: list[list[str]] = []
    for place, first in enumerate(labels):
        for second in labels[place + 1 :]:
            if {first, second} not in joined or any(first in group and second in group for group in found):
                continue
            group = [first, second]
            for other in labels:
                if other not in group and not any({other, member} in apart for member in group):
                    group.append(other)
            found.append(sorted(group, key=labels.index))
    return found

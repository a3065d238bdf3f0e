"""A comparison in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from ravine.comparison.outcome import Outcome, Standing, Verdicts
from ravine.comparison.plan import Objective, Plan, Protocol
from ravine.comparison.verdicts import Pair
from ravine.formulas.kinds import shown
from ravine.words import listed, several


def score_text(value: float, objective: Objective) -> str:
    """Write a score as its reader knows it: an accuracy in percent, or a loss.

    >>> score_text(0.98123, "accuracy"), score_text(-0.0731, "loss")
    ('98.12 %', '0.07310')
    """
    return f"{100 * value:.2f} %" if objective == "accuracy" else f"{-value:#.4g}"


def half_width_text(interval: Sequence[float], objective: Objective) -> str:
    """Write half the width of an interval, in the unit of `score_text`.

    >>> half_width_text((0.98, 0.982), "accuracy")
    '0.10'
    """
    half = (interval[1] - interval[0]) / 2
    return f"{100 * half:.2f}" if objective == "accuracy" else f"{half:.2g}"


def difference_text(value: float, objective: Objective) -> str:
    """Write a difference: points of accuracy, or of the loss; above 0 it is in favor of the first.

    >>> difference_text(0.00213, "accuracy"), difference_text(-0.01, "loss")
    ('+0.21 points', '-0.01')
    """
    return f"{100 * value:+.2f} points" if objective == "accuracy" else f"{value:+.3g}"


def margin_text(protocol: Protocol) -> str:
    """Write the margin that matters.

    >>> margin_text(Protocol())
    '0.2 points of accuracy'
    """
    return (
        f"{100 * protocol.margin:g} points of accuracy" if protocol.objective == "accuracy" else f"{protocol.margin:g}"
    )


def settings_text(standing: Standing) -> str:
    """Write the settings that a search chose.

    >>> from types import SimpleNamespace
    >>> settings_text(SimpleNamespace(settings={"lr": 0.0412345, "alpha": 0.9}))
    'lr=0.04123, alpha=0.9'
    """
    return ", ".join(f"{name}={_value(value)}" for name, value in standing.settings.items())


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return shown(value) if isinstance(value, (bool, int)) else str(value)


def rank_text(rank: tuple[int, int]) -> str:
    """Write a rank, or the ranks that are open.

    >>> rank_text((1, 1)), rank_text((1, 3))
    ('1', '1 to 3')
    """
    return str(rank[0]) if rank[0] == rank[1] else f"{rank[0]} to {rank[1]}"


def verdict_sentence(outcome: Outcome, verdicts: Verdicts) -> str:
    """Say in one or two sentences what the finals on one problem show."""
    protocol = outcome.plan.protocol
    standings = [standing for standing in outcome.leaderboard if standing.problem == verdicts.problem]
    leader = standings[0]
    said = {
        other: verdict
        for pair in verdicts.pairs
        if (found := _of(leader.optimizer, pair))
        for other, verdict in [found]
    }
    order = [standing.optimizer for standing in standings[1:]]
    better, equal, undecided = (
        [other for other in order if said[other] in kinds]
        for kinds in (("better",), ("equivalent",), ("undecided", "worse"))
    )
    what = "test accuracy" if protocol.objective == "accuracy" else "test loss"
    score = f"{what} {score_text(leader.score, protocol.objective)}"
    parts = []
    if undecided:
        parts.append(
            f"Undecided: {leader.optimizer} leads with {score}, and {several(leader.finals, 'seed')} do not tell it from "
            f"{listed(undecided, 'and')}"
        )
    elif equal:
        parts.append(
            f"{listed([leader.optimizer, *equal], 'and')} are equivalent: they differ by less than {margin_text(protocol)}"
        )
    else:
        parts.append(f"{leader.optimizer} is better than {listed(better, 'and')}: {score}")
    if (undecided or equal) and better:
        parts.append(f"{leader.optimizer} is better than {listed(better, 'and')}")
    if undecided and equal:
        parts.append(f"{leader.optimizer} and {listed(equal, 'and')} are equivalent")
    return "; ".join(parts) + "."


def _of(optimizer: str, pair: Pair) -> tuple[str, str] | None:
    """Return the other optimizer of a pair, and the verdict on this one."""
    if pair.a == optimizer:
        return pair.b, pair.verdict
    turned = {"better": "worse", "worse": "better"}
    return (pair.a, turned.get(pair.verdict, pair.verdict)) if pair.b == optimizer else None


def warnings(outcome: Outcome) -> list[str]:
    """Return what the reader must know before he believes a verdict: searches at an edge, and controls that failed."""
    found = []
    for standing in outcome.leaderboard:
        for edge in standing.edges:
            found.append(
                f"{standing.problem}: the best trials of {standing.optimizer} lie at the {edge.end} end of {edge.axis}, "
                "so a better setting may lie beyond it; nothing says that it is worse than another one."
            )
        for other in standing.under_tuned:
            found.append(
                f"{standing.problem}: {standing.optimizer} is under-tuned: it contains {other} and does worse."
            )
    return found


def seen_sentence(outcome: Outcome, verdicts: Verdicts) -> str:
    """Say which difference the finals of a problem could have seen."""
    protocol = outcome.plan.protocol
    size = difference_text(verdicts.seen, protocol.objective).lstrip("+")
    return (
        f"With {several(verdicts.finals, 'final run')} each, a true difference of {size} between two optimizers is found "
        f"in {protocol.power:.0%} of comparisons."
    )


def protocol_sentences(plan: Plan) -> list[str]:
    """Say what a plan does, step by step."""
    p = plan.protocol
    objective = f"validation {p.objective}"
    ends = "a test of each pair at that level after Holm's correction"
    finals = f"{p.finals} final runs" if p.finals is not None else f"up to {p.most_finals} final runs"
    found = [
        f"Search: {p.trials} scrambled Sobol points for each optimizer, one seed, judged by the {objective} at the end "
        "of the training. A run that diverges scores as chance.",
        f"If the best trials lie at an edge: {p.extensions} more of such searches beyond it, "
        "with as many trials for every optimizer."
        if p.extensions
        else "If the best trials lie at an edge, the verdict is undecided.",
        f"The best {p.contenders} trials of each get {several(p.tuning_seeds - 1, 'further seed')}; the best mean wins.",
        f"{finals[0].upper()}{finals[1:]} of each winner with fresh seeds, on the whole training set; the test set is "
        f"looked at once.",
        f"Verdicts: at level {p.level:g}, {ends}; a difference below {margin_text(p)} does not matter.",
    ]
    if p.looks > 1:
        found.append(f"Pairs that are undecided get as many final runs again, in up to {p.looks} looks.")
    return found

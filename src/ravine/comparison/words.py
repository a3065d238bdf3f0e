"""A comparison in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from ravine.comparison.edges import LEAST_TRIALS
from ravine.comparison.facts import is_below_default
from ravine.comparison.outcome import Outcome, Standing, Verdicts
from ravine.comparison.plan import Objective, Protocol
from ravine.comparison.verdicts import Pair, Verdict
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
    >>> difference_text(-0.00001, "accuracy")  # zero has no sign
    '0.00 points'
    """
    if objective == "loss":
        return f"{value:+.3g}"
    points = round(100 * value, 2)
    return f"{points:+.2f} points" if points else "0.00 points"


def interval_text(interval: Sequence[float], objective: Objective) -> str:
    """Write the interval of a difference.

    >>> interval_text((-0.00014, 0.00213), "accuracy"), interval_text((-0.01, 0.02), "loss")
    ('-0.01 to +0.21 points', '-0.01 to +0.02')
    """
    low, high = (difference_text(end, objective) for end in interval)
    return f"{low.removesuffix(' points')} to {high}"


def cost_word(objective: Objective) -> str:
    """Name what is less the better an optimizer is.

    >>> cost_word("accuracy"), cost_word("loss")
    ('error', 'loss')
    """
    return "error" if objective == "accuracy" else "loss"


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
    return values_text(standing.settings)


def values_text(settings: Mapping[str, object]) -> str:
    """Write settings.

    >>> values_text({"lr": 0.0412345, "schedule": "cosine"})
    'lr=0.04123, schedule=cosine'
    """
    return ", ".join(f"{name}={setting_text(value)}" for name, value in settings.items())


def setting_text(value: object) -> str:
    """Write the value of a setting.

    >>> setting_text(0.0412345), setting_text(True), setting_text("cosine")
    ('0.04123', 'true', 'cosine')
    """
    if isinstance(value, float):
        return f"{value:.4g}"
    return shown(value) if isinstance(value, (bool, int)) else str(value)


def rank_text(rank: tuple[int, int]) -> str:
    """Write a rank, or the ranks that are open.

    >>> rank_text((1, 1)), rank_text((1, 3))
    ('1', '1 to 3')
    """
    return str(rank[0]) if rank[0] == rank[1] else f"{rank[0]} to {rank[1]}"


def standing_doubts(standing: Standing) -> list[str]:
    """Say in a few words each what makes the place of an optimizer doubtful."""
    found = [f"at the edge of {edge.axis}" for edge in standing.edges]
    return found + [f"under-tuned beside {other}" for other in standing.under_tuned]


def verdict_sentence(outcome: Outcome, verdicts: Verdicts) -> str:
    """Say in a few sentences what the finals on one problem show about the best optimizer, and no more than they show.

    The best one is the first of the leaderboard that no other one is better than; or the best one while tuning, if each
    is judged beside that one alone.
    """
    protocol = outcome.plan.protocol
    standings = {
        standing.optimizer: standing for standing in outcome.leaderboard if standing.problem == verdicts.problem
    }
    said = {name: _beside(name, verdicts.pairs) for name in standings}
    if len(verdicts.pairs) == 1 and len(standings) == 2:
        leader, other = said if not _of_kind(said[next(iter(said))], "worse") else reversed(said)
        return _of_two(standings[leader], standings[other], said[leader][other], protocol)
    if protocol.pairs == "best":
        leader = center(verdicts.pairs)
        what = f"{leader}, which did best while tuning, has"
    else:
        leader = next((name for name, found in said.items() if not _of_kind(found, "worse")), "")
        if not leader:
            return "Undecided: each optimizer is worse than some other one."
        best = "the highest" if protocol.objective == "accuracy" else "the lowest"
        what = (
            f"{leader} has {best}"
            if leader == next(iter(standings))
            else f"{leader}, than which none is found better, has"
        )
    found = {other: said[leader][other] for other in standings if other in said[leader]}
    rest = [other for other in standings if other != leader and other not in found]
    return _of_several(standings[leader], what, found, rest, protocol)


def tuned_sentence(outcome: Outcome) -> str:
    """Say which optimizers an earlier comparison tuned; "" if none."""
    tuned = [entry.label for entry in outcome.plan.entries if entry.tuned]
    if not tuned:
        return ""
    names = listed(tuned) if len(tuned) <= 4 else several(len(tuned), "optimizer")
    were, their = ("was", "its") if len(tuned) == 1 else ("were", "their")
    return f"{names} {were} tuned by an earlier comparison; this one made {their} final runs alone."


def center(pairs: Sequence[Pair]) -> str:
    """Return the optimizer that all of several pairs have in common."""
    (common,) = set.intersection(*({pair.a, pair.b} for pair in pairs))
    return common


def _beside(name: str, pairs: Sequence[Pair]) -> dict[str, Pair]:
    """Return the pairs of an optimizer by the other one, each with the verdict on this one."""
    return {pair.b if pair.a == name else pair.a: turned(pair, name) for pair in pairs if name in (pair.a, pair.b)}


def turned(pair: Pair, first: str) -> Pair:
    """Return a pair as the verdict on one of its two optimizers, `first`."""
    if pair.a == first:
        return pair
    opposite: dict[Verdict, Verdict] = {"better": "worse", "worse": "better"}
    low, high = pair.interval
    return msgspec.structs.replace(
        pair,
        a=pair.b,
        b=pair.a,
        difference=-pair.difference,
        interval=(-high, -low),
        wins=1 - pair.wins,
        verdict=opposite.get(pair.verdict, pair.verdict),
    )


def _of_kind(found: Mapping[str, Pair], verdict: Verdict) -> list[str]:
    return [other for other, pair in found.items() if pair.verdict == verdict]


def _of_two(leader: Standing, other: Standing, pair: Pair, protocol: Protocol) -> str:
    objective = protocol.objective
    first, second = (
        f"{each.optimizer} ({what}{score_text(each.score, objective)})"
        for each, what in ((leader, f"test {objective} "), (other, ""))
    )
    names = f"{leader.optimizer} and {other.optimizer}"
    if pair.verdict == "better":
        return f"{first} is better than {second}: the difference is {interval_text(pair.interval, objective)}."
    if pair.verdict == "equivalent":
        margin = margin_text(protocol).removesuffix(" of accuracy")
        return f"{names} are equivalent: in test {objective} they differ by less than {margin}."
    if pair.note:
        return f"Undecided: {pair.note}, so nothing is said of {names}."
    return f"Undecided: {several(pair.seeds, 'final run')} each do not tell {first} from {second}."


def _of_several(leader: Standing, what: str, found: Mapping[str, Pair], rest: Sequence[str], protocol: Protocol) -> str:
    """Say what `found` shows about the leader, of whom `what` tells whose score follows; `rest` is not judged."""
    name, objective, of = leader.optimizer, protocol.objective, len(found) + len(rest)
    better, worse, equal, undecided = (
        _of_kind(found, verdict) for verdict in ("better", "worse", "equivalent", "undecided")
    )
    score = f"test {objective} {score_text(leader.score, objective)}"
    if len(better) == of:
        return f"{name} is better than {_counted(better, of)}: {score}."
    sentences = [f"{what} {score}"]
    at_edge = [other for other in undecided if found[other].note]
    open_ = [other for other in undecided if not found[other].note]
    if open_:
        seeds = sorted({found[other].seeds for other in open_})
        runs = several(seeds[0], "final run") if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]} final runs"
        sentences[0] += f", but {runs} each do not tell it from {_counted(open_, of)}"
    if equal:
        sentences.append(f"It is equivalent to {_counted(equal, of)}: within {margin_text(protocol)}")
    if better:
        sentences.append(f"It is better than {_counted(better, of)}")
    if worse:
        sentences.append(f"{_counted(worse, of)} {'is' if len(worse) == 1 else 'are'} better than {name}")
    if rest:
        sentences.append(f"It is not judged beside {_counted(rest, of)}")
    if at_edge:
        why = "; ".join(dict.fromkeys(found[other].note for other in at_edge))
        sentences.append(f"Nothing is said of {name} beside {_counted(at_edge, of)}: {why}")
    return ("Undecided: " if undecided else "") + ". ".join(sentences) + "."


def _counted(names: Sequence[str], of: int) -> str:
    """Return up to four names, or how many of the others they are."""
    if len(names) <= 4:
        return listed(names)
    return f"all {of} others" if len(names) == of else f"{len(names)} of the {of} others"


def warnings(outcome: Outcome) -> list[str]:
    """Return what the reader must know before he believes a verdict: edges, failed controls, and too few trials."""
    found = list(outcome.notes)
    beside_atlas = any(entry.tuned for entry in outcome.plan.entries)
    for standing in outcome.leaderboard:
        where = f"{standing.problem}: " if len(outcome.verdicts) > 1 else ""
        name = standing.optimizer
        for edge in standing.edges:
            found.append(
                f"{where}The best trials of {name} lie at the {edge.end} end of {edge.axis}: better settings may lie "
                f"beyond it. So nothing says that {name} is worse than another one."
            )
        margin = outcome.plan.protocol.margin
        if is_below_default(standing.validation, standing.default, margin):
            mend = "its search beside the atlas cannot be longer" if beside_atlas else "give it more trials"
            found.append(
                f"{where}{name} does better at its defaults than with what its search found: {mend}. So nothing says "
                f"that {name} is worse than another one."
            )
        lost = sum(
            row.status != "done"
            for row in outcome.trials
            if (row.problem, row.optimizer, row.stage) == (standing.problem, name, "final")
        )
        if lost:
            found.append(
                f"{where}{lost} of {several(standing.finals, 'final run')} of {name} diverged, and count as chance."
            )
        for other in standing.under_tuned:
            found.append(
                f"{where}{name} is under-tuned: some of its settings make it {other}, and yet what its search found "
                f"does worse than {other}, or than trials near it."
            )
    trials = outcome.plan.protocol.trials
    if trials < LEAST_TRIALS:
        found.append(
            f"With {trials} trials a search cannot show that its best trials lie at an edge, beyond which better "
            f"settings may lie; with {LEAST_TRIALS} it can."
        )
    return found


def seen_sentence(outcome: Outcome, verdicts: Verdicts) -> str:
    """Say which difference the finals of a problem could have seen."""
    protocol = outcome.plan.protocol
    size = difference_text(verdicts.seen, protocol.objective).lstrip("+")
    first = f", at the first of {protocol.looks} looks" if protocol.looks > 1 else ""
    return (
        f"With {several(verdicts.finals, 'final run')} each{first}, a true difference of {size} between two settings "
        f"is found in {100 * protocol.power:g} % of comparisons. Verdicts are about the settings that these searches "
        "found: another search of the same size may find others."
    )

"""The outcome of a comparison, as plain values: what the page, the files and `--json` are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from statistics import fmean
from typing import Any

import msgspec

from ravine.comparison import facts
from ravine.comparison.controls import contained, under_tuned
from ravine.comparison.course import Course
from ravine.comparison.edges import Edge
from ravine.comparison.finals import seen, spread_of
from ravine.comparison.plan import Plan, Protocol
from ravine.comparison.profiles import FinalScores, Profile, profiles
from ravine.comparison.scores import Results, means, score, scores
from ravine.comparison.trials import Entrant, Trial
from ravine.comparison.verdicts import Pair
from ravine.data import DATASETS
from ravine.data.validation import samples_of
from ravine.spec.problem import Problem
from ravine.statistics.means import mean
from ravine.storage.record import Result

TUNING = ("search", "extension", "seeds")
"""The stages that choose an optimizer's settings, and what they cost."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One optimizer on one problem.

    Attributes:
        problem, optimizer: their names.
        score: its mean score in the finals; more is better, so a loss has its sign turned round.
        interval: the 95 % interval of that mean.
        rank: the best and the worst rank that the verdicts leave open.
        settings: what its search chose.
        validation: the mean score of these settings while tuning; None if an earlier comparison tuned it, as for all
            that follows from its search.
        default: the mean score of the optimizer's defaults while tuning; None if it has no default rate.
        train_loss: the mean training loss of the finals; None if one diverged.
        finals: the number of final runs.
        diverged: the share of the trials of its search that diverged.
        edges: the ends of axes at which its best trials lie.
        under_tuned: the optimizers that it contains and does worse than, in the finals or while tuning.
        decades: how many decades of the learning rate lie within the margin of the best trial; see `facts.decades`;
            None if its axis is no logarithm.
        best_of: what the best of k trials of its search scores.
        at_seconds: the score of its settings after as many seconds as the fastest run of all winners takes, while
            tuning; None if one of its runs diverged, or had not ended its first epoch.
        to_target: the way to the problem's target, while tuning; None without a target.
        curve: the score of its settings over the epochs, while tuning.
        tuning_seconds: what its search cost, in seconds of one core.
        run_seconds: how long one of its final runs trains, in seconds of one core.
    """

    problem: str
    optimizer: str
    score: float
    interval: tuple[float, float]
    rank: tuple[int, int]
    settings: dict[str, Any]
    validation: float | None
    default: float | None
    train_loss: float | None
    finals: int
    diverged: float | None
    edges: tuple[Edge, ...]
    under_tuned: tuple[str, ...]
    decades: float | None
    best_of: tuple[facts.BestOf, ...]
    at_seconds: float | None
    to_target: facts.ToTarget | None
    curve: facts.Curve
    tuning_seconds: float
    run_seconds: float


class Verdicts(msgspec.Struct, frozen=True, kw_only=True):
    """The pairs of one problem, and what its finals could see.

    Attributes:
        problem: its name.
        pairs: the verdict on each pair.
        spread: the standard deviation over seeds that the tuning showed.
        finals: the final runs of each optimizer at the first look.
        seen: the true difference that so many finals find with the power of the plan, by the spread that they have.
        equal_seconds: the seconds of training at which `Standing.at_seconds` compares.
    """

    problem: str
    pairs: tuple[Pair, ...]
    spread: float
    finals: int
    seen: float
    equal_seconds: float


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a comparison; the rows of `Comparison.trials`, and of trials.csv.

    Attributes:
        problem, optimizer, stage, number, near: see `trials.Trial`.
        seed: the seed of the run.
        settings: the values of the axes.
        score: what is compared; chance if the run diverged.
        status: "done" or "diverged".
        train_loss, validation_loss, validation_accuracy, test_loss, test_accuracy: at the horizon.
        seconds: of training, on one core.
        run: the id of the run.
    """

    problem: str
    optimizer: str
    stage: str
    number: int
    near: str
    seed: int
    settings: dict[str, Any]
    score: float
    status: str
    train_loss: float | None
    validation_loss: float | None
    validation_accuracy: float | None
    test_loss: float | None
    test_accuracy: float | None
    seconds: float
    run: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """A comparison that has ended.

    Attributes:
        id: that of its plan.
        plan: what was to be done.
        leaderboard: on each problem, the optimizers, best first.
        verdicts: on each problem, the verdict on each pair.
        trials: every run.
        environment: versions and processor of the runs.
        profiles: a performance profile for each optimizer, over all problems; none for fewer than four problems.
        notes: what else the reader must know, in sentences.
    """

    id: str
    plan: Plan
    leaderboard: tuple[Standing, ...]
    verdicts: tuple[Verdicts, ...]
    trials: tuple[Row, ...]
    environment: dict[str, str] = {}
    profiles: tuple[Profile, ...] = ()
    notes: tuple[str, ...] = ()


def outcome_of(
    plan: Plan,
    id_: str,
    entrants: Mapping[str, Sequence[Entrant]],
    courses: Mapping[str, Course],
    results: Results,
    environment: Mapping[str, str],
    notes: Sequence[str] = (),
) -> Outcome:
    """Put together what the courses on all problems found; `entrants` and `courses` are by the problem's name."""
    leaderboard: list[Standing] = []
    verdicts: list[Verdicts] = []
    rows: list[Row] = []
    for problem in plan.problems:
        done, taking_part = courses[problem.name], entrants[problem.name]
        tuned = {label: _tuned(done, label, results) for label in plan.labels}
        seconds = min((_training(run) for runs in tuned.values() for run in runs if run.status == "done"), default=0.0)
        doubts = _doubts(taking_part, done, tuned, results, plan.protocol)
        lost = {label for label in plan.labels if _all_diverged(done, label, results)}
        pairs = [_noted(pair, doubts, lost) for pair in done.pairs]
        near = _under_tuned(taking_part, done, results, plan.protocol)
        found = [
            _standing(
                entrant,
                done,
                results,
                plan.protocol,
                pairs,
                near[entrant.label],
                tuned[entrant.label],
                seconds,
                len(taking_part),
            )
            for entrant in taking_part
        ]
        leaderboard += sorted(found, key=lambda standing: -standing.score)
        verdicts.append(
            Verdicts(
                problem=problem.name,
                pairs=tuple(pairs),
                spread=done.spread,
                finals=done.finals,
                seen=seen(plan.protocol, len(pairs), _final_spread(done, plan, results), done.finals),
                equal_seconds=seconds,
            )
        )
        rows += [_row(trial, results, plan.protocol) for trial in done.trials]
    return Outcome(
        id=id_,
        plan=plan,
        leaderboard=tuple(leaderboard),
        verdicts=tuple(verdicts),
        trials=tuple(rows),
        environment=dict(environment),
        profiles=profiles(final_scores(rows), plan.protocol.objective),
        notes=tuple(notes),
    )


def final_scores(rows: Iterable[Row]) -> FinalScores:
    """Return the scores of the final runs by problem, optimizer and seed."""
    found: dict[str, dict[str, dict[int, float]]] = {}
    for row in rows:
        if row.stage == "final":
            found.setdefault(row.problem, {}).setdefault(row.optimizer, {})[row.seed] = row.score
    return found


def _final_spread(done: Course, plan: Plan, results: Results) -> float:
    """Return the standard deviation of the finals over seeds."""
    groups = [scores(done.of(label, "final"), results, plan.protocol.objective) for label in plan.labels]
    return spread_of(groups) or 0.0


def _tuned(done: Course, label: str, results: Results) -> list[Result]:
    """Return the results of the winning settings of an optimizer while tuning, one a seed."""
    winner = done.winners[label]
    return [results[t.id] for t in done.of(label, *TUNING) if t.number == winner.number]


def _training(run: Result) -> float:
    return sum(epoch.seconds for epoch in run.history)


def _samples(problem: Problem) -> int:
    """Return how many samples an epoch of the tuning trains on."""
    total = DATASETS[problem.dataset].train_count
    return total - samples_of(problem.validation, total)


def _standing(
    entrant: Entrant,
    done: Course,
    results: Results,
    protocol: Protocol,
    pairs: Sequence[Pair],
    near: Sequence[str],
    tuned: Sequence[Result],
    seconds: float,
    optimizers: int,
) -> Standing:
    label, objective, problem = entrant.label, protocol.objective, entrant.problem
    finals = done.of(label, "final")
    final_results = [results[trial.id] for trial in finals]
    values = scores(finals, results, objective)
    center = mean(values)
    assert center is not None
    half = center.half_width or 0.0
    search = done.of(label, "search", "extension")
    searched = scores(search, results, objective)
    first = scores(done.of(label, "search"), results, objective)
    learned = any(results[trial.id].status == "done" for trial in done.of(label, "search"))
    defaults = scores(done.of(label, "default"), results, objective)
    quantity, sign = ("validation_accuracy", 1.0) if objective == "accuracy" else ("validation_loss", -1.0)
    whole = bool(tuned) and all(run.status == "done" for run in tuned)
    target = problem.target if tuned else None
    reached = facts.at_seconds([run.history for run in tuned], quantity, seconds) if whole else None
    losses = [result.train_loss for result in final_results]
    winner = done.winners[label]
    return Standing(
        problem=problem.name,
        optimizer=label,
        score=center.value,
        interval=(center.value - half, center.value + half),
        rank=_rank(label, pairs, optimizers),
        settings=dict(winner.settings),
        validation=_mean_of([score(run, objective) for run in tuned]),
        default=_mean_of(defaults),
        train_loss=None if None in losses else fmean(loss for loss in losses if loss is not None),
        finals=len(finals),
        diverged=fmean(results[trial.id].status != "done" for trial in search) if search else None,
        edges=tuple(done.edges[label]),
        under_tuned=tuple(near),
        decades=facts.decades(first, entrant.entry.space["lr"], protocol.margin) if learned else None,
        best_of=tuple(facts.best_of(searched)),
        at_seconds=None if reached is None else sign * reached,
        to_target=None if target is None else facts.to_target(tuned, target, _samples(problem)),
        curve=facts.curve(tuned, quantity),
        tuning_seconds=sum(results[trial.id].seconds.total for trial in done.of(label, *TUNING)),
        run_seconds=fmean(result.seconds.train for result in final_results),
    )


def _rank(label: str, pairs: Sequence[Pair], optimizers: int) -> tuple[int, int]:
    """Return the best and the worst rank among so many optimizers that the verdicts leave open."""
    own = [pair for pair in pairs if label in (pair.a, pair.b)]
    told = [pair for pair in own if pair.differs and pair.verdict != "undecided"]
    better = sum((pair.difference > 0) == (pair.a == label) for pair in told)
    return 1 + len(told) - better, optimizers - better


def _mean_of(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None


def _doubts(
    entrants: Sequence[Entrant],
    done: Course,
    tuned: Mapping[str, Sequence[Result]],
    results: Results,
    protocol: Protocol,
) -> dict[str, str]:
    """Return, by optimizer, why its settings are no fair ones, if they are not.

    Its search ended at an edge, or its defaults do better than what the search found.
    """
    found = {}
    for entrant in entrants:
        label = entrant.label
        defaults = scores(done.of(label, "default"), results, protocol.objective)
        own = [score(run, protocol.objective) for run in tuned[label]]
        if done.edges[label]:
            found[label] = f"{label} is at the edge of {', '.join(edge.axis for edge in done.edges[label])}"
        elif facts.is_below_default(_mean_of(own), _mean_of(defaults), protocol.margin):
            found[label] = f"{label} does better at its defaults"
    return found


def _all_diverged(done: Course, label: str, results: Results) -> bool:
    """Tell whether every final run of an optimizer diverged, so that its score is chance and says nothing else."""
    return all(results[trial.id].status != "done" for trial in done.of(label, "final"))


def _noted(pair: Pair, doubts: Mapping[str, str], lost: Set[str]) -> Pair:
    """Return the verdict on a pair, undecided where there is a doubt about the one that does not do better."""
    if {pair.a, pair.b} <= lost:
        return msgspec.structs.replace(pair, verdict="undecided", note="all final runs of both diverged")
    behind = [name for name, sign in ((pair.a, 1), (pair.b, -1)) if name in doubts and sign * pair.difference <= 0]
    if pair.verdict == "equivalent":
        behind = [name for name in (pair.a, pair.b) if name in doubts]
    if not behind or pair.verdict == "undecided":
        return pair
    return msgspec.structs.replace(pair, verdict="undecided", note=doubts[behind[0]])


def _under_tuned(
    entrants: Sequence[Entrant], done: Course, results: Results, protocol: Protocol
) -> dict[str, list[str]]:
    """Return, by optimizer, the others that it contains and does worse than: in the finals, or near that point."""
    found: dict[str, list[str]] = {entrant.label: [] for entrant in entrants}
    for entrant, other in contained(entrants):
        label = entrant.label
        controls = [trial for trial in done.of(label, "control") if trial.near == other.label]
        repeated = {trial.number for trial in controls if trial.seed != controls[0].seed}
        near = means([t for t in controls if t.number in repeated or not repeated], results, protocol.objective)
        own = fmean(score(run, protocol.objective) for run in _tuned(done, label, results))
        lost = any(
            (pair.a, pair.b, pair.verdict) in ((label, other.label, "worse"), (other.label, label, "better"))
            for pair in done.pairs
        )
        if lost or under_tuned(near, own, protocol.margin):
            found[label].append(other.label)
    return found


def _row(trial: Trial, results: Results, protocol: Protocol) -> Row:
    result = results[trial.id]
    return Row(
        problem=trial.problem,
        optimizer=trial.optimizer,
        stage=trial.stage,
        number=trial.number,
        near=trial.near,
        seed=trial.seed,
        settings=dict(trial.settings),
        score=score(result, protocol.objective),
        status=result.status,
        train_loss=result.train_loss,
        validation_loss=result.validation_loss,
        validation_accuracy=result.validation_accuracy,
        test_loss=result.test_loss,
        test_accuracy=result.test_accuracy,
        seconds=result.seconds.train,
        run=trial.id,
    )

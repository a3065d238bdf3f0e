"""Outcomes of comparisons made by hand: any optimizers, any verdicts, no training."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from ravine.comparison.comparison import Comparison
from ravine.comparison.edges import Edge
from ravine.comparison.facts import Curve, ToTarget, best_of
from ravine.comparison.folder import Made
from ravine.comparison.outcome import Outcome, Row, Standing, Verdicts, final_scores
from ravine.comparison.plan import Entry, Objective, Plan, Protocol
from ravine.comparison.profiles import profiles
from ravine.comparison.verdicts import Pair, Verdict
from ravine.search import choice, log
from ravine.spec.problem import Problem

NASTY = "<b>&\"' </style></title><script>alert(1)</script>"
NASTY_IN_LATEX = r"50%_of $x^2$ & \input{x} #1 {~}"

FOUR = ("wide", "deep", "small", "a-b <i>")
AT_EDGE = Edge("lr", "low")

TURNED: Mapping[Verdict, Verdict] = {"better": "worse", "worse": "better"}


def problem(name: str = "small", target: float | None = None) -> Problem:
    return Problem(
        name=name, title="a small one", layers=(64, 10), batch_size=10, epochs=3, target=target, target_source="us"
    )


def pair(a: str, b: str, verdict: Verdict, difference: float = 0.004, note: str = "", seeds: int = 6) -> Pair:
    """Return a pair; `difference` is that of the first minus that of the second."""
    half = 0.001 if verdict in ("better", "worse", "equivalent") else 2 * abs(difference) + 0.01
    return Pair(
        a=a, b=b, difference=difference, interval=(difference - half, difference + half), p=0.00001, level=0.025,
        p_outside=0.5, p_signs=0.03125, wins=0.75, seeds=seeds, look=1, verdict=verdict, note=note,
    )  # fmt: skip


def outcome(
    labels: Sequence[str] = ("adam", "lion", "sgd"),
    verdicts: Mapping[tuple[str, str], Verdict] | None = None,
    *,
    objective: Objective = "accuracy",
    problems: Sequence[Problem] = (problem(),),
    edges: Mapping[str, Edge] = {},
    notes: Mapping[tuple[str, str], str] = {},
    contains: Mapping[str, str] = {},
    under_tuned: Mapping[str, str] = {},
    diverged: Sequence[str] = (),
    to_target: Mapping[str, ToTarget] = {},
    protocol: Protocol | None = None,
    order: Sequence[str] | None = None,
) -> Outcome:
    """Return an outcome in which the optimizers stand in the given order on each problem.

    Args:
        labels: the optimizers, best first.
        verdicts: of the first of two beside the second; undecided where nothing is given.
        order: the order in which the plan names them, if it is another one.
    """
    said = verdicts or {}

    def score(place: int) -> float:
        return 0.98 - 0.004 * place if objective == "accuracy" else -0.1 - 0.03 * place

    entries = tuple(
        Entry(
            label=label,
            optimizer=label,
            space={"lr": log(0.001, 1), "schedule": choice("constant", "cosine"), "alpha": log(0.1, 1)},
            bounds={},
            contains={contains[label]: {"alpha": 0.0}} if label in contains else {},
            overridden=("alpha",) if label == labels[0] else (),
        )
        for label in (order or labels)
    )
    plan = Plan(problems=tuple(problems), entries=entries, protocol=protocol or Protocol(objective=objective, trials=4))
    rows, standings, judged = [], [], []
    for each in problems:
        for place, label in enumerate(labels):
            lost = label in diverged
            rates = [0.002, 0.02, 0.2, 0.9]
            found = [score(place) - 0.01 * abs(number - 1) for number in range(4)]
            own = [
                row(each.name, label, "search", number, {"lr": rate, "schedule": "cosine", "alpha": 0.5}, value, lost)
                for number, (rate, value) in enumerate(zip(rates, found, strict=True))
            ]
            own += [row(each.name, label, "final", 1, own[1].settings, score(place), lost, seed) for seed in (100, 101)]
            if label in contains:
                near = [(0, 0, 0.001), (1, 0, 0.0), (0, 1, 0.003)]
                own += [
                    row(
                        each.name,
                        label,
                        "control",
                        number,
                        own[0].settings,
                        score(place) - less,
                        lost,
                        seed,
                        contains[label],
                    )
                    for number, seed, less in near
                ]
            rows += own
            curve = tuple(abs(value) for value in (score(place + 8), score(place + 3), score(place)))
            standings.append(
                Standing(
                    problem=each.name, optimizer=label, score=score(place),
                    interval=(score(place) - 0.001, score(place) + 0.001), rank=(place + 1, place + 1),
                    settings=own[1].settings, validation=score(place) - 0.001,
                    default=None if place else 0.5 * score(place),
                    train_loss=None if lost else 0.0123, finals=6, diverged=0.25 if lost else 0.0,
                    edges=(edges[label],) if label in edges else (),
                    under_tuned=(under_tuned[label],) if label in under_tuned else (),
                    decades=1.5, best_of=tuple(best_of(found)), at_seconds=None if lost else score(place),
                    to_target=to_target.get(label), tuning_seconds=12.0, run_seconds=2.5,
                    curve=Curve(
                        epochs=(1, 2, 3), seconds=(0.5, 1.0, 1.5 + 0.1 * place),
                        mean=(*curve[:2], None) if lost else curve,
                        low=(*curve[:2], None) if lost else tuple(0.999 * value for value in curve),
                        high=(*curve[:2], None) if lost else tuple(1.001 * value for value in curve),
                    ),
                )
            )  # fmt: skip
        judged.append(
            Verdicts(
                problem=each.name,
                pairs=tuple(
                    _pair(a, b, said, 0.004 * (labels.index(b) - labels.index(a)), notes)
                    for a, b in itertools.combinations(order or labels, 2)
                ),
                spread=0.002,
                finals=6,
                seen=0.0035,
                equal_seconds=1.5,
            )
        )
    return Outcome(
        id="0123456789abcdef",
        plan=plan,
        leaderboard=tuple(standings),
        verdicts=tuple(judged),
        trials=tuple(rows),
        environment={"processor": "one", "python": "3.11"},
        profiles=profiles(final_scores(rows), objective),
    )


def _pair(a: str, b: str, said: Mapping[tuple[str, str], Verdict], difference: float, notes: Mapping) -> Pair:
    verdict = said.get((a, b)) or TURNED.get(said.get((b, a), "undecided"), said.get((b, a), "undecided"))
    return pair(a, b, verdict, difference, notes.get((a, b)) or notes.get((b, a), ""))


def row(
    problem: str,
    optimizer: str,
    stage: str,
    number: int,
    settings: dict,
    score: float,
    lost: bool = False,
    seed: int = 0,
    near: str = "",
) -> Row:
    final = stage == "final"
    return Row(
        problem=problem, optimizer=optimizer, stage=stage, number=number, near=near, seed=seed, settings=settings,
        score=score, status="diverged" if lost and number == 3 else "done", train_loss=0.05,
        validation_loss=None if final else 0.1, validation_accuracy=None if final else 0.9,
        test_loss=0.1 if final else None, test_accuracy=0.9 if final else None, seconds=1.25,
        run=hashlib.sha256(repr((problem, optimizer, stage, number, seed)).encode()).hexdigest()[:16],
    )  # fmt: skip


def all_better(labels: Sequence[str]) -> dict[tuple[str, str], Verdict]:
    """Return verdicts by which each optimizer is better than all after it."""
    return dict.fromkeys(itertools.combinations(labels, 2), "better")


def everything() -> Comparison:
    """Return a comparison whose page has one of everything, and nasty names."""
    labels = ("adam", NASTY, "sgd", "lion", NASTY_IN_LATEX)
    found = outcome(
        labels,
        {("adam", NASTY): "equivalent", ("adam", "sgd"): "better", (NASTY, "sgd"): "better"},
        problems=(problem("small", target=0.95), problem("a-b <i>")),
        edges={"lion": Edge("lr", "low")},
        notes={("adam", "lion"): "lion is at the edge of lr"},
        contains={"adam": "sgd", "lion": NASTY},
        under_tuned={"lion": NASTY},
        diverged=("lion",),
        to_target={
            "adam": ToTarget(epochs=2.0, samples=400.0, seconds=0.7, reached=3, runs=3),
            "sgd": ToTarget(epochs=None, samples=None, seconds=None, reached=1, runs=3),
            NASTY: ToTarget(epochs=3.0, samples=600.0, seconds=0.9, reached=2, runs=3),
        },
        protocol=Protocol(trials=4, looks=3),
    )
    before = [Made(id="fedcba9876543210", time="2026-01-01T00:00:00+00:00", plan=found.plan)]
    return Comparison(found, before, f"ravine compare adam '{NASTY}' --trials 4", "2026-02-03T04:05:06+00:00")


def on_four(count: int = 3, objective: Objective = "accuracy", names: Sequence[str] = FOUR) -> Outcome:
    """Return an outcome on four problems, each of which another optimizer does best on; its finals vary over seeds."""
    labels = ["adam", "sgd", "lion", *(f"optimizer_{place}" for place in range(3, count))][:count]
    made = outcome(labels, problems=[problem(name) for name in names], objective=objective, edges={"lion": AT_EDGE})

    def with_score(row: Row) -> Row:
        place, number = labels.index(row.optimizer), names.index(row.problem)
        behind, luck = (5 * place + number) % count, (7 * row.seed + 3 * place + number) % 5 - 2
        cost = 0.02 + 0.0015 * behind * (number + 1) + 0.0002 * luck
        return replace(row, score=1 - cost if objective == "accuracy" else -10 * cost)

    rows = tuple(with_score(row) if row.stage == "final" else row for row in made.trials)
    return replace(made, trials=rows, profiles=profiles(final_scores(rows), objective))


def many(count: int = 35) -> Comparison:
    """Return a comparison of many optimizers: each is better than those five places behind it."""
    labels = [f"optimizer_{place}_of_a_long_name" for place in range(count)]
    verdicts: dict[tuple[str, str], Verdict] = {
        (a, b): "better" for (i, a), (j, b) in itertools.combinations(enumerate(labels), 2) if j - i >= 5
    }
    return Comparison(outcome(labels, verdicts))

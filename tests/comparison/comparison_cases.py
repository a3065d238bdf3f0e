"""Comparisons with made-up results: a function from a trial to its score stands in for the training."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import Any

from ravine.comparison.compare import follow
from ravine.comparison.course import Course, course
from ravine.comparison.plan import Plan, Protocol
from ravine.comparison.planning import make_plan
from ravine.comparison.prepare import entrants_of
from ravine.comparison.trials import Entrant, Trial
from ravine.spec.problem import Problem
from ravine.storage.record import Epoch, Result, Seconds

Score = Callable[[Trial], float | None]
"""A function from a trial to its score; None if the trial diverges."""

TOY = Problem(name="toy", layers=(784, 10), batch_size=100, epochs=2)


def planned(
    *optimizers: Any, protocol: Protocol | None = None, problem: Problem = TOY, **settings: Any
) -> tuple[Plan, list[Entrant]]:
    """Return a plan on one problem, and the optimizers that take part."""
    plan, found = make_plan(optimizers, [problem], protocol or Protocol(), **settings)
    return plan, entrants_of(plan, found)[problem.name]


def result_of(trial: Trial, score: float | None, *, seconds: Sequence[float] = (1.0, 1.0)) -> Result:
    """Return the result of a run with a score, an accuracy, in the place where its kind of run has it.

    The loss is 1 minus the accuracy.
    """
    spec = trial.run.spec
    tested = spec.test == "end"
    assert tested == (trial.stage == "final")
    done = score is not None
    loss = None if score is None else 1 - score
    history = [
        Epoch(
            epoch=number + 1,
            steps=500 * (number + 1),
            lr=spec.lr,
            batch_size=spec.batch_size,
            train_loss=0.5,
            test_loss=None,
            test_accuracy=None,
            seconds=spent,
            validation_loss=None if tested else loss,
            validation_accuracy=None if tested else score,
        )
        for number, spent in enumerate(seconds if done else ())
    ]
    return Result(
        status="done" if done else "diverged",
        cause=None,
        id=trial.id,
        parameters=7840,
        train_loss=0.5 if done else None,
        validation_loss=None if tested else loss,
        validation_accuracy=None if tested else score,
        test_loss=loss if tested else None,
        test_accuracy=score if tested else None,
        tested=tested,
        seconds=Seconds(train=sum(seconds), total=sum(seconds)),
        history=history,
        spec=spec,
    )


def played(
    entrants: Sequence[Entrant], protocol: Protocol, score: Score
) -> tuple[Course, dict[str, Result], list[list[Trial]]]:
    """Follow a course with made-up results; return it, the results, and the stages in their order."""
    stages: list[list[Trial]] = []

    def train(trials: Sequence[Trial]) -> dict[str, Result]:
        stages.append(list(trials))
        return {trial.id: result_of(trial, score(trial)) for trial in trials}

    courses, results = follow({"toy": course(entrants, protocol)}, train)
    return courses["toy"], results, stages


def noise(trial: Trial, spread: float, salt: str = "") -> float:
    """Return a normal number with a standard deviation of `spread` that depends on the run alone."""
    digest = hashlib.sha256(f"{salt}{trial.optimizer}{trial.id}".encode()).digest()
    uniform = (int.from_bytes(digest[:6], "big") + 0.5) / 2**48
    return NormalDist().inv_cdf(uniform) * spread


def summary(done: Course) -> dict[str, Any]:
    """Return what a course ran and chose, as values that can be compared."""
    return {
        "trials": [(t.optimizer, t.stage, t.number, t.seed, t.near, dict(t.settings), t.id) for t in done.trials],
        "winners": {label: trial.id for label, trial in done.winners.items()},
        "edges": done.edges,
        "axes": done.axes,
        "spread": done.spread,
        "finals": done.finals,
        "pairs": done.pairs,
    }

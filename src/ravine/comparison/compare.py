"""Follow a plan: train what is not stored yet, stage by stage, and put the outcome together."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager

from ravine.comparison.against import notes_of
from ravine.comparison.comparison import Comparison
from ravine.comparison.course import Course, Stages, course
from ravine.comparison.folder import keep_outcome, keep_plan, plans_before
from ravine.comparison.outcome import outcome_of
from ravine.comparison.prepare import Prepared
from ravine.comparison.scores import Results
from ravine.comparison.trials import Trial
from ravine.errors import RavineError
from ravine.report.environment import shared_environment
from ravine.storage.record import Result
from ravine.studies import Planned, StudyWatcher, run_study

Watching = Callable[[Sequence[Trial]], AbstractContextManager[StudyWatcher | None]]
"""A function that takes the runs of a stage that are not stored, and returns a context manager with a watcher."""


class Interrupted(RavineError):
    """A signal stopped the comparison; the same call goes on."""

    def __init__(self, signal: int) -> None:
        super().__init__("the comparison was interrupted; the same command goes on from here.")
        self.signal = signal


class FailedRuns(RavineError):
    """Runs failed, so that the comparison cannot be judged."""

    exit_code = 5

    def __init__(self, failed: Mapping[str, str]) -> None:
        run, fault = next(iter(failed.items()))
        more = f" ({len(failed)} runs failed)" if len(failed) > 1 else ""
        super().__init__(f"run {run} failed: {fault}{more}")
        self.failed = dict(failed)


def compare_prepared(
    prepared: Prepared, watching: Watching, *, at_most: float | None = None, command: str = ""
) -> Comparison:
    """Keep the plan, train the runs that are not stored yet, and return and keep the outcome.

    Args:
        prepared: the plan.
        watching: makes a watcher for each stage.
        at_most: seconds after which no further look at the finals begins; the first one always does.
        command: the command that makes the comparison again.

    Raises:
        Interrupted: by a signal; what is stored stays.
        FailedRuns: runs failed.
    """
    plan, store, entrants = prepared.plan, prepared.store, prepared.entrants
    made = keep_plan(store, prepared.id, plan)
    before = plans_before(store, prepared.id, plan)  # a damaged plan is told before hours of training
    notes = notes_of(plan)
    limit = math.inf if at_most is None else at_most
    began = time.monotonic()

    def train(trials: Sequence[Trial]) -> Results:
        planned = [Planned(trial.optimizer, trial.number, trial.run, None) for trial in trials]
        costs = {trial.id: prepared.cost.seconds[trial.problem, trial.optimizer] for trial in trials}
        with watching([trial for trial in trials if not store.holds(trial.id)]) as watcher:
            done = run_study(
                planned, store, load_data=prepared.load_data, runner=prepared.runner, costs=costs, watcher=watcher
            )
        if done.signal is not None:
            raise Interrupted(done.signal)
        if done.failed:
            raise FailedRuns(done.failed)
        return done.results

    def time_is_up() -> bool:
        return time.monotonic() - began > limit

    courses, results = follow({name: course(own, plan.protocol, time_is_up) for name, own in entrants.items()}, train)
    stored = store.load_all(results)[0]
    environment = shared_environment(run.environment for run in stored.values())
    outcome = outcome_of(plan, prepared.id, entrants, courses, results, environment, notes)
    keep_outcome(store, outcome)
    return Comparison(outcome, before, command, made.time)


def follow(
    courses: Mapping[str, Stages], train: Callable[[Sequence[Trial]], Results]
) -> tuple[dict[str, Course], dict[str, Result]]:
    """Follow several courses side by side, the stages of all of them at once."""
    results: dict[str, Result] = {}
    waiting = {name: next(stages) for name, stages in courses.items()}
    done: dict[str, Course] = {}
    while waiting:
        stage = [trial for trials in waiting.values() for trial in trials]
        if stage:
            results.update(train(stage))
        for name in list(waiting):
            try:
                waiting[name] = courses[name].send(results)
            except StopIteration as end:
                done[name] = end.value
                del waiting[name]
    return done, results

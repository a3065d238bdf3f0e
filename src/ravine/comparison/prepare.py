"""From a plan to the runs that it needs, and what they cost."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ravine.comparison.cost import Cost, cost_of, seconds_of, within_budget
from ravine.comparison.course import course
from ravine.comparison.plan import Plan, id_of
from ravine.comparison.trials import Entrant, tuned_before
from ravine.data import Dataset, load
from ravine.formulas.optimizer import Optimizer
from ravine.inputs import path_of
from ravine.inputs import seconds_of as seconds_in
from ravine.storage.store import RunStore
from ravine.studies.runners import Runner, Threads, at_once


@dataclass(frozen=True)
class Prepared:
    """A plan with all that is needed to follow it.

    Attributes:
        plan: the plan.
        id: its id.
        entrants: the optimizers that take part, by problem.
        cost: what it costs.
        store: the folder of runs.
        load_data: loads a data set, once.
        runner: the place to run.
    """

    plan: Plan
    id: str
    entrants: Mapping[str, Sequence[Entrant]]
    cost: Cost
    store: RunStore
    load_data: Callable[[str], Dataset]
    runner: Runner


def prepare(
    plan: Plan,
    optimizers: Mapping[str, Optimizer],
    *,
    budget: float | str | None = None,
    runs: Path | str | None = None,
    data_dir: Path | str | None = None,
    runner: Runner = Threads(),  # noqa: B008  frozen, shared on purpose
    quiet: bool = False,
) -> Prepared:
    """Find the data of a plan, and time some steps of each of its optimizers, which are given by label.

    With a budget, such as 900 seconds or "15m", the plan gets the number of trials that fits it here, before it has an
    id.

    Raises:
        ConfigError: a setting is not allowed, or the budget is too short.
        DataError, DownloadError: the data are not to be had.
    """
    time = None if budget is None else seconds_in("budget", budget)
    entrants = entrants_of(plan, optimizers)
    for own in entrants.values():
        for entrant in own:
            assert entrant.bases  # its settings are checked before any data are loaded
    folder, together = path_of("data_dir", data_dir), at_once(runner)
    load_data = functools.cache(lambda name: load(name, folder, quiet=quiet))
    seconds = seconds_of(entrants, plan.protocol, load_data)
    if time is not None:
        plan = within_budget(plan, entrants, seconds, together, time)
    cost = cost_of(entrants, plan.protocol, seconds, together)
    store = RunStore(path_of("runs", runs))
    return Prepared(plan, id_of(plan, first_runs(entrants, plan)), entrants, cost, store, load_data, runner)


def entrants_of(plan: Plan, optimizers: Mapping[str, Optimizer]) -> dict[str, list[Entrant]]:
    """Return the optimizers that take part, which are given by label, by the name of the problem."""
    return {
        problem.name: [Entrant(entry, problem, optimizers[entry.label]) for entry in plan.entries]
        for problem in plan.problems
    }


def first_runs(entrants: Mapping[str, Sequence[Entrant]], plan: Plan) -> list[str]:
    """Return the ids of the runs of the first stage on all problems, and of those with settings found before."""
    first = [trial.id for own in entrants.values() for trial in next(course(own, plan.protocol))]
    tuned = [entrant for own in entrants.values() for entrant in own if entrant.entry.tuned]
    return first + [tuned_before(entrant, plan.protocol).id for entrant in tuned]

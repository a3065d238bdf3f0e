"""Work through the runs of a study, wherever they run.

Stored runs are not repeated, and each run is stored when it ends, so a study that was stopped, or killed, goes on where
it was.
"""

from __future__ import annotations

import dataclasses
import functools
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from ravine.data import Dataset, load
from ravine.errors import ConfigError, RavineError, shortened
from ravine.html import heading, paragraph, table
from ravine.spec import differing, settings_of
from ravine.storage.quantities import SUMMARY, given, shown
from ravine.storage.record import Result
from ravine.storage.store import RunStore
from ravine.studies.plan import Planned
from ravine.studies.runners import Ending, Job, LostWorker, Runner, Session, StudyWatcher, Threads
from ravine.training.interruption import interruptible
from ravine.words import several


@dataclass
class StudyOutcome:
    """How the runs of a study ended.

    Attributes:
        results: by id, those that are stored now.
        failed: by id, the error of each run that failed.
        reused: ids that were stored before.
        signal: the signal that interrupted the study; None if none did.
    """

    results: dict[str, Result] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    reused: set[str] = field(default_factory=set)
    signal: int | None = None

    def __repr__(self) -> str:
        runs = several(len(self.results) + len(self.failed), "run")
        return f"StudyOutcome({len(self.results)} of {runs} stored, {len(self.failed)} failed)"

    def _repr_html_(self) -> str:
        runs = list(self.results.values())
        settings = [settings_of(result.spec) for result in runs]
        names = differing(settings, always=("optimizer",))
        summary = given(SUMMARY, [result.spec for result in runs])
        rows = [
            (*(own.get(name, "") for name in names), str(result.spec.seed), result.status, *shown(result, summary))
            for result, own in zip(runs, settings, strict=True)
        ]
        failed = "".join(paragraph(f"run {run}: {error}") for run, error in self.failed.items())
        counts = f"{len(runs)} of {several(len(runs) + len(self.failed), 'run')} stored"
        columns = (*names, "seed", "status", *(quantity.head for quantity in summary))
        return heading("Study", counts) + table(columns, rows) + failed


def run_study(
    planned: Sequence[Planned],
    store: RunStore,
    *,
    load_data: Callable[[str], Dataset] = load,
    jobs: int | None = None,
    costs: Mapping[str, float] | None = None,
    watcher: StudyWatcher | None = None,
    runner: Runner | None = None,
) -> StudyOutcome:
    """Train the runs that are not stored yet, longest first.

    A run that fails does not stop the rest. Ctrl-C leaves a checkpoint of each run that is under way on this machine;
    the next call goes on with them.

    Args:
        planned: the runs.
        store: where they are stored.
        load_data: loads a data set by its name.
        jobs: how many runs train at a time if no runner is given; as many as there are cores if None.
        costs: by id, the seconds that each run will take on one core.
        watcher: follows the progress.
        runner: the place to run; the threads of this process if None.
    """
    runs = {one.id: one.run for one in planned}
    results, faults = store.results(runs)
    outcome = StudyOutcome(results, faults, set(results))
    for run in outcome.reused:
        store.tidy(run)
    costs = costs or {}
    todo = [
        Job(run, costs.get(run.id, run.spec.epochs / run.spec.batch_size))
        for run in runs.values()
        if run.id not in outcome.results and run.id not in outcome.failed
    ]
    todo.sort(key=lambda job: -job.cost)
    if not todo:
        return outcome
    with interruptible() as interruption:
        session = Session(store, functools.cache(load_data), watcher, interruption)
        with closing(_endings(runner or Threads(jobs), todo, session)) as endings:
            for ending in endings:
                _take(ending, outcome, session)
    outcome.signal = interruption.signal
    outcome.results = {run: outcome.results[run] for run in runs if run in outcome.results}  # in the study's order
    return outcome


_MOST_DEATHS = 2
"""How often the process of a run may die while it does nothing else, before the run counts as failed."""


_MOST_LOSSES = 10
"""How often the process of a run may die at all, whatever else it did."""


def _endings(runner: Runner, jobs: Sequence[Job], session: Session) -> Generator[Ending, None, None]:
    """Yield the endings of jobs, each once; a run whose process died is tried again alone.

    A process that died may have had several runs under way. So the first try that counts is the one in which the
    process did nothing else.
    """
    deaths: Counter[str] = Counter()
    losses: Counter[str] = Counter()
    while jobs and not session.interruption:
        left, again = {job.id: job for job in jobs}, []
        with _closed_at_the_end(runner(jobs, session)) as endings:
            for ending in endings:
                if not isinstance(ending, Ending):
                    raise ConfigError(f"the runner yields {shortened(ending)}; it must yield an `Ending` for each job.")
                job = left.pop(ending.run, None)
                if job is None:
                    continue  # a run that was done twice
                if isinstance(ending.error, LostWorker):
                    losses[job.id] += 1
                    deaths[job.id] += ending.error.alone
                    if deaths[job.id] < _MOST_DEATHS and losses[job.id] < _MOST_LOSSES:
                        again.append(dataclasses.replace(job, alone=True))
                        continue
                yield ending
        if not session.interruption:
            for run in left:
                yield Ending(run, error=RavineError("the runner has ended without a word about this run."))
        jobs = again


@contextmanager
def _closed_at_the_end(endings: Iterator[Ending]) -> Iterator[Iterator[Ending]]:
    """Let a runner that is a generator clean up at once, also after an error."""
    if not isinstance(endings, Iterable):
        raise ConfigError(f"the runner returns {shortened(endings)}; it must yield an `Ending` for each job.")
    try:
        yield endings
    finally:
        if isinstance(endings, Generator):
            endings.close()


def _take(ending: Ending, outcome: StudyOutcome, session: Session) -> None:
    """Put the end of a run into the outcome, and tell it."""
    run, error = ending.run, ending.error
    if error is None and ending.result is not None and not (ending.result.id == run and session.store.holds(run)):
        error = RavineError("the runner says that this run has ended, but has not stored it.")
    if error is None and ending.result is None and not session.interruption:
        error = RavineError("the runner has ended without a word about this run.")
    if error is not None:
        outcome.failed[run] = str(error) if isinstance(error, RavineError) else f"{type(error).__name__}: {error}"
        session.ended(Ending(run), outcome.failed[run])
    elif ending.result is not None:
        outcome.results[run] = ending.result
        session.ended(ending, None)

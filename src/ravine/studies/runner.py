"""Work through the runs of a study: a pool of threads over one copy of the data.

The kernels release the GIL, so threads keep all cores busy. Stored runs are not repeated, and each run is stored when
it ends, so a study that was stopped, or killed, goes on where it was. While a run waits for the disk, the next run
uses its core.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple, Protocol

from threadpoolctl import threadpool_limits

from ravine.data import Dataset, load
from ravine.errors import BusyError, RavineError
from ravine.html import heading, paragraph, table
from ravine.inputs import jobs_of
from ravine.spec import ResolvedRun, RunSpec, differing, settings_of
from ravine.storage.quantities import SUMMARY, given, shown
from ravine.storage.record import Epoch, Result
from ravine.storage.store import RunStore
from ravine.studies.plan import Planned
from ravine.training import train
from ravine.training.interruption import Interruption, interruptible
from ravine.words import several

_PAUSE = 0.2
"""Seconds between looks at a run that another process is training."""


class StudyWatcher(Protocol):
    """An object that follows the progress of a study; several threads call its methods, one call at a time."""

    def started(self, run: str, spec: RunSpec) -> None:
        """A run began."""

    def progress(self, run: str, share: float, loss: float) -> None:
        """`share` of a run is done."""

    def ended(self, run: str, result: Result | None, error: str | None) -> None:
        """A run ended, with a result or an error."""


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
) -> StudyOutcome:
    """Train the runs that are not stored yet, longest first, `jobs` at a time (as many as there are cores if None).

    A run that fails does not stop the rest. Ctrl-C leaves a checkpoint of each run that is under way; the next call
    goes on with them.
    """
    runs = {one.id: one.run for one in planned}
    results, faults = store.results(runs)
    outcome = StudyOutcome(results, faults, set(results))
    costs = costs or {}
    todo = [run for run in runs if run not in outcome.results and run not in outcome.failed]
    todo.sort(key=lambda run: -costs.get(run, runs[run].spec.epochs / runs[run].spec.batch_size))
    if not todo:
        return outcome
    datasets = {name: load_data(name) for name in sorted({runs[run].spec.dataset for run in todo})}
    jobs = min(jobs_of(jobs), len(todo))
    threads = 2 * jobs  # half of them may wait for the disk
    # Each run limits BLAS to one thread, and at its end restores the limit that it found, while other runs go on. So
    # the same limit is set here, around all of them.
    with threadpool_limits(1), interruptible() as interruption:
        work = _Work(runs, todo, store, datasets, watcher, interruption, threading.Semaphore(jobs))
        with ThreadPoolExecutor(threads, thread_name_prefix="run") as pool:
            # No more futures are waited for than there are threads: thousands of them would keep this thread busy.
            futures = (pool.submit(work.next) for _ in todo)
            waiting = set(islice(futures, threads))
            while waiting:
                # Signals reach the main thread only while it is awake.
                done, waiting = wait(waiting, timeout=_PAUSE, return_when=FIRST_COMPLETED)
                for future in done:
                    work.take(future.result(), outcome)
                waiting |= set(islice(futures, len(done)))
    outcome.signal = interruption.signal
    return outcome


class _Ended(NamedTuple):
    """How a run ended: with a result, an error, or neither if the study was interrupted."""

    run: str
    result: Result | None = None
    error: Exception | None = None


class _Work:
    """The state that the threads of one study share.

    It has the runs that are left, and the semaphore `turns`, which lets `jobs` runs train at a time.
    """

    def __init__(
        self,
        runs: Mapping[str, ResolvedRun],
        todo: Sequence[str],
        store: RunStore,
        datasets: Mapping[str, Dataset],
        watcher: StudyWatcher | None,
        interruption: Interruption,
        turns: threading.Semaphore,
    ) -> None:
        self.runs, self.store, self.datasets, self.interruption = runs, store, datasets, interruption
        self.left, self.turns, self.watcher = deque(todo), turns, watcher
        self.lock = threading.Lock()

    def next(self) -> _Ended:
        """Train the next run that is left, when it is a thread's turn, and tell how it ended."""
        with ExitStack() as turn:
            turn.enter_context(self.turns)
            run = self.left.popleft()
            try:
                return _Ended(run, self.run(run, turn))
            except Exception as error:
                return _Ended(run, error=error)

    def run(self, run: str, turn: ExitStack) -> Result | None:
        """Train one run and return its result; None if the study was interrupted before it ended."""
        while not self.interruption:
            stored = self.store.load(run)
            if stored is not None:
                return stored.result
            resolved, spec = self.runs[run], self.runs[run].spec
            self.tell("started", run, spec)
            try:
                outcome = train(
                    resolved,
                    self.datasets[spec.dataset],
                    self.store,
                    watcher=_RunWatcher(self, run, spec.epochs),
                    interruption=self.interruption,
                    trained=turn.close,
                )
            except BusyError:
                # Another process trains this run, and will store the same result.
                turn.close()
                time.sleep(_PAUSE)
                turn.enter_context(self.turns)
                continue
            return outcome.result if outcome.stored is not None else None
        return None

    def take(self, ended: _Ended, outcome: StudyOutcome) -> None:
        """Put the end of a run into the outcome."""
        run, result, error = ended
        if error is not None:
            outcome.failed[run] = str(error) if isinstance(error, RavineError) else f"{type(error).__name__}: {error}"
            self.tell("ended", run, None, outcome.failed[run])
        elif result is not None:
            outcome.results[run] = result
            self.tell("ended", run, result, None)

    def tell(self, what: str, *arguments: object) -> None:
        """Tell the watcher, one thread at a time."""
        if self.watcher is not None:
            with self.lock:
                getattr(self.watcher, what)(*arguments)


class _RunWatcher:
    """Passes on the progress of one run as the share of the whole run that is done."""

    def __init__(self, work: _Work, run: str, epochs: int) -> None:
        self._work, self._run, self._epochs = work, run, epochs

    def note(self, text: str) -> None:
        """Say nothing: a study goes on by itself."""

    def progress(self, epoch: int, share: float, loss: float) -> None:
        """Pass on the share of the whole run."""
        self._work.tell("progress", self._run, (epoch - 1 + share) / self._epochs, loss)

    def epoch(self, record: Epoch) -> None:
        """Say nothing: progress has said it."""

"""What a runner is: a function that takes jobs and a session, and yields an ending for each job.

A runner of your own that trains one run after the other:

    def one_by_one(jobs, session):
        for job in jobs:
            yield session.train(job)

    ravine.run_study("rates.toml", runner=one_by_one)

`run_study` gives it the jobs that are not stored yet, longest first, and does the rest: it counts, retries and tells.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from ravine.data import Dataset
from ravine.errors import BusyError, RavineError
from ravine.spec import ResolvedRun, RunSpec
from ravine.storage.record import Epoch, Result
from ravine.storage.store import RunStore
from ravine.training.interruption import Interruption
from ravine.training.loop import train_in

PAUSE = 0.2
"""Seconds between looks at a run that another process is training."""


class StudyWatcher(Protocol):
    """An object that follows the progress of a study; several threads call its methods, one call at a time."""

    def started(self, run: str, spec: RunSpec) -> None:
        """A run began."""

    def progress(self, run: str, share: float, loss: float) -> None:
        """`share` of a run is done."""

    def ended(self, run: str, result: Result | None, error: str | None) -> None:
        """A run ended, with a result or an error."""


@dataclass(frozen=True, eq=False)
class Job:
    """A run to train.

    Attributes:
        run: the run.
        cost: the seconds that it will take on one core, or at least a number in proportion.
        alone: whether the process that trains it must do nothing else meanwhile, since an earlier one died.
    """

    run: ResolvedRun
    cost: float
    alone: bool = False

    @property
    def id(self) -> str:
        """The id of the run."""
        return self.run.id


@dataclass(frozen=True)
class Ending:
    """How a job ended: its run is stored and has a result, or there is an error, or neither if it was interrupted."""

    run: str
    result: Result | None = None
    error: Exception | None = None


class LostWorker(RavineError):
    """The process that trained a run died.

    Attributes:
        alone: whether it did nothing else meanwhile, so that no other run can be the cause.
    """

    exit_code = 5

    def __init__(self, message: str, *, alone: bool) -> None:
        super().__init__(message)
        self.alone = alone


class Runner(Protocol):
    """A place to run."""

    def __call__(self, jobs: Sequence[Job], session: Session) -> Iterator[Ending]:
        """Yield an ending for each job, in any order; fewer if the session was interrupted."""


class Session:
    """What the runs of a study share, for a runner.

    Attributes:
        store: where runs are stored.
        interruption: true as soon as the user asked to stop.
        dataset: a function from the name of a data set to the data set.
    """

    def __init__(
        self,
        store: RunStore,
        dataset: Callable[[str], Dataset],
        watcher: StudyWatcher | None,
        interruption: Interruption,
    ) -> None:
        self.store, self.dataset, self.interruption = store, dataset, interruption
        self._watcher, self._lock = watcher, threading.Lock()

    def train(self, job: Job) -> Ending:
        """Train and store a run in this process; wait if another process trains it."""
        while not self.interruption:
            ending = self.attempt(job)
            if ending is not None:
                return ending
            time.sleep(PAUSE)
        return Ending(job.id)

    def attempt(self, job: Job, trained: Callable[[], object] = lambda: None) -> Ending | None:
        """Train and store a run in this process; return None if another process trains it.

        `trained` is called when the run has ended and only has to be written to the disk.
        """
        try:
            stored = self.store.load(job.id)
            if stored is not None:
                return Ending(job.id, stored.result)
            with self.store.working_folder(job.id) as folder:
                stored = self.store.load(job.id)  # another process may have ended it before this one claimed it
                if stored is not None:
                    return Ending(job.id, stored.result)
                self.started(job)
                outcome = train_in(
                    folder,
                    job.run,
                    self.dataset(job.run.spec.dataset),
                    self.store,
                    watcher=_RunWatcher(self, job),
                    interruption=self.interruption,
                    trained=trained,
                )
                return Ending(job.id, None if outcome.stored is None else outcome.result)
        except BusyError:
            return None
        except Exception as error:
            return Ending(job.id, error=error)

    def started(self, job: Job) -> None:
        """Tell that a run began."""
        self._tell(lambda watcher: watcher.started(job.id, job.run.spec))

    def progress(self, run: str, share: float, loss: float) -> None:
        """Tell that `share` of a run is done, and the mean training loss of its epoch so far."""
        self._tell(lambda watcher: watcher.progress(run, share, loss))

    def ended(self, ending: Ending, error: str | None) -> None:
        """Tell that a run ended."""
        self._tell(lambda watcher: watcher.ended(ending.run, ending.result, error))

    def _tell(self, what: Callable[[StudyWatcher], None]) -> None:
        """Tell the watcher, one thread at a time."""
        if self._watcher is not None:
            with self._lock:
                what(self._watcher)


class _RunWatcher:
    """Passes on the progress of one run as the share of the whole run that is done."""

    def __init__(self, session: Session, job: Job) -> None:
        self._session, self._job = session, job

    def note(self, text: str) -> None:
        """Say nothing: a study goes on by itself."""

    def progress(self, epoch: int, share: float, loss: float) -> None:
        """Pass on the share of the whole run."""
        self._session.progress(self._job.id, (epoch - 1 + share) / self._job.run.spec.epochs, loss)

    def epoch(self, record: Epoch) -> None:
        """Say nothing: progress has said it."""

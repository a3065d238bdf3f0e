"""Run on the workers of a Dask cluster.

This process, the driver, gives each worker its tasks by name, so that it knows which runs a worker had when it died.
Dask's scheduler carries them, and says which workers there are.

- A task is a batch of short runs, a second of work, so that a run of a tenth of a second costs little to send.
- A worker has one task under way and one that waits, for each of its threads.
- The driver claims the runs and stores them; workers keep nothing.
- A worker that is gone loses its tasks. Those that waited go to other workers. For those under way the ending is a
  `LostWorker`, unless the worker has left as it was asked to.
- The tasks of a worker from which nothing was heard for long (`crew.SILENCE`) are given to others too. A run that was
  done twice changes nothing: the first one counts.
"""

from __future__ import annotations

import logging
import queue
import secrets
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any

from threadpoolctl import threadpool_limits

from ravine.data import DATASETS
from ravine.errors import BusyError, ConfigError, RavineError, StorageError
from ravine.storage.store import result_in
from ravine.storage.working import WorkingFolder
from ravine.studies.runners import on_worker
from ravine.studies.runners.crew import Batch, Crew, Messages, Worker
from ravine.studies.runners.orders import order_of
from ravine.studies.runners.protocol import PAUSE, Ending, Job, LostWorker, Session
from ravine.training.data import require_catalog
from ravine.words import several

_log = logging.getLogger("ravine")

BATCH_SECONDS = 1.0
"""The work of a batch of short runs."""

_DEPTH = 2
"""Batches that each thread of a worker has: one under way, and one that waits."""

_JOINING = 3.0
"""Seconds to wait for workers that are about to join, before their number is told."""

_LOOK = 0.5
"""Seconds between two looks at the workers."""


def check_client(client: Any) -> None:
    """Raise a `ConfigError` if this is no connected client of Dask's."""
    try:
        from distributed import Client
    except ImportError:
        raise ConfigError(MISSING) from None
    if not isinstance(client, Client):
        cluster = hasattr(client, "scheduler_address") and hasattr(client, "close")
        mend = "give client=distributed.Client(cluster)" if cluster else "give a distributed.Client"
        raise ConfigError(f"client is a {type(client).__name__}: {mend}.")
    if client.asynchronous:
        raise ConfigError("the client is asynchronous, and a study waits for its runs: make one without asynchronous.")
    if client.status != "running":
        raise ConfigError(f"the client is {client.status}: connect a new one, as distributed.Client(address).")


MISSING = "Dask is not installed; `pip install distributed` installs it."
"""What to do if the extra is missing."""


class OnDask:
    """Runs on the cluster of a `distributed.Client`.

    Args:
        client: the client.
        data_dir: a folder with the data, for workers that see it too.
        patience: seconds to wait for a worker before the study ends with an error; None waits for as long as it takes,
            as for the jobs of a batch system.
        workers: the number of workers with one thread each that the cluster will have, if that is known.
    """

    def __init__(
        self, client: Any, *, data_dir: str | None = None, patience: float | None = None, workers: int | None = None
    ) -> None:
        check_client(client)
        self._client, self._data_dir, self._patience, self._workers = client, data_dir, patience, workers

    @property
    def at_once(self) -> int:
        """How many runs the workers of the cluster can train at a time, now; at least 1."""
        if self._workers is not None:
            return self._workers
        until, threads = time.monotonic() + _JOINING, 0
        while not threads and time.monotonic() < until:
            with suppress(OSError, TimeoutError):
                found = self._client.sync(self._client.scheduler.ncores, callback_timeout=_JOINING)
                threads = int(sum(found.values()))
            time.sleep(0.0 if threads else PAUSE)
        return max(1, threads)

    def __call__(self, jobs: Sequence[Job], session: Session) -> Iterator[Ending]:
        """Yield an ending for each job."""
        require_catalog((job.run for job in jobs), "the workers of a cluster")
        driver = _Driver(self._client, jobs, session, self._data_dir, self._patience)
        try:
            with threadpool_limits(1):  # for workers that are threads of this process
                yield from driver.endings()
        except RavineError:
            raise
        except Exception as error:
            if self._client.status == "running":
                raise
            raise StorageError(
                "the client of the Dask cluster was closed; runs that ended are stored. Connect another one: the "
                "same call goes on."
            ) from error
        finally:
            driver.close()


class _Driver:
    """Gives jobs to workers and stores what comes back."""

    def __init__(
        self, client: Any, jobs: Sequence[Job], session: Session, data_dir: str | None, patience: float | None
    ) -> None:
        names = sorted({job.run.spec.dataset for job in jobs})
        datasets = {name: sorted(DATASETS[name].sha256.values()) for name in names}
        self.client, self.session, self.data_dir = client, session, data_dir
        self.messages: Messages = queue.SimpleQueue()
        self.crew = Crew(client, datasets, data_dir, patience, self.messages)
        self.topic = f"ravine-{secrets.token_hex(8)}"
        self.jobs = {job.id: job for job in jobs}
        self.alone = any(job.alone for job in jobs)
        self.left = set(self.jobs)
        self.waiting = deque(jobs)
        self.elsewhere: list[Job] = []
        self.begun: set[str] = set()
        self.claims: dict[str, tuple[AbstractContextManager[WorkingFolder], WorkingFolder]] = {}
        self.spent, self.expected = 0.0, 0.0

    def endings(self) -> Iterator[Ending]:
        """Yield an ending for each job."""
        self.client.subscribe_topic(self.topic, lambda event: self.messages.put(("event", event[1], None)))
        looked = 0.0
        while self.left and not self.session.interruption:
            if time.monotonic() - looked > _LOOK:
                looked = time.monotonic()
                gone, silent = self.crew.look()
                for worker in gone:
                    yield from self._gone(worker)
                for worker in silent:
                    self._wait_again([job for batch in worker.batches for job in batch.jobs])
                yield from self._look_elsewhere()
            yield from self._hand_out()
            try:
                kind, what, found = self.messages.get(timeout=PAUSE)
            except queue.Empty:
                continue
            if kind == "event":
                self._event(what)
            elif kind == "answer":
                self.crew.take_answer(what, *found)
            else:
                yield from self._done(what, *found)

    def close(self) -> None:
        """Give up what is under way."""
        for run in list(self.claims):
            self._release(run)
        self.crew.close()
        with suppress(Exception):  # the scheduler may be gone
            self.client.unsubscribe_topic(self.topic)

    # What workers tell

    def _event(self, event: Mapping[str, Any]) -> None:
        """Take the progress of a run."""
        self.crew.hear(event["worker"])
        for batch in self.crew.batches_of(event["worker"]):
            batch.begun |= any(job.id == event["run"] for job in batch.jobs)
        if event["run"] in self.left:
            self._begin(event["run"])
            if event["loss"] is not None:
                self.session.progress(event["run"], event["share"], event["loss"])

    def _begin(self, run: str) -> None:
        if run not in self.begun:
            self.begun.add(run)
            self.session.started(self.jobs[run])

    def _done(self, worker: Worker, future: Any, found: Any) -> Iterator[Ending]:
        """Take a batch that has ended."""
        batch = next((batch for batch in worker.batches if batch.future is future), None)
        if batch is None:
            return
        worker.batches.remove(batch)
        if future.status in ("cancelled", "lost"):  # the scheduler has forgotten it
            self._wait_again(batch.jobs)
        elif isinstance(found, BaseException):
            yield from self._failed(worker, batch, found)
        else:
            worker.hear()
            trained = {one.run: one for one in found}
            for job in batch.jobs:
                if job.id in self.left:
                    yield from self._trained(job, trained[job.id])
            future.release()

    def _failed(self, worker: Worker, batch: Batch, error: BaseException) -> Iterator[Ending]:
        """Take a task that has failed as a whole: Dask gave it up, since its workers died of it or beside it."""
        from distributed import KilledWorker

        for job in batch.jobs:
            if job.id not in self.left:
                continue
            if isinstance(error, KilledWorker):
                yield self._end(_lost(job, alone=len(batch.jobs) == 1 and worker.threads == 1 and batch.begun))
            else:
                yield self._end(Ending(job.id, error=RavineError(f"{type(error).__name__}: {error}")))

    def _trained(self, job: Job, trained: on_worker.Trained) -> Iterator[Ending]:
        """Store what a worker has trained."""
        if trained.error is not None:
            yield self._end(Ending(job.id, error=RavineError(trained.error)))
        elif not trained.files:  # it was stopped
            self._wait_again([job])
        elif job.id in self.claims:  # otherwise another process has it, and a second worker was slower
            try:
                folder = self.claims[job.id][1]
                folder.confirm()
                self.session.store.put(job.id, trained.files)
                folder.discard()  # of a run that was begun on threads
            except BusyError:  # this process stood still for long, and another one has taken the run over
                self._release(job.id)
                self.elsewhere.append(job)
            except RavineError as error:
                yield self._end(Ending(job.id, error=error))
            else:
                result = result_in(trained.files)
                self.spent += result.seconds.total
                self.expected += job.cost
                yield self._end(Ending(job.id, result))

    def _gone(self, worker: Worker) -> Iterator[Ending]:
        """Take back the batches of a worker that is gone."""
        batches, worker.batches = worker.batches, []
        self.crew.cancel(batches)
        under_way = batches[: worker.threads]
        if worker.silent or (under_way and self.crew.was_asked_to_leave(worker)):
            under_way = []
        self._wait_again([job for batch in batches if batch not in under_way for job in batch.jobs])
        jobs = [job for batch in under_way for job in batch.jobs if job.id in self.left]
        if jobs:
            _log.warning("worker %s has died; %s to be tried again", worker.address, several(len(jobs), "run"))
        for job in jobs:
            yield self._end(_lost(job, alone=len(jobs) == 1 and under_way[0].begun))

    # What workers get

    def _hand_out(self) -> Iterator[Ending]:
        """Give each worker as many batches as it should have, first one for each thread."""
        for depth in (1,) if self.alone else range(1, _DEPTH + 1):
            for worker in self.crew:
                threads = 1 if self.alone else worker.threads
                while self.waiting and worker.can_work and len(worker.batches) < depth * threads:
                    yield from self._give(worker)

    def _give(self, worker: Worker) -> Iterator[Ending]:
        """Give a worker the next batch."""
        jobs: list[Job] = []
        orders: list[bytes] = []
        most = self._batch_cost()
        while self.waiting and (not jobs or sum(job.cost for job in jobs) + self.waiting[0].cost <= most):
            job = self.waiting.popleft()
            try:
                if job.id in self.left and self._claim(job):
                    orders.append(order_of(job.run))
                    jobs.append(job)
            except RavineError as error:
                yield self._end(Ending(job.id, error=error))
        if jobs:
            if not worker.batches:
                worker.hear()
            future = self.crew.submit("done", worker, on_worker.work, orders, self.topic, self.data_dir, self.alone)
            worker.batches.append(Batch(jobs, future))

    def _batch_cost(self) -> float:
        """Return the cost of a batch: that of a second, and less at the end, so that all workers end together."""
        if not self.spent or self.alone:
            return 0.0  # one run, whose seconds are not known yet, or which must be alone
        most = BATCH_SECONDS * self.expected / self.spent
        threads = max(1, self.crew.threads)
        if len(self.waiting) * self.expected / len(self.begun) > 100 * threads * most:
            return most  # the end is far
        return min(most, sum(job.cost for job in self.waiting) / (2 * _DEPTH * threads))

    def _claim(self, job: Job) -> bool:
        """Claim a run; if another process has it, or has ended it, look at it later."""
        if job.id in self.claims:
            return True
        context = self.session.store.working_folder(job.id)
        try:
            folder = context.__enter__()
        except BusyError:
            self.elsewhere.append(job)
            return False
        self.claims[job.id] = context, folder
        if self.session.store.holds(job.id):
            self._release(job.id)
            self.elsewhere.append(job)
            return False
        return True

    def _release(self, run: str) -> None:
        if run in self.claims:
            self.claims.pop(run)[0].__exit__(None, None, None)

    def _look_elsewhere(self) -> Iterator[Ending]:
        """Look at the runs that other processes had."""
        jobs, self.elsewhere = self.elsewhere, []
        for job in jobs:
            try:
                stored = self.session.store.load(job.id)
                if stored is not None:
                    yield self._end(Ending(job.id, stored.result))
                elif self._claim(job):
                    self.waiting.append(job)
            except RavineError as error:
                yield self._end(Ending(job.id, error=error))

    def _wait_again(self, jobs: Sequence[Job]) -> None:
        """Let jobs be given to workers again, before all others; those that another worker has meanwhile stay there."""
        held = {job.id for worker in self.crew if not worker.silent for batch in worker.batches for job in batch.jobs}
        self.waiting.extendleft(job for job in reversed(jobs) if job.id in self.left and job.id not in held)

    def _end(self, ending: Ending) -> Ending:
        self.left.discard(ending.run)
        self._release(ending.run)
        if not isinstance(ending.error, LostWorker):
            self._begin(ending.run)
        return ending


def _lost(job: Job, *, alone: bool) -> Ending:
    error = "the worker that trained it died twice, while it trained nothing else."
    return Ending(job.id, error=LostWorker(error, alone=alone))

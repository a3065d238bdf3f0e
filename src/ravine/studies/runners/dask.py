"""Run on the workers of a Dask cluster.

This process, the driver, gives each worker its tasks by name, so that it knows which runs a worker had when it died.
Dask's scheduler carries them, and says which workers there are.

- A task is a batch of short runs, some seconds of work, so that a run of a tenth of a second costs little to send.
- A worker has one task under way and one that waits, for each of its threads.
- The driver claims the runs and stores them; workers keep nothing.
- A worker that is gone loses its tasks. Those that waited go to other workers. For those under way the ending is a
  `LostWorker`, unless the worker has left as it was asked to.
- The tasks of a worker from which nothing was heard for `SILENCE` seconds are given to others too. A run that was done
  twice changes nothing: the first one counts.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import secrets
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

from ravine._version import __version__
from ravine.data import DATASETS
from ravine.errors import BusyError, ConfigError, RavineError, StorageError
from ravine.studies.runners import on_worker
from ravine.studies.runners.orders import order_of
from ravine.studies.runners.protocol import PAUSE, Ending, Job, LostWorker, Session
from ravine.training.environment import environment
from ravine.words import several

_log = logging.getLogger("ravine")

BATCH_SECONDS = 1.0
"""The work of a batch of short runs."""

SILENCE = 30.0
"""Seconds after which a worker that was not heard counts as hung."""

_DEPTH = 2
"""Batches that each thread of a worker has: one under way, and one that waits."""

_LOOK = 0.5
"""Seconds between two looks at the workers."""

_WAIT = 30.0
"""Seconds after which a scheduler that does not answer counts as gone, and a cluster without workers is told."""

_PATIENCE = 2.0
"""Seconds to wait for an answer before a look whether there is still someone to answer."""


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


MISSING = 'Dask is not installed; `pip install "ravine[cluster]"` installs it.'
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
        threads: list[int] = list(self._client.nthreads().values())
        return max(1, sum(threads))

    def __call__(self, jobs: Sequence[Job], session: Session) -> Iterator[Ending]:
        """Yield an ending for each job."""
        driver = _Driver(self._client, jobs, session, self._data_dir, self._patience)
        try:
            yield from driver.endings()
        finally:
            driver.close()


@dataclass(eq=False)
class _Batch:
    """Jobs that a worker trains one after the other."""

    jobs: list[Job]
    future: Any


@dataclass(eq=False)
class _Worker:
    """A worker as the driver knows it.

    Attributes:
        state: it was "asked" what it has, or "readying", or is "ready", or "refused".
        heard: when it was heard last.
        silent: whether its batches were given to others, since it was not heard for long.
    """

    address: str
    threads: int
    heard: float
    state: str = "asked"
    silent: bool = False
    batches: list[_Batch] = field(default_factory=list)
    question: Any = None


class _Driver:
    """Gives jobs to workers and takes what comes back."""

    def __init__(
        self, client: Any, jobs: Sequence[Job], session: Session, data_dir: str | None, patience: float | None
    ) -> None:
        self.client, self.session, self.data_dir, self.patience = client, session, data_dir, patience
        self.jobs = {job.id: job for job in jobs}
        self.waiting = deque(jobs)
        self.left = set(self.jobs)
        self.elsewhere: list[Job] = []
        self.claims: dict[str, ExitStack] = {}
        self.begun: set[str] = set()
        self.workers: dict[str, _Worker] = {}
        self.leaving: set[str] = set()
        self.messages: queue.SimpleQueue[tuple[str, Any, Any]] = queue.SimpleQueue()
        self.topic = f"ravine-{secrets.token_hex(8)}"
        self.alone = any(job.alone for job in jobs)
        self.spent, self.expected = 0.0, 0.0
        self.looked = self.alive = self.told = self.answered = time.monotonic()
        self.threads: dict[str, int] = {}
        own = environment(threads=1)
        self.known = {name: {own[name]} for name in ("processor", "numpy", "numba")}
        names = sorted({job.run.spec.dataset for job in jobs})
        self.datasets = {name: sorted(DATASETS[name].sha256.values()) for name in names}

    def endings(self) -> Iterator[Ending]:
        """Yield an ending for each job."""
        self.client.subscribe_topic(self.topic, lambda event: self.messages.put(("event", event[1], None)))
        self.client.subscribe_topic("all", lambda event: self.messages.put(("cluster", event[1], None)))
        self.looked = 0.0
        while self.left and not self.session.interruption:
            if time.monotonic() - self.looked > _LOOK:
                yield from self._look()
                yield from self._look_elsewhere()
            self._hand_out()
            try:
                message = self.messages.get(timeout=PAUSE)
            except queue.Empty:
                continue
            yield from self._take(*message)

    def close(self) -> None:
        """Give up what is under way."""
        for claim in self.claims.values():
            claim.close()
        futures = [batch.future for worker in self.workers.values() for batch in worker.batches]
        futures += [worker.question for worker in self.workers.values() if worker.question is not None]
        with suppress(Exception):  # the scheduler may be gone
            if futures and self.client.status == "running":
                self.client.cancel(futures, force=True)
        with suppress(Exception):
            self.client.unsubscribe_topic(self.topic)
            self.client.unsubscribe_topic("all")

    def _look(self) -> Iterator[Ending]:
        """Look which workers there are."""
        threads = self._threads()
        now = self.looked = time.monotonic()
        for address, count in threads.items():
            if address not in self.workers:
                self.workers[address] = worker = _Worker(address, count, now)
                self._ask(worker, "asked", on_worker.what_you_have)
        for address in [address for address in self.workers if address not in threads]:
            yield from self._gone(self.workers.pop(address))
        for worker in self.workers.values():
            if now - worker.heard > SILENCE and not worker.silent and (worker.batches or worker.state == "asked"):
                self._silent(worker)
        if any(worker.state != "refused" and not worker.silent for worker in self.workers.values()):
            self.alive = self.told = now
        elif self.patience is not None and now - self.alive > self.patience:
            raise StorageError(
                f"the cluster has had no worker for {self.patience:.0f} s; runs that ended are stored, and the same "
                "command goes on."
            )
        elif now - self.told > _WAIT:
            self.told = now
            _log.warning("the cluster has no worker that answers; this waits for one (Ctrl-C ends it)")

    def _threads(self) -> Mapping[str, int]:
        """Return the number of threads of each worker, by address."""
        if self.client.status == "running":
            with suppress(OSError, TimeoutError):
                self.threads = self.client.sync(self.client.scheduler.ncores, callback_timeout=_PATIENCE)
                self.answered = time.monotonic()
        if self.client.status != "running" or time.monotonic() - self.answered > _WAIT:
            raise StorageError(
                "the scheduler of the Dask cluster is gone; runs that ended are stored. Start a cluster, and the same "
                "command goes on."
            )
        return self.threads

    def _submit(self, kind: str, worker: _Worker, function: Any, *arguments: Any) -> Any:
        """Give a worker a task; when it has ended, there is a message with its result or its error.

        The result is fetched meanwhile, since its worker may hang or die before it has sent it.
        """
        future = self.client.submit(
            function, *arguments, workers=[worker.address], pure=False, key=f"ravine-{kind}-{secrets.token_hex(8)}"
        )

        async def fetch() -> None:
            found: Any
            try:
                (found,) = await self.client.gather([future], asynchronous=True)
            except (Exception, asyncio.CancelledError) as error:
                found = error
            self.messages.put((kind, worker, (future, found)))

        future.add_done_callback(lambda _: self.client.loop.add_callback(fetch))
        return future

    def _ask(self, worker: _Worker, state: str, question: Any, *arguments: Any) -> None:
        worker.state, worker.heard = state, time.monotonic()
        worker.question = self._submit("answer", worker, question, *arguments)

    def _take(self, kind: str, what: Any, found: Any) -> Iterator[Ending]:
        if kind == "event":
            self._event(what)
        elif kind == "cluster":
            if what.get("action") == "remove-worker" and what.get("expected"):
                self.leaving.add(str(what.get("worker")))
        elif kind == "answer":
            self._answer(what, *found)
        elif kind == "refused":  # a run that could not be sent
            yield self._end(Ending(what.id, error=found))
        else:
            yield from self._done(what, *found)

    def _event(self, event: Mapping[str, Any]) -> None:
        worker, job = self.workers.get(event["worker"]), self.jobs.get(event["run"])
        if worker is not None:
            worker.heard, worker.silent = time.monotonic(), False
        if job is not None and job.id in self.left:
            self._begin(job)
            if event["loss"] is not None:
                self.session.progress(job.id, event["share"], event["loss"])

    def _begin(self, job: Job) -> None:
        if job.id not in self.begun:
            self.begun.add(job.id)
            self.session.started(job)

    def _answer(self, worker: _Worker, future: Any, answer: Any) -> None:
        """Take what a worker says of itself."""
        if future is not worker.question or worker.address not in self.workers:
            return
        worker.question, worker.heard, worker.silent = None, time.monotonic(), False
        if isinstance(answer, BaseException):
            return self._refuse(worker, f"it cannot say what it has ({type(answer).__name__}: {answer})")
        if worker.state == "asked":
            fault = _difference(answer)
            if fault is not None:
                return self._refuse(worker, fault)
            return self._ask(worker, "readying", on_worker.get_ready, self.datasets, self.data_dir)
        if answer["fault"] is not None:
            return self._refuse(worker, answer["fault"])
        worker.state = "ready"
        for name in ("processor", "numpy", "numba"):
            if answer[name] not in self.known[name]:
                self.known[name].add(answer[name])
                _log.warning(
                    "worker %s has another %s than this machine, %s: its runs may differ in their last bits",
                    worker.address,
                    name,
                    answer[name],
                )
        return None

    def _refuse(self, worker: _Worker, fault: str) -> None:
        worker.state = "refused"
        if all(other.state == "refused" for other in self.workers.values()) and not self.patient:
            raise ConfigError(f"no worker of the cluster can train: {fault}")
        _log.warning("worker %s takes no part: %s", worker.address, fault)

    @property
    def patient(self) -> bool:
        """Whether workers that are refused may be followed by others."""
        return bool(self.begun)

    def _hand_out(self) -> None:
        """Give each ready worker as many batches as it should have."""
        depth = 1 if self.alone else _DEPTH
        for level in range(depth):
            for worker in self.workers.values():
                threads = 1 if self.alone else worker.threads
                while (
                    self.waiting
                    and worker.state == "ready"
                    and not worker.silent
                    and len(worker.batches) < (level + 1) * threads
                ):
                    if not self._give(worker):
                        break

    def _give(self, worker: _Worker) -> bool:
        """Give a worker the next batch; return False if there is none."""
        jobs: list[Job] = []
        orders: list[bytes] = []
        cost = 0.0
        most = self._batch_cost()
        while self.waiting and (not jobs or (not self.alone and cost + self.waiting[0].cost <= most)):
            job = self.waiting.popleft()
            if job.id not in self.left:
                continue
            if not self._claim(job):
                self.elsewhere.append(job)
                continue
            try:
                orders.append(order_of(job.run))
            except ConfigError as error:
                self.messages.put(("refused", job, error))
                continue
            jobs.append(job)
            cost += job.cost
        if not jobs:
            return False
        if not worker.batches:
            worker.heard = time.monotonic()
        future = self._submit("done", worker, on_worker.work, orders, self.topic, self.data_dir)
        worker.batches.append(_Batch(jobs, future))
        return True

    def _batch_cost(self) -> float:
        """Return the cost of a batch: some seconds, and less at the end, so that all workers end together."""
        if not self.expected:
            return 0.0
        threads = sum(worker.threads for worker in self.workers.values() if worker.state == "ready")
        rest = sum(job.cost for job in self.waiting) if len(self.waiting) < 50 * threads else float("inf")
        return min(BATCH_SECONDS * self.expected / self.spent, rest / (2 * _DEPTH * max(1, threads)))

    def _claim(self, job: Job) -> bool:
        """Claim a run; return False if another process trains it or has ended it."""
        if job.id in self.claims:
            return True
        claim = ExitStack()
        try:
            claim.enter_context(self.session.store.working_folder(job.id))
        except BusyError:
            return False
        if self.session.store.holds(job.id):
            claim.close()
            return False
        self.claims[job.id] = claim
        return True

    def _release(self, run: str) -> None:
        claim = self.claims.pop(run, None)
        if claim is not None:
            claim.close()

    def _look_elsewhere(self) -> Iterator[Ending]:
        """Look at the runs that other processes train."""
        again = []
        for job in self.elsewhere:
            try:
                stored = self.session.store.load(job.id)
            except RavineError as error:
                yield self._end(Ending(job.id, error=error))
                continue
            if stored is not None:
                yield self._end(Ending(job.id, stored.result))
            elif self._claim(job):
                self.waiting.append(job)
            else:
                again.append(job)
        self.elsewhere = again

    def _done(self, worker: _Worker, future: Any, found: Any) -> Iterator[Ending]:
        """Take a batch that has ended."""
        batch = next((batch for batch in worker.batches if batch.future is future), None)
        if batch is None:
            return
        worker.batches.remove(batch)
        if future.status in ("cancelled", "lost"):  # the scheduler has forgotten it
            self._wait_again(batch.jobs)
            return
        if isinstance(found, BaseException):
            yield from self._failed(worker, batch, found)
            return
        trained = {one.run: one for one in found}
        worker.heard, worker.silent = time.monotonic(), False
        for job in batch.jobs:
            if job.id in self.left:
                yield from self._trained(job, trained.get(job.id))
        future.release()

    def _failed(self, worker: _Worker, batch: _Batch, error: BaseException) -> Iterator[Ending]:
        """Take a batch whose task has failed as a whole: Dask gave up a task that its worker has not survived."""
        from distributed import KilledWorker

        for job in batch.jobs:
            if job.id not in self.left:
                continue
            if isinstance(error, KilledWorker):
                yield self._end(self._lost(job, alone=len(batch.jobs) == 1 and worker.threads == 1))
            else:
                yield self._end(Ending(job.id, error=RavineError(f"{type(error).__name__}: {error}")))

    def _trained(self, job: Job, trained: on_worker.Trained | None) -> Iterator[Ending]:
        """Store what a worker has trained."""
        if trained is None or (trained.error is None and not trained.files):
            self._wait_again([job])
            return
        if trained.error is not None:
            yield self._end(Ending(job.id, error=RavineError(trained.error)))
            return
        try:
            self.session.store.put(job.id, trained.files)
            stored = self.session.store.load(job.id)
        except RavineError as error:
            yield self._end(Ending(job.id, error=error))
            return
        assert stored is not None
        self.spent, self.expected = self.spent + stored.result.seconds.total, self.expected + job.cost
        yield self._end(Ending(job.id, stored.result))

    def _end(self, ending: Ending) -> Ending:
        self.left.discard(ending.run)
        self._release(ending.run)
        if not isinstance(ending.error, LostWorker):
            self._begin(self.jobs[ending.run])
        return ending

    def _wait_again(self, jobs: Sequence[Job]) -> None:
        """Let jobs be given to other workers, before all others."""
        held = {job.id for worker in self.workers.values() for batch in worker.batches for job in batch.jobs}
        self.waiting.extendleft(job for job in reversed(jobs) if job.id in self.left and job.id not in held)

    def _gone(self, worker: _Worker) -> Iterator[Ending]:
        """Take back the batches of a worker that is gone."""
        asked_to = worker.address in self.leaving
        self.leaving.discard(worker.address)
        batches, worker.batches = worker.batches, []
        with suppress(Exception):
            self.client.cancel([batch.future for batch in batches], force=True)
        under_way = [] if asked_to or worker.silent else batches[: worker.threads]
        self._wait_again([job for batch in batches if batch not in under_way for job in batch.jobs])
        jobs = [job for batch in under_way for job in batch.jobs if job.id in self.left]
        if jobs:
            _log.warning("worker %s has died; %s to be tried again", worker.address, several(len(jobs), "run"))
        for job in jobs:
            yield self._end(self._lost(job, alone=len(jobs) == 1))

    def _lost(self, job: Job, *, alone: bool) -> Ending:
        error = "the worker that trained it died twice, while it trained nothing else."
        return Ending(job.id, error=LostWorker(error, alone=alone))

    def _silent(self, worker: _Worker) -> None:
        """Give the batches of a worker that is not heard to others."""
        worker.silent = True
        runs = "; others get its runs" if worker.batches else ""
        _log.warning("worker %s has not been heard for %.0f s%s", worker.address, SILENCE, runs)
        jobs = [job for batch in worker.batches for job in batch.jobs if job.id in self.left]
        self.waiting.extendleft(reversed(jobs))


def _difference(answer: Mapping[str, str | None]) -> str | None:
    """Return why a worker cannot take part, None if it can."""
    own = {"ravine": __version__, "python": str(environment(threads=1)["python"])}
    if answer["ravine"] is None:
        return f"it has no ravine (Python {answer['python']}); install version {own['ravine']} there."
    if answer["ravine"] != own["ravine"]:
        return f"it has ravine {answer['ravine']}, and this is {own['ravine']}; install the same version there."
    if str(answer["python"]).split(".")[:2] != own["python"].split(".")[:2]:
        return f"it has Python {answer['python']}, and this is {own['python']}; install the same one there."
    return None

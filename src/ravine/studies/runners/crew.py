"""The workers of a Dask cluster as the driver knows them: which there are, what they have, and what they were given.

A worker is asked before it gets work: first what it has, since it may have no ravine or another version, and then to
load the data.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import queue
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ravine._version import __version__
from ravine.errors import ConfigError, StorageError
from ravine.studies.runners import on_worker
from ravine.studies.runners.protocol import Job
from ravine.training.environment import environment

_log = logging.getLogger("ravine")

SILENCE = 30.0
"""Seconds after which a worker that was not heard counts as hung."""

WAIT = 30.0
"""Seconds after which a scheduler that does not answer counts as gone, and a cluster without workers is told."""

_PATIENCE = 2.0
"""Seconds to wait for an answer of the scheduler before the driver goes on meanwhile."""

_SOON = 3.0
"""Seconds after which a cluster without workers is told first."""

_GRACE = 5.0
"""Seconds in which other workers may join a cluster all of whose workers are refused."""

_BEAT = 2.0
"""Seconds between two looks at the heartbeats."""

_MOST_UNREADY = 6
"""How many workers may die before they are ready, until the study ends if none ever was."""

_COMPUTING = ("processor", "numpy", "numba")
"""What decides the last bits of a run."""


@dataclass(eq=False)
class Batch:
    """Jobs that a worker trains one after the other, as one task; `begun` if the worker has told that it began."""

    jobs: list[Job]
    future: Any
    begun: bool = False


@dataclass(eq=False)
class Worker:
    """A worker.

    Attributes:
        address: its address.
        threads: how many tasks it works on at a time.
        beat: its last heartbeat, by the clock of the scheduler.
        heard: when the driver learned of a heartbeat or a message last.
        state: it was "asked" what it has, is "loading" data, is "ready" for work, or is "refused".
        silent: whether its batches were given to others, since it was not heard for long.
        batches: its tasks, in the order in which it got them.
        question: the task of a question that it has not answered.
        fault: why it is refused.
    """

    address: str
    threads: int
    heard: float
    beat: float = 0.0
    state: str = "asked"
    silent: bool = False
    batches: list[Batch] = field(default_factory=list)
    question: Any = None
    fault: str = ""

    @property
    def can_work(self) -> bool:
        """Whether it may get tasks."""
        return self.state == "ready" and not self.silent

    def hear(self) -> None:
        """Note that it was heard now."""
        self.heard, self.silent = time.monotonic(), False


Messages = queue.SimpleQueue[tuple[str, Any, Any]]
"""What other threads tell the driver: the kind of a message, whom it is about, and its content."""


class Crew:
    """The workers of the cluster of a client, for one study.

    Args:
        client: the client.
        datasets: the data sets of the study, by name, with the checksums of their files.
        data_dir: a folder with the data, for workers that see it too.
        patience: seconds to wait for a worker before the study ends with an error, None for ever.
        messages: where answers of workers, and results of their tasks, are told.
    """

    def __init__(
        self,
        client: Any,
        datasets: Mapping[str, Sequence[str]],
        data_dir: str | None,
        patience: float | None,
        messages: Messages,
    ) -> None:
        self._client, self._datasets, self._data_dir, self._messages = client, datasets, data_dir, messages
        self._patience = patience
        self._workers: dict[str, Worker] = {}
        self._threads: dict[str, int] = {}
        self._answered = self._alive = self._told = time.monotonic()
        self._useful = self._waiting = False
        self._unready_deaths = 0
        self._beat_looked = 0.0
        self._wish: Any = None
        own = environment(threads=1)
        self._known = {name: {own[name]} for name in _COMPUTING}

    def __iter__(self) -> Iterator[Worker]:
        return iter(self._workers.values())

    @property
    def threads(self) -> int:
        """How many tasks the workers that can work do at a time."""
        return sum(worker.threads for worker in self if worker.can_work)

    def hear(self, address: str) -> None:
        """Note that a worker was heard."""
        if address in self._workers:
            self._workers[address].hear()

    def batches_of(self, address: str) -> list[Batch]:
        """Return the tasks of a worker."""
        return self._workers[address].batches if address in self._workers else []

    def look(self) -> tuple[list[Worker], list[Worker]]:
        """Look which workers there are now; ask the new ones what they have.

        Return those that are gone, and those that have become silent.

        Raises:
            StorageError: the scheduler is gone, or there was no worker for too long.
            ConfigError: none of the workers can train.
        """
        threads, now = self._look(), time.monotonic()
        for address, count in threads.items():
            if address not in self._workers:
                self._workers[address] = Worker(address, count, now)
                self._ask(self._workers[address], "asked", on_worker.what_you_have)
        gone = [self._workers.pop(address) for address in list(self._workers) if address not in threads]
        self._unready_deaths += sum(worker.state in ("asked", "loading") for worker in gone)
        self._hear_beats(now)
        silent = [
            worker
            for worker in self
            if now - worker.heard > SILENCE and not worker.silent and (worker.batches or worker.state == "asked")
        ]
        for worker in silent:
            worker.silent = True
            runs = "; others get its runs" if worker.batches else ""
            _log.warning("worker %s has not been heard for %.0f s%s", worker.address, SILENCE, runs)
        self._check(now)
        return gone, silent

    def _hear_beats(self, now: float) -> None:
        """Learn which workers live from the heartbeats that the scheduler has got."""
        if now - self._beat_looked < _BEAT:
            return
        self._beat_looked = now
        with suppress(OSError, TimeoutError):
            info = self._client.sync(self._client.scheduler.identity, n_workers=-1, callback_timeout=_PATIENCE)
            for worker in self:
                beat = info["workers"].get(worker.address, {}).get("last_seen", worker.beat)
                if beat != worker.beat:
                    worker.beat = beat
                    worker.hear()

    def _look(self) -> Mapping[str, int]:
        """Return the number of threads of each worker, by address."""
        if self._client.status == "running":
            with suppress(OSError, TimeoutError):
                self._threads = self._client.sync(self._client.scheduler.ncores, callback_timeout=_PATIENCE)
                self._answered = time.monotonic()
        if self._client.status != "running" or time.monotonic() - self._answered > WAIT:
            raise StorageError(
                "the scheduler of the Dask cluster is gone; runs that ended are stored. Start a cluster, and the same "
                "command goes on."
            )
        return self._threads

    def _check(self, now: float) -> None:
        """End the study, or tell the user, if there is no worker that can train."""
        if any(worker.state != "refused" and not worker.silent for worker in self):
            if self._unready_deaths >= _MOST_UNREADY and not self._useful:
                raise StorageError(
                    f"{self._unready_deaths} workers have died before they were ready, the last while they loaded the "
                    "data; look what they say, and whether their memory suffices."
                )
            self._alive = self._told = now
            self._waiting, self._wish = False, None
            return
        refused = [worker.fault for worker in self if worker.state == "refused"]
        if refused and not self._useful and now - self._alive > _GRACE:
            raise ConfigError(f"no worker of the cluster can train: {refused[0]}")
        if self._patience is not None and now - self._alive > self._patience:
            raise StorageError(
                f"the cluster has had no worker for {self._patience:.0f} s; runs that ended are stored, and the same "
                "command goes on."
            )
        if not refused and now - self._told > (WAIT if self._waiting else _SOON):
            self._told, self._waiting = now, True
            # A cluster that adapts itself starts workers only if something waits for them.
            self._wish = self._client.submit(on_worker.what_you_have, pure=False)
            place = self._client.scheduler.address
            _log.warning(
                "the cluster has no worker that answers; this waits for one: `dask worker %s` starts one",
                place,
            )

    def submit(self, kind: str, worker: Worker, function: Any, *arguments: Any) -> Any:
        """Give a worker a task; when it has ended, there is a message with its result or its error.

        The result is fetched meanwhile, since its worker may hang or die before it has sent it.
        """
        future = self._client.submit(
            function, *arguments, workers=[worker.address], pure=False, key=f"ravine-{kind}-{secrets.token_hex(8)}"
        )

        async def fetch() -> None:
            found: Any
            try:
                (found,) = await self._client.gather([future], asynchronous=True)
            except (Exception, asyncio.CancelledError) as error:
                found = error
            self._messages.put((kind, worker, (future, found)))

        future.add_done_callback(lambda _: self._client.loop.add_callback(fetch))
        return future

    def cancel(self, batches: Sequence[Batch]) -> None:
        """Take tasks back, whose workers may be gone."""
        with suppress(Exception):
            if batches and self._client.status == "running":
                self._client.cancel([batch.future for batch in batches], force=True)

    def close(self) -> None:
        """Take back all tasks and questions."""
        questions = [Batch([], worker.question) for worker in self if worker.question is not None]
        self.cancel([*(batch for worker in self for batch in worker.batches), *questions])

    def was_asked_to_leave(self, worker: Worker) -> bool:
        """Tell whether a worker that is gone has left as it was asked to, as at the end of its lifetime."""
        with suppress(Exception):
            events = [event for _, event in self._client.get_events(worker.address)]
            ends = [event for event in events if isinstance(event, dict) and event.get("action") == "remove-worker"]
            return bool(ends and ends[-1].get("expected"))
        return False

    def _ask(self, worker: Worker, state: str, question: Any, *arguments: Any) -> None:
        worker.state = state
        worker.question = self.submit("answer", worker, question, *arguments)

    def take_answer(self, worker: Worker, future: Any, answer: Any) -> None:
        """Take what a worker answers to a question."""
        if future is not worker.question or self._workers.get(worker.address) is not worker:
            return
        worker.question = None
        worker.hear()
        if isinstance(answer, asyncio.CancelledError | OSError) or type(answer).__name__ == "KilledWorker":
            del self._workers[worker.address]  # it died, or the scheduler did; if it is there still, it is asked again
            self._unready_deaths += 1
            return
        if isinstance(answer, BaseException):
            fault: str | None = f"it cannot say what it has ({type(answer).__name__}: {answer})"
        else:
            fault = _difference(answer) if worker.state == "asked" else answer["fault"]
        if fault is not None:
            worker.state, worker.fault = "refused", fault
            _log.warning("worker %s takes no part: %s", worker.address, fault)
        elif worker.state == "asked":
            self._ask(worker, "loading", on_worker.get_ready, self._datasets, self._data_dir, on_worker.this_process())
        else:
            worker.state, self._useful = "ready", True
            self._tell_difference(worker, answer)

    def _tell_difference(self, worker: Worker, answer: Mapping[str, str]) -> None:
        """Tell what may change the last bits of runs, each kind once."""
        for name in _COMPUTING:
            if answer[name] not in self._known[name]:
                self._known[name].add(answer[name])
                _log.warning(
                    "worker %s has another %s than this machine, %s: its runs may differ in their last bits",
                    worker.address,
                    name,
                    answer[name],
                )


@functools.cache
def _own() -> dict[str, str | None]:
    """Return what this process has; it reads all files of ravine."""
    return on_worker.what_you_have()


def _difference(answer: Mapping[str, str | None]) -> str | None:
    """Return why a worker cannot take part, None if it can."""
    python = str(environment(threads=1)["python"])
    if answer["ravine"] is None:
        return f"it has no ravine (Python {answer['python']}); install version {__version__} there."
    if answer["ravine"] != __version__:
        return f"it has ravine {answer['ravine']}, and this is {__version__}; install the same version there."
    if answer["text"] != _own()["text"]:
        return f"its ravine {answer['ravine']} has another text than this one; install the same one there."
    if str(answer["python"]).split(".")[:2] != python.split(".")[:2]:
        return f"it has Python {answer['python']}, and this is {python}; install the same one there."
    return None

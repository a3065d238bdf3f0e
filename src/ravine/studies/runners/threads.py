"""Run on the threads of this process, over one copy of the data.

The kernels release the GIL, so threads keep all cores busy. While a run waits for the disk, the next run uses its core.
Two processes, also on two machines, that run one study into one store share the work: each run is claimed by one of
them, and a run that another process has is tried again after the others.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice

from threadpoolctl import threadpool_limits

from ravine.inputs import jobs_of
from ravine.studies.runners.protocol import PAUSE, Ending, Job, Session


@dataclass(frozen=True)
class Threads:
    """Runs up to `jobs` runs at a time, as many as there are cores if None."""

    jobs: int | None = None

    @property
    def at_once(self) -> int:
        """How many runs train at a time."""
        return jobs_of(self.jobs)

    def __call__(self, jobs: Sequence[Job], session: Session) -> Iterator[Ending]:
        """Yield an ending for each job."""
        for name in sorted({job.run.spec.dataset for job in jobs}):
            session.dataset(name)  # data that are missing are told before the first run
        together = min(self.at_once, len(jobs))
        threads = 2 * together  # half of them may wait for the disk
        # Each run limits BLAS to one thread, and at its end restores the limit that it found, while other runs go on.
        # So the same limit is set here, around all of them.
        with threadpool_limits(1), ThreadPoolExecutor(threads, thread_name_prefix="run") as pool:
            work = _Work(jobs, session, threading.Semaphore(together))
            # No more futures are waited for than there are threads: thousands of them would keep this thread busy.
            futures = (pool.submit(work.next) for _ in jobs)
            waiting = set(islice(futures, threads))
            while waiting:
                # Signals reach the main thread only while it is awake.
                done, waiting = wait(waiting, timeout=PAUSE, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
                waiting |= set(islice(futures, len(done)))


class _Work:
    """The state that the threads share: the jobs that are left, and the semaphore that lets some train at a time."""

    def __init__(self, jobs: Sequence[Job], session: Session, turns: threading.Semaphore) -> None:
        self.left, self.session, self.turns = deque(jobs), session, turns

    def next(self) -> Ending:
        """Train the next job that no other process trains, when it is this thread's turn, and tell how it ended."""
        while True:
            with ExitStack() as turn:
                turn.enter_context(self.turns)
                job = self.left.popleft()
                if self.session.interruption:
                    return Ending(job.id)
                ending = self.session.attempt(job, trained=turn.close)
            if ending is not None:
                return ending
            self.left.append(job)
            time.sleep(PAUSE)

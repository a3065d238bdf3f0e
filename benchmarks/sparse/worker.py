"""A process that trains with one peer; `python -m benchmarks.sparse` starts it and sends it what to do.

    python -m benchmarks.sparse.worker PEER CORE      CORE is the number of the one core to use, or all

{"prepare": {"folder", "optimizer", "batch_size", "seconds", "samples"}} makes it build the peer in each of its forms
and keep the fastest; {"go": true} makes it train once and answer with the seconds and the bytes.
"""

from __future__ import annotations

import gc
import importlib
import time
from pathlib import Path
from typing import Any

from benchmarks.processes import serve
from benchmarks.sparse.peers import Task
from benchmarks.sparse.problem import Problem, draw

CHECKED = 30
"""Batches whose mean loss is compared."""

TRIALS = 3
"""How often these batches are timed to find the fastest form."""


class Worker:
    def __init__(self, peer: str, threads: int) -> None:
        self.module = importlib.import_module(f"benchmarks.sparse.peers.{peer}")
        self.threads = threads
        self.train: Any = None

    def prepare(
        self, folder: str, optimizer: str, batch_size: int, seconds: float, samples: int | None = None
    ) -> dict[str, Any]:
        self.train = None
        forms = self.module.forms(optimizer)
        if not forms:
            return {"error": f"has no {optimizer}"}
        began = time.perf_counter()
        tiny = Task(optimizer, batch_size, self.threads, draw(columns=200, samples=batch_size, nonzeros=5))
        for make in forms.values():
            make(tiny)(tiny.problem.order)
        del tiny
        gc.collect()
        self.before = _resident("VmRSS")  # with all that is loaded and compiled, and without data

        task = Task(optimizer, batch_size, self.threads, Problem.load(Path(folder)))
        order = task.problem.order
        checked = order[: CHECKED * batch_size]
        tried = {}
        for name, make in forms.items():
            self.train = None  # before the next one is made
            self.train = make(task)
            loss = self.train(checked)
            tried[name] = min(self._seconds(checked) for _ in range(TRIALS))
        fastest = min(tried, key=lambda name: tried[name])
        if fastest != name:
            self.train = None
            self.train = forms[fastest](task)
            loss = self.train(checked)
        del task
        self.order = order[
            : samples or max(CHECKED * batch_size, _whole(seconds / tried[fastest], checked, batch_size))
        ]
        self.train(self.order)
        while samples is None and len(self.order) < len(order) // batch_size * batch_size:
            spent = self._seconds(self.order)
            if spent > seconds / 2:
                break
            # The first batches do not tell what more of them take: a lazy update is settled once a call.
            self.order = order[: _whole(seconds / spent, self.order, batch_size)]
            self.train(self.order)
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")  # the peak from here on
        return {
            "loss": loss,
            "form": fastest,
            "forms": {name: 1e6 * spent / len(checked) for name, spent in tried.items()},
            "samples": len(self.order),
            "warm_up_seconds": time.perf_counter() - began,
        }

    def go(self) -> dict[str, Any]:
        began = time.process_time()
        seconds = self._seconds(self.order)
        spent = time.process_time() - began
        return {"seconds": seconds, "processor_seconds": spent, "peak_bytes": _resident("VmHWM") - self.before}

    def _seconds(self, order: Any) -> float:
        began = time.perf_counter()
        self.train(order)
        return time.perf_counter() - began


def _whole(times: float, order: Any, batch_size: int) -> int:
    """Return so many times the samples of an order, in whole batches."""
    return int(times * len(order)) // batch_size * batch_size


def _resident(name: str) -> int:
    """Return the bytes in memory, now (VmRSS) or at most (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))


if __name__ == "__main__":
    serve(Worker)

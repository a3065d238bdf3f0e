"""A process that trains with one peer; `python -m benchmarks` starts it and sends it what to do.

    python -m benchmarks.worker PEER CORE      CORE is the number of the one core to use, or all

It reads one JSON document a line and answers each with another. {"prepare": {"optimizer", "batch_size", "samples"}}
makes it build the peer and train once to warm up, with "floats" on floats without a zero in place of images;
{"go": true} makes it train once and answer with the seconds.
"""

from __future__ import annotations

import importlib
import resource
import time
from typing import Any

import numpy as np

from benchmarks.processes import serve


class Worker:
    def __init__(self, peer: str, threads: int) -> None:
        from ravine.data import load

        self.module = importlib.import_module(f"benchmarks.peers.{peer}")
        self.threads = threads
        self.data = load().train
        self.train: Any = None

    def prepare(self, optimizer: str, batch_size: int, samples: int, floats: bool = False) -> dict[str, Any]:
        from threadpoolctl import threadpool_limits

        from benchmarks.peers import Task
        from ravine.spec import RunSpec
        from ravine.training import epoch_order, start_weights

        features = self.data.features
        if floats:  # random, and none of them zero
            features = np.random.default_rng(0).random(features.shape, np.float32) + np.float32(1e-3)
        if optimizer not in self.module.OPTIMIZERS:
            return {"error": f"has no {optimizer}"}
        spec = RunSpec()
        matrices = [m.astype("float32") for m in spec.network.layout.views(start_weights(spec))]
        if self.threads:
            threadpool_limits(self.threads)
        began = time.perf_counter()
        self.train = self.module.make(Task(optimizer, batch_size, self.threads, features, self.data.targets, matrices))
        self.order = epoch_order(0, 0, len(self.data.targets))[:samples].astype("int64")
        loss = self.train(self.order)
        return {"loss": loss, "warm_up_seconds": time.perf_counter() - began}

    def go(self) -> dict[str, Any]:
        began = time.perf_counter()
        self.train(self.order)
        seconds = time.perf_counter() - began
        return {"seconds": seconds, "peak_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}


if __name__ == "__main__":
    serve(Worker)

"""The fewest microseconds a sample that this core's memory allows, for the benchmark of sparse data.

A batch must read each row of weights that one of its samples needs, and its step must write it; so for the slots of the
optimizer, whose rows are as long. Adam needs all rows in every batch. A lazy update reads and writes all rows once more
when it is settled, once in a call. The floor is the time to read and write these rows in place, in the order in which
the samples of the benchmark need them: frequent columns then come from a near cache, as they do in training. It
leaves out all arithmetic, and reading the samples themselves.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.roofline import NUMBER_BYTES, aligned, update_rows
from benchmarks.sparse.peers import SLOTS
from benchmarks.sparse.problem import HIDDEN, Problem

DENSE = ("adam",)
"""Optimizers that step in all weights at every step."""

SETTLED = ("momentum",)
"""Optimizers whose lazy updates are settled."""

SAMPLES = 4_000
"""The samples that are counted and timed."""


@dataclass(frozen=True)
class Floor:
    """For one sample: the bytes that are read and written; the microseconds; the bytes a second in random order."""

    bytes: float
    microseconds: float
    random_speed: float


def floor(problem: Problem, optimizer: str, batch_size: int, samples: int, repeats: int) -> Floor:
    """Return the floor of a call that trains on `samples` samples."""
    columns = len(problem.first)
    width = HIDDEN * (1 + SLOTS[optimizer])
    every = np.random.default_rng(0).permutation(columns).astype(np.uint32)
    w, ones = aligned(columns * width).reshape(columns, width), np.ones(columns, np.float32)
    w[:] = 1
    moved = 2 * NUMBER_BYTES * width  # read and written, for one row
    whole = _fewest(w, every, ones, repeats)
    in_order = np.arange(columns, dtype=np.uint32)
    sweep = _fewest(w, in_order, ones, repeats)
    if optimizer in DENSE:
        counted, seconds = columns / batch_size, sweep / batch_size
    else:
        order = problem.order[: min(len(problem.order), SAMPLES) // batch_size * batch_size]
        rows = np.concatenate(
            [np.unique(c) for c in problem.columns[order].reshape(-1, batch_size * problem.columns.shape[1])]
        )
        rows, ones = rows.astype(np.uint32), np.ones(len(rows), np.float32)
        counted = len(rows) / len(order)
        seconds = _fewest(w, rows, ones, repeats) / len(order)
    if optimizer in SETTLED:
        counted, seconds = counted + columns / samples, seconds + sweep / samples
    return Floor(moved * counted, 1e6 * seconds, moved * columns / whole)


def _fewest(w: NDArray[np.float32], rows: NDArray[np.uint32], ones: NDArray[np.float32], repeats: int) -> float:
    """Return the fewest seconds in which this process changes the rows in place."""
    z, times = aligned(w.shape[1]), []
    for _ in range(repeats):
        began = time.process_time()
        update_rows(w.ravel(), rows, ones, z, 1)
        times.append(time.process_time() - began)
    return min(times)

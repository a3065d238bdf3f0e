"""NumPy: ravine's reference engine, dense products through BLAS."""

from __future__ import annotations

from benchmarks.peers import Task, Train, ravine

LIBRARIES: tuple[str, ...] = ()
OPTIMIZERS = ravine.OPTIMIZERS


def make(task: Task) -> Train:
    """Return the reference engine's training."""
    return ravine.make(task, "reference")

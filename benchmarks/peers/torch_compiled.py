"""PyTorch with the forward and the backward pass through torch.compile."""

from __future__ import annotations

from benchmarks.peers import Task, Train, torch

LIBRARIES = torch.LIBRARIES
OPTIMIZERS = torch.OPTIMIZERS


def make(task: Task) -> Train:
    """Return the usual training loop around a compiled loss."""
    return torch.make(task, compiled=True)

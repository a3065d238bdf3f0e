"""The libraries that train on sparse data, one a file.

Each file has `LIBRARIES`, what must be installed, and `forms(optimizer)`, which returns by name all forms in which the
library can train with an optimizer; the benchmark takes the one that is the fastest. A form is called with a task and
returns a function that trains on the samples of an order, batch after batch, and returns their mean loss. It keeps its
weights from call to call.

"lazy_adam" is other mathematics than Adam. In ravine a weight whose gradient is 0 keeps its averages and takes no step.
In other libraries all weights of a column wait while the column is absent from the batch, and no other ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.sparse.problem import Problem

OPTIMIZERS = ("sgd", "momentum", "adagrad", "adam", "lazy_adam")
SLOTS = {"sgd": 0, "momentum": 1, "adagrad": 1, "adam": 2, "lazy_adam": 2}

LR = {"sgd": 0.01, "momentum": 0.001, "adagrad": 0.01, "adam": 0.001, "lazy_adam": 0.001}
ALPHA, EPS = 0.9, 1e-8

PEERS = ("ravine", "torch", "torch_by_hand", "jax", "sklearn")

Train = Callable[[NDArray[np.int64]], float]


@dataclass(frozen=True)
class Task:
    """What to train: `threads` is 1, or 0 for all."""

    optimizer: str
    batch_size: int
    threads: int
    problem: Problem


Forms = Mapping[str, Callable[[Task], Train]]

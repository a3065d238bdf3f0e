"""The libraries that ravine is compared with, one a file.

Each file has `LIBRARIES`, what must be installed, `OPTIMIZERS`, and `make(task)`, which returns a function that
trains on the samples of an order, batch after batch, and returns their mean loss. Every peer gets the same images in
[0, 1], the same initial weights and the same order. It keeps its weights from call to call, and `make` may take as
much time as it needs, since it is not timed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Train = Callable[[NDArray[np.int64]], float]

LR, ALPHA = 0.001, 0.9
"""The learning rate, so small that no optimizer diverges over all repeats; and momentum's alpha."""

PEERS = ("ravine", "numpy", "torch", "torch_compiled", "jax_scan", "optax_scan", "sklearn", "keras")


@dataclass(frozen=True)
class Task:
    """What to train: `threads` is 1, or 0 for all; `matrices` are the initial weights of each layer, (i, o).

    The images are bytes, or floats that are the inputs themselves.
    """

    optimizer: str
    batch_size: int
    threads: int
    images: NDArray[Any]
    labels: NDArray[np.uint8]
    matrices: list[NDArray[np.float32]]

    @property
    def inputs(self) -> NDArray[np.float32]:
        """The images in [0, 1]."""
        if self.images.dtype == np.float32:
            return self.images
        return self.images.astype(np.float32) / np.float32(255)

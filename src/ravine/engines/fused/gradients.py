"""Gradients from the kernel, for optimizers whose step is not taken in it."""

from __future__ import annotations

import dataclasses

import numpy as np

from ravine.arrays import Array
from ravine.data import Split
from ravine.engines.engine import Evaluation
from ravine.engines.fused.frame import SUM
from ravine.engines.fused.render import render
from ravine.engines.fused.workspace import Workspace
from ravine.networks import Network
from ravine.optimizers.sgd import sgd

_NO_HYPER = np.zeros((1, 1, 1))


class KernelGradients:
    """The losses and gradients of one network, in batches up to a size; see `ravine.engines.stepping.Gradients`."""

    def __init__(self, network: Network, dtype: str, batch_size: int) -> None:
        # A kernel needs a formula, though it takes none of its steps here. With norms it has room for a whole gradient.
        rendered = dataclasses.replace(render(sgd.formula), told="gradients", norms=True)
        self._space = Workspace(network, rendered, dtype, batch_size)

    def compile(self) -> None:
        """Load the kernel from the cache or compile it."""
        self._space.compile()

    def prepare(self, split: Split) -> None:
        """Bring the data into the form that the kernel reads."""
        self._space.prepare(split)

    def gradient(self, weights: Array, split: Split, batch: Array) -> tuple[float, Array]:
        """Return the sum of the losses of a batch, and the gradient of their mean, shape (n,).

        Where the sum is not finite, the gradient is nan.
        """
        space, count = self._space, len(batch)
        space.pad(space.trained.w, weights)
        taken, found = space.run(SUM, split, batch, 0, count, hyper=_NO_HYPER, t=0, batch_size=count)
        if not taken:
            return float(found.loss[0]), np.full_like(weights, np.nan)
        g = space.unpad(space.summed)
        space.summed[:] = 0
        return float(found.loss[0]), g

    def evaluate(self, weights: Array, split: Split) -> Evaluation:
        """Evaluate weights on a whole split."""
        self._space.pad(self._space.trained.w, weights)
        return self._space.evaluate(split)

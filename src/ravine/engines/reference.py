"""Losses and gradients in plain NumPy, which define what is right."""

from __future__ import annotations

import numpy as np

from ravine.arrays import Array
from ravine.data import Split, scaled
from ravine.engines.engine import Evaluation
from ravine.losses.cross_entropy import cross_entropy
from ravine.networks import Network, forward, gradient

_CHUNK = 2000
"""Samples that are evaluated at a time, to bound memory."""


class NumpyGradients:
    """The losses and gradients of one network, as the equations say; see `ravine.engines.stepping.Gradients`."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def compile(self) -> None:
        """There is nothing to compile."""

    def prepare(self, split: Split) -> None:
        """The images are used as they are."""

    def gradient(self, weights: Array, split: Split, batch: Array) -> tuple[float, Array]:
        """Return the sum of the losses of a batch, and the gradient of their mean, shape (n,)."""
        total, g = 0.0, np.zeros_like(weights)
        for low in range(0, len(batch), _CHUNK):
            part = batch[low : low + _CHUNK]
            x = scaled(split.features[part], weights.dtype)
            loss, share = gradient(self._network, weights, x, split.targets[part])
            with np.errstate(over="ignore", invalid="ignore", under="ignore"):
                total += float(loss.sum())
                g = share if len(part) == len(batch) else g + share * len(part) / len(batch)
        return total, g

    def evaluate(self, weights: Array, split: Split) -> Evaluation:
        """Evaluate weights on a whole split."""
        count = len(split.targets)
        loss, correct = 0.0, 0
        live = [np.zeros(n, bool) for n in self._network.layers[1:-1]]
        for low in range(0, count, _CHUNK):
            labels = split.targets[low : low + _CHUNK]
            trace = forward(self._network, weights, scaled(split.features[low : low + _CHUNK], weights.dtype))
            with np.errstate(over="ignore", invalid="ignore"):
                loss += float(cross_entropy(trace.logits, labels, self._network.softmax).sum())
            correct += int((trace.logits.argmax(axis=1) == labels).sum())
            for units, a in zip(live, trace.activations[1:], strict=True):
                units |= (a != 0).any(axis=0)
        return Evaluation(loss / count, correct / count, tuple(int(units.sum()) for units in live))

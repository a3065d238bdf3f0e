"""Losses and gradients in plain NumPy, which define what is right."""

from __future__ import annotations

import numpy as np

from ravine.arrays import Array
from ravine.data import Split, rows_at_once
from ravine.engines.engine import Evaluation
from ravine.networks import Network, forward, gradient, output_losses, scores_of

_CHUNK = 2000
"""The most samples that are evaluated at a time, to bound memory."""


class NumpyGradients:
    """The losses and gradients of one network, as the equations say; see `ravine.engines.stepping.Gradients`."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._chunk = rows_at_once(network.layers[0], _CHUNK)

    def compile(self) -> None:
        """There is nothing to compile."""

    def prepare(self, split: Split) -> None:
        """The features are used as they are."""

    def gradient(self, weights: Array, split: Split, batch: Array) -> tuple[float, Array]:
        """Return the sum of the losses of a batch, and the gradient of their mean, shape (n,)."""
        total, g = 0.0, np.zeros_like(weights)
        chunk = self._chunk
        for low in range(0, len(batch), chunk):
            part = batch[low : low + chunk]
            x = split.inputs(part, weights.dtype)
            loss, share = gradient(self._network, weights, x, split.targets[part], split.weights_of(part))
            with np.errstate(over="ignore", invalid="ignore", under="ignore"):
                total += float(loss.sum())
                g = share if len(part) == len(batch) else g + share * len(part) / len(batch)
        return total, g

    def evaluate(self, weights: Array, split: Split) -> Evaluation:
        """Evaluate weights on a whole split."""
        count, chunk = len(split.targets), self._chunk
        loss, outputs = 0.0, []
        live = [np.zeros(n, bool) for n in self._network.layers[1:-1]]
        for low in range(0, count, chunk):
            targets = split.targets[low : low + chunk]
            trace = forward(self._network, weights, split.inputs(slice(low, low + chunk), weights.dtype))
            with np.errstate(over="ignore", invalid="ignore"):
                loss += float(output_losses(self._network, trace.logits, targets).sum())
            outputs.append(trace.logits)
            for units, a in zip(live, trace.activations[1:], strict=True):
                units |= (a != 0).any(axis=0)
        scores = scores_of(self._network, np.concatenate(outputs), split.targets)
        return Evaluation(loss / count, scores, tuple(int(units.sum()) for units in live))

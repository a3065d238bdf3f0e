"""The reference engine: plain NumPy, and by definition right."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ravine.arrays import Array
from ravine.data import Split, scaled
from ravine.engines.engine import Evaluation, Taken
from ravine.nn import Network, cross_entropy, forward, gradient
from ravine.rules import Rule

_CHUNK = 2000
"""Samples evaluated at a time, to bound memory."""


class ReferenceEngine:
    """Computes every step as the equations stand, in any float dtype that NumPy has."""

    def __init__(self, network: Network, rule: Rule, weights: Array, dtype: str, batch_size: int) -> None:
        self._network, self._rule, self._batch_size = network, rule, batch_size
        self._weights = weights.astype(dtype)
        self._slots = {name: np.zeros_like(self._weights) for name in rule.slots}
        self._steps = 0

    def is_compiled(self) -> bool:
        """There is nothing to compile."""
        return True

    def compile(self) -> None:
        """There is nothing to compile."""

    def prepare(self, split: Split) -> None:
        """The images are used as they are."""

    @property
    def steps(self) -> int:
        """How many steps were taken since the run began."""
        return self._steps

    def train(
        self, split: Split, order: Array, first: int, stop: int, hyper: Mapping[str, float], loss_sum: float = 0.0
    ) -> Taken:
        """Take steps; see `Engine.train`."""
        before = self._steps
        for begin in range(first, stop, self._batch_size):
            batch = order[begin : begin + self._batch_size]
            x = scaled(split.images[batch], self._weights.dtype)
            loss, g = gradient(self._network, self._weights, x, split.labels[batch])
            batch_loss = float(loss.sum())
            if not np.isfinite(batch_loss):
                break
            self._apply(g, hyper)
            loss_sum += batch_loss
        return Taken(self._steps - before, loss_sum)

    def _apply(self, g: Array, hyper: Mapping[str, float]) -> None:
        self._steps += 1
        known = {"g": g, "w": self._weights, "t": self._steps, **self._slots}
        with np.errstate(over="ignore", invalid="ignore", under="ignore", divide="ignore"):
            result = self._rule(*(known[name] for name in self._rule.arguments), **hyper)
            step, *slots = result if isinstance(result, tuple) else (result,)
            self._weights = self._weights - step
        self._slots = dict(zip(self._rule.slots, slots, strict=True))

    def settle(self, hyper: Mapping[str, float]) -> None:
        """No weight is ever behind."""

    def evaluate(self, split: Split) -> Evaluation:
        """Evaluate the weights on a whole split."""
        count = len(split.labels)
        loss, correct = 0.0, 0
        live = [np.zeros(n, bool) for n in self._network.layers[1:-1]]
        for low in range(0, count, _CHUNK):
            labels = split.labels[low : low + _CHUNK]
            trace = forward(self._network, self._weights, scaled(split.images[low : low + _CHUNK], self._weights.dtype))
            loss += float(cross_entropy(trace.logits, labels, self._network.softmax).sum())
            correct += int((trace.logits.argmax(axis=1) == labels).sum())
            for units, a in zip(live, trace.activations[1:], strict=True):
                units |= (a != 0).any(axis=0)
        return Evaluation(loss / count, correct / count, tuple(int(units.sum()) for units in live))

    @property
    def weights(self) -> Array:
        """A copy of the flat weight vector, shape (n,)."""
        return self._weights.copy()

    def state(self) -> dict[str, Array]:
        """Return weights, slots and the number of steps."""
        slots = {f"slot.{name}": slot.copy() for name, slot in self._slots.items()}
        return {"weights": self.weights, "steps": np.array([self._steps]), **slots}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Go back to a `state()`."""
        self._weights = state["weights"].copy()
        self._slots = {name: state[f"slot.{name}"].copy() for name in self._rule.slots}
        self._steps = int(state["steps"][0])

"""The reference engine: plain NumPy, and by definition right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ravine.arrays import Array
from ravine.data import Split, scaled
from ravine.engines.engine import NO_FACTORS, NO_HYPER, Evaluation, Factors, Hyper, Taken, evaluated_by_layer, in_layer
from ravine.formulas.noise import noise_for
from ravine.formulas.norms import gradient_norms
from ravine.formulas.stepping import stepper
from ravine.losses.cross_entropy import cross_entropy
from ravine.networks import Network, forward, gradient
from ravine.optimizers import Rule

_CHUNK = 2000
"""Samples that are taken at a time, to bound memory."""


class NumpyGradients:
    """The losses and gradients of one network, as the equations stand; see `ravine.engines.whole.Gradients`."""

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
            x = scaled(split.images[part], weights.dtype)
            loss, share = gradient(self._network, weights, x, split.labels[part])
            with np.errstate(over="ignore", invalid="ignore", under="ignore"):
                total += float(loss.sum())
                g = share if len(part) == len(batch) else g + share * len(part) / len(batch)
        return total, g

    def evaluate(self, weights: Array, split: Split) -> Evaluation:
        """Evaluate weights on a whole split."""
        count = len(split.labels)
        loss, correct = 0.0, 0
        live = [np.zeros(n, bool) for n in self._network.layers[1:-1]]
        for low in range(0, count, _CHUNK):
            labels = split.labels[low : low + _CHUNK]
            trace = forward(self._network, weights, scaled(split.images[low : low + _CHUNK], weights.dtype))
            with np.errstate(over="ignore", invalid="ignore"):
                loss += float(cross_entropy(trace.logits, labels, self._network.softmax).sum())
            correct += int((trace.logits.argmax(axis=1) == labels).sum())
            for units, a in zip(live, trace.activations[1:], strict=True):
                units |= (a != 0).any(axis=0)
        return Evaluation(loss / count, correct / count, tuple(int(units.sum()) for units in live))


class ReferenceEngine:
    """Computes every step as the equations stand, in any float dtype that NumPy has."""

    def __init__(
        self,
        network: Network,
        rule: Rule,
        weights: Array,
        dtype: str,
        batch_size: int,
        factors: Factors = NO_FACTORS,
        seed: int = 0,
    ) -> None:
        self._network, self._rule, self._batch_size, self._factors = network, rule, batch_size, factors
        self._seed, self._step = seed, stepper(rule)
        self._weights = weights.astype(dtype)
        self._slots = {name: np.zeros_like(self._weights) for name in rule.slots}
        self._gradients = NumpyGradients(network)
        self._steps = 0

    def compile(self) -> None:
        """There is nothing to compile."""

    def prepare(self, split: Split) -> None:
        """The images are used as they are."""

    @property
    def steps(self) -> int:
        """How many steps were taken since the run began."""
        return self._steps

    def train(
        self,
        split: Split,
        order: Array,
        first: int,
        stop: int,
        hyper: Hyper,
        loss_sum: float = 0.0,
        batch_size: int | None = None,
    ) -> Taken:
        """Take steps; see `Engine.train`."""
        before, size = self._steps, batch_size or self._batch_size
        for begin in range(first, stop, size):
            batch = order[begin : begin + size]
            batch_loss, g = self._gradients.gradient(self._weights, split, batch)
            if not np.isfinite(batch_loss):
                break
            self._steps += 1
            self._apply(g, hyper, self._steps - before - 1)
            loss_sum += batch_loss
        return Taken(self._steps - before, loss_sum)

    def _apply(self, g: Array, hyper: Hyper, step: int) -> None:
        rule = self._rule
        views = self._network.layout.views
        before = {"g": g, "w": self._weights, **self._slots}
        noise = self._noise(views(self._weights))
        after = {name: np.empty_like(self._weights) for name in ("w", *rule.slots)}
        norm, layer_norms = self._norms(g)
        for layer, layer_norm in enumerate(layer_norms):
            known = {name: views(array)[layer] for name, array in before.items()}
            of_step = {"t": float(self._steps), "norm": norm, "layer_norm": layer_norm}
            given = {**known, **of_step, "noise": noise[layer]}
            change, slots = self._step(given, in_layer(hyper, self._factors, layer, step))
            with np.errstate(all="ignore"):
                for name, value in {"w": known["w"] - change, **slots}.items():
                    views(after[name])[layer][...] = value
        self._weights = after.pop("w")
        self._slots = after

    def _norms(self, g: Array) -> tuple[Any, list[Any]]:
        """Return the norm of the gradient and that of each layer's, zeros if the rule does not ask for them."""
        layers = self._network.layout.views(g)
        if {"norm", "layer_norm"}.isdisjoint(self._rule.arguments):
            return 0.0, [0.0] * len(layers)
        return gradient_norms([[layer] for layer in layers])

    def _noise(self, layers: Sequence[Array]) -> Sequence[Any]:
        """Return the random numbers of the step, layer by layer, zeros if the rule does not ask for them."""
        if "noise" not in self._rule.arguments:
            return [0.0] * len(layers)
        return noise_for(layers, self._seed, self._steps)()

    def settle(self, hyper: Mapping[str, float]) -> None:
        """No weight is ever behind."""

    def evaluated_weights(self, hyper: Mapping[str, float]) -> Array:
        """Return the weights that are evaluated, shape (n,)."""
        return evaluated_by_layer(
            self._network, self._rule, self.weights, self._slots, self._steps, hyper, self._factors
        )

    def evaluate(self, split: Split, hyper: Mapping[str, float] = NO_HYPER) -> Evaluation:
        """Evaluate the weights on a whole split."""
        return self._gradients.evaluate(self.evaluated_weights(hyper), split)

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
        slots = [name for name in state if name.startswith("slot.")]
        self._slots = {name.removeprefix("slot."): state[name].copy() for name in slots}
        self._steps = int(state["steps"][0])

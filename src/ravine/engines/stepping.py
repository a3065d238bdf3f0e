"""The engine in which NumPy takes the steps; another object, a `Gradients`, computes the gradients.

With gradients in plain NumPy it is the reference engine, which defines what is right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from ravine.arrays import Array
from ravine.data import Split
from ravine.engines.engine import NO_HYPER, Evaluation, Factors, StepwiseHyper, Taken, in_layers
from ravine.formulas.layers import flattened
from ravine.formulas.noise import noise_for
from ravine.formulas.optimizer import LossOfWeights, Optimizer
from ravine.networks import Network


class Gradients(Protocol):
    """Computes losses and gradients of one network at given weights, shape (n,)."""

    def compile(self) -> None:
        """Do now whatever must be done once before the first gradient; otherwise the first gradient does it."""

    def prepare(self, split: Split) -> None:
        """Convert a split now to the form that the gradients are computed from; otherwise its first use does it."""

    def gradient(self, weights: Array, split: Split, batch: Array) -> tuple[float, Array]:
        """Return the sum of the losses of a batch, and the gradient of their mean, a new array of shape (n,).

        The losses are times the sample weights, if the split has any.
        """

    def evaluate(self, weights: Array, split: Split) -> Evaluation:
        """Evaluate weights on a whole split."""


class SteppingEngine:
    """Trains one network with any optimizer; owns its weights and the optimizer's state."""

    def __init__(
        self,
        network: Network,
        optimizer: Optimizer,
        weights: Array,
        dtype: str,
        batch_size: int,
        factors: Factors,
        gradients: Gradients,
        seed: int = 0,
    ) -> None:
        self._network, self._optimizer, self._batch_size, self._factors = network, optimizer, batch_size, factors
        self._weights = weights.astype(dtype)
        self._gradients, self._seed = gradients, seed
        self._state: dict[str, Array] = {}
        self._steps = 0

    def compile(self) -> None:
        """Compile the code that computes gradients."""
        self._gradients.compile()

    def prepare(self, split: Split) -> None:
        """Prepare a split for the code that computes gradients."""
        self._gradients.prepare(split)

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
        hyper: StepwiseHyper,
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
            each = self._in_layers(hyper, self._steps - before)
            self._apply(g, each, self._loss(split, batch, batch_loss, g))
            loss_sum += batch_loss
        return Taken(self._steps - before, loss_sum)

    def _loss(self, split: Split, batch: Array, batch_loss: float, g: Array) -> LossOfWeights | None:
        """Return the loss function for a line search; it already knows the loss at the present weights."""
        if not self._optimizer.asks_for_loss:
            return None
        here = self._weights

        def loss(weights: Sequence[Array]) -> tuple[float, list[Array]]:
            flat = flattened(weights).astype(here.dtype, copy=False)
            known = np.array_equal(flat, here)
            total, slope = (batch_loss, g) if known else self._gradients.gradient(flat, split, batch)
            return total / len(batch), list(self._network.layout.tensors(slope))

        return loss

    def _apply(self, g: Array, each: list[dict[str, float]], loss: LossOfWeights | None) -> None:
        gradients, weights = (list(self._network.layout.tensors(flat)) for flat in (g, self._weights))
        state = self._begun(weights, each)
        self._steps += 1
        noise = noise_for(weights, self._seed, self._steps)
        steps, self._state = self._optimizer.step(gradients, weights, state, self._steps, each, loss, noise)
        with np.errstate(all="ignore"):
            self._weights = self._weights - flattened(steps)

    def _begun(self, weights: Sequence[Array], each: list[dict[str, float]]) -> dict[str, Array]:
        """Return the state; before the first step it is the optimizer's start."""
        # A matrix rule may return an empty state, which then is its state. A formula keeps its slots from step to step.
        begun = self._state or (self._steps and self._optimizer.formula is None)
        return self._state if begun else self._optimizer.start(weights, each)

    def _in_layers(self, hyper: StepwiseHyper, step: int) -> list[dict[str, float]]:
        return in_layers(hyper, self._factors, len(self._network.layout.shapes), step)

    def settle(self, hyper: Mapping[str, float]) -> None:
        """Do nothing: no row ever waits for a lazy update."""

    def evaluated_weights(self, hyper: Mapping[str, float]) -> Array:
        """Return the weights that are evaluated, shape (n,)."""
        if not self._optimizer.evaluates_others:
            return self.weights
        weights, each = list(self._network.layout.tensors(self._weights)), self._in_layers(hyper, 0)
        state = self._begun(weights, each)
        return flattened(self._optimizer.evaluate(weights, state, self._steps, each))

    def evaluate(self, split: Split, hyper: Mapping[str, float] = NO_HYPER) -> Evaluation:
        """Evaluate the weights on a whole split."""
        return self._gradients.evaluate(self.evaluated_weights(hyper), split)

    @property
    def weights(self) -> Array:
        """A copy of the flat weight vector, shape (n,)."""
        return self._weights.copy()

    def state(self) -> dict[str, Array]:
        """Return the weights, the optimizer's state and the number of steps."""
        state = {f"slot.{name}": value.copy() for name, value in self._state.items()}
        return {"weights": self.weights, "steps": np.array([self._steps]), **state}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Go back to a `state()`."""
        self._weights = state["weights"].copy()
        self._steps = int(state["steps"][0])
        kept = {name.removeprefix("slot."): state[name].copy() for name in state if name.startswith("slot.")}
        self._state = kept

"""The interface of an engine, which owns a run's weights and state, and takes steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import numpy as np

from ravine.arrays import Array
from ravine.data import Split
from ravine.networks import Scores

StepwiseHyper = Mapping[str, float | Array]
"""Hyper-parameters by name. One that changes from step to step is an array with a number for each step of the call."""

Factors = Mapping[str, Sequence[float]]
"""By the name of a hyper-parameter, the factor by which it is multiplied in each layer."""

NO_HYPER: Mapping[str, float] = MappingProxyType({})
"""No hyper-parameters; enough for an optimizer that evaluates the weights that it trains."""

NO_FACTORS: Factors = MappingProxyType({})
"""Every layer has the same hyper-parameters."""


@dataclass(frozen=True)
class Taken:
    """The result of a call of `train`.

    Attributes:
        steps: the number of batches whose update was applied. If it is smaller than the number of batches in the call,
            the loss of the next batch is not finite.
        loss_sum: the sum that the call was given plus the losses of the samples, each times its sample weight and taken
            before the update of its batch.
    """

    steps: int
    loss_sum: float


@dataclass(frozen=True)
class Evaluation:
    """An evaluation of weights on a split.

    Attributes:
        loss: the mean over the samples; no sample weights count in an evaluation.
        scores: those of the predictions.
        live_units: for each hidden layer how many units were non-zero at least once.
    """

    loss: float
    scores: Scores
    live_units: tuple[int, ...]

    @property
    def accuracy(self) -> float | None:
        """The accuracy; None if the targets are numbers for which there is none."""
        return self.scores.accuracy


def in_layer(hyper: StepwiseHyper, factors: Factors, layer: int, step: int = 0) -> dict[str, float]:
    """Return the hyper-parameters of a layer, counted from 0, at a step of a call, counted from 0.

    >>> in_layer({"lr": np.array([0.2, 0.1]), "alpha": 0.9}, {"lr": [1.0, 0.5]}, layer=1, step=1)
    {'lr': 0.05, 'alpha': 0.9}
    """

    def number(name: str, value: float | Array) -> float:
        now = float(value[step]) if isinstance(value, np.ndarray) else value
        return float(now * factors[name][layer] if name in factors else now)

    return {name: number(name, value) for name, value in hyper.items()}


def in_layers(hyper: StepwiseHyper, factors: Factors, layers: int, step: int = 0) -> list[dict[str, float]]:
    """Return the hyper-parameters of each layer at a step of a call; without factors, the same ones for all."""
    if not factors:
        return [in_layer(hyper, factors, 0, step)] * layers
    return [in_layer(hyper, factors, layer, step) for layer in range(layers)]


class Engine(Protocol):
    """Trains one network with one optimizer, from given weights, in batches up to a size."""

    def compile(self) -> None:
        """Do now whatever must be done once before the first step; otherwise the first step does it."""

    def prepare(self, split: Split) -> None:
        """Bring a split into the engine's own form now; otherwise its first use does it."""

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
        """Take one step for each batch that starts at position first, first + batch size, .. below stop of `order`.

        `order` is an int64 array of sample numbers; the last batch is smaller if `order` ends in it. The default of
        `batch_size` is the largest, for which the engine was made. The call stops before the update of a batch whose
        loss is not finite. It adds losses to `loss_sum` one batch after the other, so that the sum of an epoch has the
        same bits in any number of calls.

        A hyper-parameter that a lazy update takes must not change from step to step, nor from layer to layer.
        """

    def settle(self, hyper: Mapping[str, float]) -> None:
        """Apply the lazy updates that still wait; call it before hyper-parameters change or the weights are read."""

    def evaluate(self, split: Split, hyper: Mapping[str, float] = NO_HYPER) -> Evaluation:
        """Evaluate the settled weights, or those that the optimizer declares in their place, on a whole split."""

    def evaluated_weights(self, hyper: Mapping[str, float]) -> Array:
        """Return the weights that are evaluated and stored, shape (n,); settle first."""

    @property
    def steps(self) -> int:
        """How many steps were taken since the run began."""

    @property
    def weights(self) -> Array:
        """A copy of the flat weight vector, shape (n,), in the dtype of the run."""

    def state(self) -> dict[str, Array]:
        """Return all that the next step depends on; it may be called after any step of an epoch."""

    def restore(self, state: Mapping[str, Array]) -> None:
        """Go back to a `state()` of the same engine, network and optimizer."""

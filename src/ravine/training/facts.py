"""Measurements of a run that may not have learned: at its initial weights, at its first step and at its end.

Letters: b sample, l layer of weights; w_0 the initial weights, w_1 those after the first step that moves any, and g the
gradient at w_0 of that step's batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ravine.arrays import Array
from ravine.data import Split, rows_at_once
from ravine.engines import Engine
from ravine.errors import RavineError
from ravine.formulas.activation import Activation
from ravine.networks import Network, forward, gradient, losses, predicted_classes
from ravine.spec import RunSpec
from ravine.storage.record import Cause, Epoch

JudgedBy = Literal["validation", "test", "training"]
"""The set whose images tell whether a run learned."""

SAMPLES = 200
"""The number of training samples on which a network is examined."""

_FIRST_STEPS = 5
"""The number of steps that an optimizer may take to fill its state before one moves a weight."""

_LARGEST_BATCH = 2000
"""More samples of a batch tell nothing more about the direction of a step."""

_FLAT = 0.01
"""A unit whose slope is below this share of the activation's steepest passes next to no gradient."""

_DECADES = 45
"""The number of powers of ten that float32 has."""


@dataclass(frozen=True)
class Look:
    """A network at some weights, on a few training samples.

    Attributes:
        losses: w_b L_b, (b,); L_b if samples have no weights.
        accuracy, chance: the share of the samples, or of their weight, whose class is predicted, and that of their
            commonest class.
        gradients: the norm of the gradient of each layer, (l,).
        blocked: for each hidden layer, the share of its outputs that pass next to no gradient.
        spreads: for the input and each hidden layer, the standard deviation over the samples, averaged over its units.
    """

    losses: Array
    accuracy: float
    chance: float
    gradients: Array
    blocked: tuple[float, ...]
    spreads: tuple[float, ...]

    @property
    def loss(self) -> float:
        """The mean loss."""
        return float(self.losses.mean())


@dataclass(frozen=True)
class FirstStep:
    """The optimizer's first step that moves a weight, in float64.

    Attributes:
        size: |w_1 - w_0| / |w_0|; nan if w_1 is not finite.
        cosine: of the angle between w_1 - w_0 and g; -1 is straight down.
        decades: by how many powers of ten the step must be shorter for the loss of its batch to fall; 0 if the loss
            falls already, or if the step does not go down.
    """

    size: float
    cosine: float
    decades: int


@dataclass(frozen=True)
class Facts:
    """The measurements of a run that may not have learned.

    Attributes:
        spec, network, history, cause: of the run.
        steps: how many were taken.
        judged_by: the set whose images tell whether the run learned.
        accuracy, chance: on these images; chance is the share of their largest class.
        start, end: looks at the same training samples with the initial and the last weights.
        moved, size: |w - w_0| / |w_0| and |w| / |w_0| for the last weights w.
        first: the optimizer's first step; None if none moves a weight, or it cannot be taken again.
        common, last: the commonest class of the training samples, and of the last of them; with its share. With sample
            weights it is the class that has most of them, and its share of the weight.
        mean_weight: the mean sample weight, to which the weights of a look are brought; None if samples have none.
    """

    spec: RunSpec
    network: Network
    history: Sequence[Epoch]
    cause: Cause | None
    steps: int
    judged_by: JudgedBy
    accuracy: float
    chance: float
    start: Look
    end: Look
    moved: float
    size: float
    first: FirstStep | None
    common: tuple[str, float]
    last: tuple[str, float]
    mean_weight: float | None = None

    @property
    def weighted(self) -> bool:
        """Whether samples have weights."""
        return self.mean_weight is not None


def counted(split: Split, samples: Array) -> Array:
    """Return those of some samples that count in the loss: their weight is not 0."""
    weights = split.weights_of(samples)
    return samples if weights is None else samples[weights > 0]


def look(network: Network, weights: Array, split: Split, samples: Array, mean_weight: float = 1.0) -> Look:
    """Look at a network with flat weights, (n,), on some samples that count, in float64.

    Their sample weights are brought to a mean, that of an epoch: so the loss of a few samples can be compared with that
    of an epoch.
    """
    weights = weights.astype(np.float64)
    samples = samples[: rows_at_once(network.layers[0], SAMPLES)]
    samples = samples[: rows_at_once(network.layers[0], len(samples))]
    x, labels, each_weight = split.inputs(samples, np.float64), split.targets[samples], split.weights_of(samples)
    if each_weight is not None:
        each_weight = each_weight * (mean_weight / each_weight.mean())
    with np.errstate(all="ignore"):
        each, g = gradient(network, weights, x, labels, each_weight)
        trace = forward(network, weights, x)
        norms = np.array([np.linalg.norm(part) for part in network.layout.views(g)])
        blocked = tuple(map(_blocked, network.activations, trace.slopes))
        spreads = tuple(float(a.std(axis=0).mean()) for a in trace.activations)
    accuracy = float(np.average(predicted_classes(network, trace.logits) == labels, weights=each_weight))
    return Look(each, accuracy, commonest(labels, each_weight)[1], norms, blocked, spreads)


def _blocked(activation: Activation, slopes: Array) -> float:
    steepest = np.abs(activation.value_and_slope(np.linspace(-1.0, 1.0, 101))[1]).max()
    return float((np.abs(slopes) < _FLAT * steepest).mean())


def relative(vector: Array, to: Array) -> float:
    """Return |vector| / |to|, or |vector| if that is 0."""
    with np.errstate(all="ignore"):
        length, unit = (float(np.linalg.norm(each.astype(np.float64))) for each in (vector, to))
        return length / (unit or 1.0)


def first_step(network: Network, before: Array, after: Array, split: Split, batch: Array) -> FirstStep:
    """Compare a step from one flat vector of weights to another, (n,) each, with the gradient of its batch."""
    batch = batch[: rows_at_once(network.layers[0], SAMPLES)]
    given = split.inputs(batch, np.float64), split.targets[batch], split.weights_of(batch)
    with np.errstate(all="ignore"):
        each, g = gradient(network, before, *given)
        step = after - before
        cosine = float(step @ g / (np.linalg.norm(step) * np.linalg.norm(g)))
        shorter = (losses(network, before + step * 0.1**k, *given).sum() for k in range(_DECADES))
        falls = next((k for k, loss in enumerate(shorter) if loss < each.sum()), 0) if cosine < 0 else 0
    return FirstStep(relative(step, before), cosine, falls)


def take_first_step(
    engine: Engine, network: Network, split: Split, order: Array, size: int, hyper: Callable[[int], dict[str, float]]
) -> FirstStep | None:
    """Take an engine through the first steps of a run until one moves a weight; None if none does, or a step fails.

    `hyper` returns the hyper-parameters of a step, counted from 0.
    """
    before = engine.weights
    for number, low in enumerate(range(0, len(order), size)[:_FIRST_STEPS]):
        batch = order[low : low + min(size, _LARGEST_BATCH)]
        with suppress(RavineError):
            engine.train(split, batch, 0, len(batch), hyper(number), batch_size=len(batch))
        if not np.array_equal(before, engine.weights):
            return first_step(network, before, engine.weights, split, batch)
    return None


def commonest(labels: Sequence[int] | Array, weights: Array | None = None) -> tuple[int, float]:
    """Return the class that most labels have, and its share; with weights, the class that has most of these.

    >>> commonest([3, 1, 3, 3]), commonest([3, 1, 3, 3], np.array([1.0, 9.0, 1.0, 1.0]))
    ((3, 0.75), (1, 0.75))
    """
    counts = np.bincount(labels, weights)
    return int(counts.argmax()), float(counts.max() / counts.sum())

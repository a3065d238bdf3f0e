"""Measurements of a run that may not have learned: at its initial weights, at its first step and at its end.

Letters: b sample, l layer of weights; w_0 the initial weights, w_1 those after the first step that moves any, and g the
gradient at w_0 of that step's batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ravine.arrays import Array
from ravine.data import GivenInfo, Split, rows_at_once
from ravine.engines import Engine, Evaluation
from ravine.errors import RavineError
from ravine.formulas.activation import Activation
from ravine.networks import Network, forward, gradient, losses, weighted
from ravine.spec import RunSpec
from ravine.storage.record import Cause, Epoch
from ravine.training.baselines import Compared, brought_to, least_losses
from ravine.training.sizes import Columns

JudgedBy = Literal["validation", "test", "training"]
"""The set whose samples tell whether a run learned."""

Kind = Literal["classes", "flags", "numbers"]
"""What a run predicts. Classes and flags are judged by accuracy, numbers by R^2 and by the loss."""

SAMPLES = 200
"""The number of training samples on which a network is examined."""

_FIRST_STEPS = 5
"""The number of steps that an optimizer may take to fill its state before one moves a weight."""

_LARGEST_BATCH = 2000
"""More samples of a batch tell nothing more about the direction of a step."""

_FLAT = 0.01
"""A unit whose slope is below this share of the activation's steepest passes next to no gradient."""

_FIFTH = 0.2

_DECADES = 45
"""The number of powers of ten that float32 has."""


@dataclass(frozen=True)
class Look:
    """A network at some weights, on a few training samples.

    Attributes:
        losses: w_b L_b, (b,); L_b if samples have no weights.
        gradients: the norm of the gradient of each layer, (l,).
        blocked: for each hidden layer, the share of its outputs that pass next to no gradient.
        spreads: for the input and each hidden layer, the standard deviation over the samples, averaged over its units.
        least: the least mean loss that there is.
    """

    losses: Array
    gradients: Array
    blocked: tuple[float, ...]
    spreads: tuple[float, ...]
    least: float

    @property
    def loss(self) -> float:
        """The mean loss."""
        return float(self.losses.mean())

    @property
    def noise(self) -> float:
        """The standard error of the mean loss."""
        with np.errstate(all="ignore"):
            return float(self.losses.std() / np.sqrt(len(self.losses)))


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
        kind: what the run predicts.
        judged_by, judged_count: the set whose samples tell whether the run learned, and how many it has.
        score, chance: the accuracy on these samples, or R^2 of numbers, and that of the best constant answer.
        judged, trained: the loss of some of these samples, and of some that were trained on, with the last weights,
            beside the losses of constant outputs.
        zero_loss: the mean loss of outputs that are 0, on the same samples as `trained`.
        start, end: looks at the same training samples with the initial and the last weights.
        moved, size: |w - w_0| / |w_0| and |w| / |w_0| for the last weights w.
        first: the optimizer's first step; None if none moves a weight, or it cannot be taken again.
        common, last: the commonest class of the training samples, and of the last of them; with its share. Of flags and
            numbers the commonest targets, and from or up to where the last ones are in the highest or the lowest fifth
            of all. With sample weights the commonest is what has most of them, with its share of the weight.
        given: what is known of the data, if they were given.
        features: the columns of some inputs, if data were given.
        targets: the columns of some targets, if they are numbers.
        weighted: whether samples have weights.
    """

    spec: RunSpec
    network: Network
    history: Sequence[Epoch]
    cause: Cause | None
    steps: int
    kind: Kind
    judged_by: JudgedBy
    judged_count: int
    score: float
    chance: float
    judged: Compared
    trained: Compared
    zero_loss: float
    start: Look
    end: Look
    moved: float
    size: float
    first: FirstStep | None
    common: tuple[str, float]
    last: tuple[str, float]
    given: GivenInfo | None
    features: Columns | None
    targets: Columns | None
    weighted: bool = False


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
    x, labels = split.inputs(samples, np.float64), split.targets[samples]
    each_weight = brought_to(split, samples, mean_weight)
    with np.errstate(all="ignore"):
        each, g = gradient(network, weights, x, labels, each_weight)
        trace = forward(network, weights, x)
        norms = np.array([np.linalg.norm(part) for part in network.layout.views(g)])
        blocked = tuple(map(_blocked, network.activations, trace.slopes))
        spreads = tuple(float(a.std(axis=0).mean()) for a in trace.activations)
    least = weighted(least_losses(network, labels), each_weight)
    return Look(each, norms, blocked, spreads, float(least.mean()))


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


def kind_of(spec: RunSpec, judged: Evaluation) -> Kind:
    """Return what a run predicts."""
    if spec.targets == "classes":
        return "classes"
    return "numbers" if judged.accuracy is None else "flags"


def score_of(judged: Evaluation) -> float:
    """Return the accuracy of an evaluation, or R^2 of numbers; 0 if that is not finite, or not known."""
    score = judged.scores.r2 if judged.accuracy is None else judged.accuracy
    return score if score is not None and np.isfinite(score) else 0.0


def chance_of(kind: Kind, targets: Array) -> float:
    """Return the score of the best constant answer: the commonest class, each output's commonest flag, or the mean.

    >>> chance_of("flags", np.array([[0.0, 1.0], [0.0, 0.0], [0.0, 1.0], [0.0, 0.0]]))
    0.75
    """
    if kind == "classes":
        return commonest(targets)[1]
    ones = targets.mean(axis=0)
    return 0.0 if kind == "numbers" else float(np.maximum(ones, 1 - ones).mean())


def commonest_targets(split: Split, chosen: Any, few: Array) -> tuple[str, float]:
    """Return in words the targets that most of a few samples have, and their share of the chosen ones; of their weight.

    >>> commonest_targets(Split(np.ones((4, 1)), np.array([[2.0], [0.5], [2.0], [2.0]])), slice(None), np.arange(4))
    ('2', 0.75)
    """
    rows, at = np.unique(split.targets[few], axis=0, return_inverse=True)
    row = rows[np.bincount(at.ravel(), split.weights_of(few)).argmax()]
    words = [f"{number:.4g}" for number in row[:4]] + (["..."] if len(row) > 4 else [])
    alike = (split.targets[chosen] == row).all(axis=1)
    weights = split.weights_of(chosen)
    return ", ".join(words), float(alike.mean() if weights is None else weights[alike].sum() / weights.sum())


def last_targets(targets: Array, last: Array) -> tuple[str, float]:
    """Return where the highest or the lowest fifth of targets, (b, o), begins, and how many of the last are there.

    It is the fifth, of any output, that has the largest share of the last targets, (c, o). A fifth of equal targets,
    as others have too, is none.

    >>> last_targets(np.arange(100.0)[:, None], np.arange(90.0, 100.0)[:, None])
    ('79.2 or more', 1.0)
    """
    found = ("", 0.0)
    for side, words in ((1, "more"), (-1, "less")):
        with np.errstate(all="ignore"):
            ends = np.quantile(side * targets, 1 - _FIFTH, axis=0)
        few = (side * targets >= ends).mean(axis=0) <= 2 * _FIFTH
        shares = np.where(few, (side * last >= ends).mean(axis=0), 0.0)
        output = int(shares.argmax())
        where = f" in output {output}" if targets.shape[1] > 1 else ""
        seen = f"{side * ends[output]:.3g} or {words}{where}"
        found = max(found, (seen, float(shares[output])), key=lambda one: one[1])
    return found

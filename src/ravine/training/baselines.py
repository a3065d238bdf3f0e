"""Losses to compare a run's with: of outputs that are 0, of the best constant outputs, and the least that there are.

The best constant outputs are those, the same for every sample, with the lowest mean loss: of squared errors the means
of the targets, of absolute errors their medians, of Poisson's loss the logarithms of their means. Whatever the loss,
its author's own too, they are searched for.

Letters: b sample, o output, c candidate.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ravine.arrays import Array
from ravine.data import Split, rows_at_once
from ravine.losses.cross_entropy import least_cross_entropy
from ravine.networks import Network, losses, output_losses, target_rows, weighted

_MOST, _FEWEST = 1000, 100
"""The number of samples that are looked at: the fewer, the more numbers each has."""

_INPUTS, _TARGETS = 1 << 25, 200_000
"""The numbers that are looked at, if those of the fewest samples are not more."""

_CANDIDATES = np.concatenate([-np.geomspace(1e9, 1e-3, 25), [0.0], np.geomspace(1e-3, 1e9, 25)])
"""Outputs of all sizes, (c,), near one of which is the best."""

_NARROWER = 45
"""How often the best output is enclosed more narrowly, each time by the golden section."""

_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class Compared:
    """The losses of a network on some samples, beside those of constant outputs; each (b,).

    Attributes:
        losses: those of the network.
        constant: those of the constant outputs that are the best for these samples.
        least: the least that a sample can have.
    """

    losses: Array
    constant: Array
    least: Array

    @property
    def skill(self) -> float:
        """How far the mean loss is on its way from that of the best constant outputs, 0, to the least one, 1.

        Of squared errors of one output this is R^2. It is negative if constant outputs are better, and nan or -inf if
        they cannot be bettered.
        """
        with np.errstate(all="ignore"):
            own, constant = self.losses - self.least, self.constant - self.least
            return float(1 - own.mean() / constant.mean())

    @property
    def noise(self) -> float:
        """The standard error of `skill`, that of a ratio of means.

        It is at most 1/2 over the root of the number of samples, about what it is for R^2 of 1/16. A network that is
        far worse than constant outputs has a larger one, which is no sign that it may be better.
        """
        with np.errstate(all="ignore"):
            own, constant = self.losses - self.least, self.constant - self.least
            one = (own - own.mean() / constant.mean() * constant).std() / constant.mean()
            return float(min(0.5, one) / np.sqrt(len(own)))


def compare(
    network: Network, weights: Array, split: Split, samples: Array, sample_weights: Array | None = None
) -> Compared:
    """Compare a network with flat weights, (n,), on some samples with constant outputs, in float64.

    With sample weights, (b,), all losses are multiplied by them, and the constant outputs are the best for these.
    """
    weights, targets = weights.astype(np.float64), split.targets[samples]
    chunk = rows_at_once(network.layers[0], len(samples))
    parts = [samples[low : low + chunk] for low in range(0, len(samples), chunk)]
    with np.errstate(all="ignore"):
        each = [losses(network, weights, split.inputs(part, np.float64), split.targets[part]) for part in parts]
    found = (
        np.concatenate(each),
        constant_losses(network, targets, sample_weights),
        least_losses(network, targets),
    )
    return Compared(*(weighted(one, sample_weights) for one in found))


def brought_to(split: Split, samples: Array, mean: float = 1.0) -> Array | None:
    """Return the weights of some samples, (b,), brought to a mean; None if samples have none."""
    weights = split.weights_of(samples)
    return None if weights is None else weights * (mean / weights.mean())


def some(count: int, network: Network) -> Array:
    """Return the numbers of some of `count` samples, ascending: enough of them, and not too many for a network.

    >>> [len(some(10**6, Network(layers, loss="hinge"))) for layers in ((9, 1), (9, 500), (10**6, 1))]
    [1000, 400, 100]
    """
    inputs, outputs = network.layers[0], network.layers[-1]
    most = min(_MOST, max(_FEWEST, min(_INPUTS // inputs, _TARGETS // outputs)))
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, most, replace=False))


def zero_loss(network: Network, targets: Array, sample_weights: Array | None = None) -> float:
    """Return the mean loss of outputs that are all 0; it is ln K with cross-entropy.

    >>> zero_loss(Network((2, 1), loss="squared-error"), np.array([[2.0], [4.0]]))
    10.0
    """
    outputs = network.layers[-1]
    if network.objective.formula is None:
        return math.log(outputs) * (1.0 if sample_weights is None else float(sample_weights.mean()))
    zeros = output_losses(network, np.zeros((len(targets), outputs)), targets)
    return float(weighted(zeros, sample_weights).mean())


def constant_losses(network: Network, targets: Array, sample_weights: Array | None = None) -> Array:
    """Return each sample's loss, (b,), at the constant outputs that are the best for these samples.

    With sample weights of mean 1, (b,), these are the constant outputs of lowest weighted loss.

    >>> constant_losses(Network((2, 1), loss="squared-error"), np.array([[1.0], [3.0]])).round(6).tolist()
    [1.0, 1.0]
    """
    outputs, shape = network.layers[-1], (len(targets), network.layers[-1])
    if network.objective.formula is None:
        s = network.label_smoothing
        shares = (1 - s) * np.bincount(targets, sample_weights, outputs) / len(targets) + s / outputs
        with np.errstate(divide="ignore"):
            best: Array = np.log(shares)
    else:
        best = _best(network, target_rows(targets, outputs, np.dtype(np.float64)), sample_weights)
    return output_losses(network, np.broadcast_to(best, shape), targets)


def least_losses(network: Network, targets: Array) -> Array:
    """Return the least loss, (b,), that each sample can have.

    >>> least_losses(Network((2, 1), loss="poisson"), np.array([[np.e]])).round(6).tolist()  # e^z - e z at z = 1
    [0.0]
    """
    outputs = network.layers[-1]
    if network.objective.formula is None:
        return np.full(len(targets), least_cross_entropy(outputs, network.label_smoothing))
    y = target_rows(targets, outputs, np.dtype(np.float64)).reshape(1, -1)
    return output_losses(network, _best(network, y).reshape(len(targets), outputs), targets)


def _best(network: Network, y: Array, sample_weights: Array | None = None) -> Array:
    """Return the outputs, (o,), of lowest mean loss for targets y, (b, o), with sample weights, (b,)."""
    formula = network.objective.formula
    assert formula is not None

    def loss_at(z: Array) -> Array:
        mean = weighted(formula(np.broadcast_to(z, y.shape), y)[0], sample_weights).mean(axis=0)
        found: Array = np.where(np.isnan(mean), np.inf, mean)
        return found

    with np.errstate(all="ignore"):
        quantiles = np.quantile(y, [0, 0.25, 0.5, 0.75, 1], axis=0) if len(y) > 1 else y
        common = np.broadcast_to(_CANDIDATES[:, None], (len(_CANDIDATES), y.shape[1]))
        return _lowest(loss_at, np.sort(np.concatenate([common, quantiles]), axis=0))


def _lowest(loss_at: Callable[[Array], Array], candidates: Array) -> Array:
    """Return where the loss of each output is lowest, (o,), near the best of candidates, (c, o), which ascend."""
    columns = np.arange(candidates.shape[1])
    at = np.array([loss_at(z) for z in candidates]).argmin(axis=0)
    best = candidates[at, columns]
    low = candidates[np.maximum(at - 1, 0), columns]
    high = candidates[np.minimum(at + 1, len(candidates) - 1), columns]
    for _ in range(_NARROWER):
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        lower = loss_at(left) < loss_at(right)
        low, high = np.where(lower, low, left), np.where(lower, right, high)
    middle = (low + high) / 2
    found: Array = np.where(loss_at(middle) < loss_at(best), middle, best)
    return found

"""The change of the loss when one weight is moved, for very many weights, without running the network for each.

Moving the weight from unit i to unit o of layer l changes one pre-activation per sample, z_bo by step * a_bi, and
leaves everything before it, and everything beside it, as it is. So only what follows from z_bo is computed again: for
the next layer one row of weights times one changed activation, and after that whole layers, for a block of weights at a
time, as matrix products.

Samples whose a_bi is zero, or whose unit o is switched off before and after, are left out: their loss does not change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ravine.arrays import Array
from ravine.losses.cross_entropy import cross_entropy
from ravine.networks import Network, Trace, forward

_BLOCK = 8192
"""Pairs of weight and sample that are worked on together; bounds memory to some tens of megabytes."""


@dataclass(frozen=True)
class NetworkPoint:
    """A network at its weights, on a batch: where gradients are taken.

    Attributes:
        weights: flat, shape (n,), of any float or complex dtype.
        x, labels: the batch, (b, i) in the dtype of the weights and (b,) integers.
    """

    network: Network
    weights: Array
    x: Array
    labels: Array

    def losses(self) -> Array:
        """Return each sample's loss, (b,)."""
        return cross_entropy(forward(self.network, self.weights, self.x).logits, self.labels, self.network.softmax)


@dataclass(frozen=True)
class Moved:
    """The answer for each of k moved weights.

    Attributes:
        change: f(w + step e_k) - f(w) for the mean loss f over the batch, shape (k,).
        crossed: whether some unit of some sample changed sides of its kink on the way, shape (k,).
    """

    change: Array
    crossed: Array


def taken(point: NetworkPoint, indices: Array, step: complex) -> Array:
    """Return by how much weights really move, fl(w + step) - w, (k,): 0 where the step is lost in the weight."""
    weights = point.weights[indices]
    distance: Array = (weights + step) - weights
    return distance


def moved(point: NetworkPoint, indices: Array, step: complex, progress: Callable[[int], None] | None = None) -> Moved:
    """Move each weight of `indices` (k,), one at a time, by `step`, and return how the loss changes.

    Rounding may change the step that a weight really takes; see `taken`.
    """
    network, weights = point.network, point.weights
    trace = forward(network, weights, point.x)
    outputs = pre_activations(point, trace)
    base = cross_entropy(trace.logits, point.labels, network.softmax)
    distance = taken(point, indices, step)
    change = np.zeros(len(indices), weights.dtype)
    crossed = np.zeros(len(indices), bool)
    ends = np.cumsum([0, *(rows * columns for rows, columns in network.layout.shapes)])
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        for layer, (rows, columns) in enumerate(network.layout.shapes):
            here = np.flatnonzero((indices >= ends[layer]) & (indices < ends[layer + 1]))
            i, o = np.divmod(indices[here] - ends[layer], columns)
            inputs = trace.activations[layer]
            if network.bias:
                inputs = np.concatenate([inputs, np.ones_like(inputs[:, :1])], axis=1)
            assert inputs.shape[1] == rows
            for sample in range(len(point.labels)):
                for block in _blocks(len(here)):
                    by = distance[here[block]] * inputs[sample, i[block]]
                    part, kinks = _follow(point, outputs, layer, sample, o[block], by)
                    where = here[block]
                    change[where] += np.where(by == 0, 0, part - base[sample]) / len(base)
                    crossed[where] |= kinks & (by != 0)
                    if progress is not None:
                        progress(len(where))
    return Moved(change, crossed)


def _blocks(count: int) -> Iterator[slice]:
    return (slice(low, min(low + _BLOCK, count)) for low in range(0, count, _BLOCK))


def pre_activations(point: NetworkPoint, trace: Trace) -> list[Array]:
    """Return z^1 .. z^L of a forward pass, each (b, n_l)."""
    matrices = point.network.layout.views(point.weights)[:-1]
    hidden = [
        a @ matrix[: a.shape[1]] + (matrix[-1] if point.network.bias else 0)
        for a, matrix in zip(trace.activations, matrices, strict=False)
    ]
    return [*hidden, trace.logits]


def _follow(
    point: NetworkPoint, outputs: list[Array], layer: int, sample: int, o: Array, by: Array
) -> tuple[Array, Array]:
    """Return the loss of one sample, and whether a kink was crossed, when unit o[k] of `layer` is moved by by[k]."""
    network, label = point.network, point.labels[sample]
    matrices = network.layout.views(point.weights)
    z = outputs[layer][sample]
    if layer == len(matrices) - 1:
        logits = np.tile(z, (len(o), 1))
        logits[np.arange(len(o)), o] += by
        return cross_entropy(logits, np.full(len(o), label), network.softmax), np.zeros(len(o), bool)
    f, before, after = network.activations[layer], z[o], z[o] + by
    shift = f.value(after) - f.value(before)
    crossed = f.side(before) != f.side(after)
    live = np.flatnonzero(shift)
    loss = np.full(len(o), _loss(outputs[-1][sample], label, network.softmax), point.weights.dtype)
    z = outputs[layer + 1][sample] + shift[live, None] * matrices[layer + 1][o[live]]
    for deeper in range(layer + 1, len(matrices) - 1):
        f = network.activations[deeper]
        crossed[live] |= (f.side(z) != f.side(outputs[deeper][sample])).any(axis=1)
        a = f.value(z)
        matrix = matrices[deeper + 1]
        z = a @ matrix[: a.shape[1]]
        if network.bias:
            z += matrix[-1]
    loss[live] = cross_entropy(z, np.full(len(live), label), network.softmax)
    return loss, crossed


def _loss(logits: Array, label: int, softmax: str) -> Array:
    loss: Array = cross_entropy(logits[None], np.array([label]), softmax)[0]
    return loss


def moved_plainly(point: NetworkPoint, indices: Array, step: complex) -> Moved:
    """Compute the same as `moved` with one run of the whole network per weight: slow; tests compare the two."""
    base = point.losses()
    sides = _sides(point)
    change = np.zeros(len(indices), point.weights.dtype)
    crossed = np.zeros(len(indices), bool)
    for k, index in enumerate(indices):
        weights = point.weights.copy()
        weights[index] += step
        there = NetworkPoint(point.network, weights, point.x, point.labels)
        change[k] = (there.losses() - base).mean()
        crossed[k] = any((a != b).any() for a, b in zip(_sides(there), sides, strict=True))
    return Moved(change, crossed)


def _sides(point: NetworkPoint) -> list[Array]:
    trace = forward(point.network, point.weights, point.x)
    sums = pre_activations(point, trace)
    return [f.side(z) for f, z in zip(point.network.activations, sums, strict=False)]

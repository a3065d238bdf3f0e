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
from ravine.networks import Network, Trace, forward, output_losses, target_rows

_BLOCK = 8192
"""Pairs of weight and sample that are worked on together; bounds memory to some tens of megabytes."""


@dataclass(frozen=True)
class NetworkPoint:
    """A network at its weights, on a batch: where gradients are taken.

    Attributes:
        weights: flat, shape (n,), of any float or complex dtype.
        x, targets: the batch, (b, i) in the dtype of the weights, and classes, (b,), or numbers, (b, o).
    """

    network: Network
    weights: Array
    x: Array
    targets: Array

    def losses(self) -> Array:
        """Return each sample's loss, (b,)."""
        return output_losses(self.network, forward(self.network, self.weights, self.x).logits, self.targets)

    def connected_rows(self) -> Array:
        """Tell which rows of the first layer have an input that is not 0 in all samples, (rows,) booleans.

        Only their weights can change the loss. The data alone decide, whatever a gradient says.
        """
        used = np.ones(self.network.layout.shapes[0][0], bool)  # the row of the biases among them
        used[: self.x.shape[1]] = self.x.any(axis=0)
        return used


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
    base = output_losses(network, trace.logits, point.targets)
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
            for sample in range(len(point.targets)):
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
    network, target = point.network, point.targets[sample]
    matrices = network.layout.views(point.weights)
    z = outputs[layer][sample]
    if layer == len(matrices) - 1:
        logits = np.tile(z, (len(o), 1))
        logits[np.arange(len(o)), o] += by
        return _losses(network, logits, target), _crossed(network, logits, z, target)
    f, before, after = network.activations[layer], z[o], z[o] + by
    shift = f.value(after) - f.value(before)
    crossed = f.side(before) != f.side(after)
    live = np.flatnonzero(shift)
    loss = np.full(len(o), _losses(network, outputs[-1][sample][None], target)[0], point.weights.dtype)
    z = outputs[layer + 1][sample] + shift[live, None] * matrices[layer + 1][o[live]]
    for deeper in range(layer + 1, len(matrices) - 1):
        f = network.activations[deeper]
        crossed[live] |= (f.side(z) != f.side(outputs[deeper][sample])).any(axis=1)
        a = f.value(z)
        matrix = matrices[deeper + 1]
        z = a @ matrix[: a.shape[1]]
        if network.bias:
            z += matrix[-1]
    loss[live] = _losses(network, z, target)
    crossed[live] |= _crossed(network, z, outputs[-1][sample], target)
    return loss, crossed


def _losses(network: Network, logits: Array, target: Array) -> Array:
    """Return the losses of several outputs, (k, o), for the target of one sample."""
    return output_losses(network, logits, np.broadcast_to(target, (len(logits), *np.shape(target))))


def _crossed(network: Network, logits: Array, before: Array, target: Array) -> Array:
    """Tell of several outputs, (k, o), whether the loss of one of them changes sides of a kink, (k,)."""
    if not network.objective.kinks:
        return np.zeros(len(logits), bool)
    y = target_rows(np.asarray(target)[None], logits.shape[-1], np.dtype(float))
    crossed: Array = (network.objective.side(logits, y) != network.objective.side(before[None], y)).any(axis=1)
    return crossed


def moved_plainly(point: NetworkPoint, indices: Array, step: complex) -> Moved:
    """Compute the same as `moved` with one run of the whole network per weight: slow; tests compare the two."""
    base = point.losses()
    sides = _sides(point)
    change = np.zeros(len(indices), point.weights.dtype)
    crossed = np.zeros(len(indices), bool)
    for k, index in enumerate(indices):
        weights = point.weights.copy()
        weights[index] += step
        there = NetworkPoint(point.network, weights, point.x, point.targets)
        change[k] = (there.losses() - base).mean()
        crossed[k] = any((a != b).any() for a, b in zip(_sides(there), sides, strict=True))
    return Moved(change, crossed)


def _sides(point: NetworkPoint) -> list[Array]:
    trace = forward(point.network, point.weights, point.x)
    sums = pre_activations(point, trace)
    sides = [f.side(z) for f, z in zip(point.network.activations, sums, strict=False)]
    if not point.network.objective.kinks:
        return sides
    y = target_rows(point.targets, trace.logits.shape[-1], np.dtype(float))
    return [*sides, point.network.objective.side(trace.logits, y)]

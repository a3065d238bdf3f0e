"""Wrong gradients: each error that people make, planted in one layer of the right gradient."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ravine.arrays import Array
from ravine.gradients import NetworkPoint
from ravine.losses.cross_entropy import output_delta
from ravine.networks import forward, gradient

Plant = Callable[[NetworkPoint, int], Array]


def right(point: NetworkPoint) -> Array:
    return gradient(point.network, point.weights, point.x, point.labels)[1]


def _in_layer(change: Callable[[NetworkPoint, Array], Array]) -> Plant:
    """Make a plant that changes one layer's matrix of the right gradient."""

    def plant(point: NetworkPoint, layer: int) -> Array:
        wrong = right(point)
        matrix = point.network.layout.views(wrong)[layer]
        matrix[...] = change(point, matrix.copy())
        return wrong

    return plant


def _backpropagated(point: NetworkPoint, layer: int, *, gate: bool = True, transposed: bool = False) -> Array:
    """Backpropagate anew, without the gate behind hidden layer `layer`, or with its weights reshaped."""
    network, m = point.network, len(point.labels)
    trace = forward(network, point.weights, point.x)
    wrong = np.empty_like(point.weights)
    parts, matrices = network.layout.views(wrong), network.layout.views(point.weights)
    delta = output_delta(trace.logits, point.labels, network.softmax) / m
    for l in reversed(range(len(matrices))):
        inputs = network.layers[l]
        parts[l][:inputs] = trace.activations[l].T @ delta
        if network.bias:
            parts[l][inputs] = delta.sum(axis=0)
        weights = matrices[l][:inputs]
        delta = delta @ (weights.reshape(weights.shape[::-1]) if transposed and l == layer else weights.T)
        if l > 0 and not (l == layer and not gate):
            delta = delta * trace.slopes[l - 1]
    return wrong


def forgotten_gate(point: NetworkPoint, layer: int) -> Array:
    """Forget the gate at the output of `layer`, counted from 0, so that this layer and those before it are wrong."""
    return _backpropagated(point, layer + 1, gate=False)


def transposed_weights(point: NetworkPoint, layer: int) -> Array:
    """Pass the errors back through layer `layer + 1` with its weights not transposed but only reshaped."""
    return _backpropagated(point, layer + 1, transposed=True)


IN_ONE_LAYER: dict[str, Plant] = {
    "sign": _in_layer(lambda point, g: -g),
    "factor": _in_layer(lambda point, g: g * g.dtype.type(1.001)),
    "transposed": _in_layer(lambda point, g: g.T.reshape(g.shape)),
    "row": _in_layer(lambda point, g: np.roll(g, 1, axis=0)),
    "missing 1/m": _in_layer(lambda point, g: g * len(point.labels)),
}
"""Errors on any layer: the gradient of that layer alone is wrong. "missing 1/m" needs a batch of two or more."""

ON_THE_WAY_BACK: dict[str, Plant] = {"gate": forgotten_gate, "weights": transposed_weights}
"""Errors in the back-propagation out of any hidden layer: the gradients of it and of all before it are wrong."""

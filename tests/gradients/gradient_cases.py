"""What the tests of gradients share: small networks of every kind, each with a batch, as points."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from ravine.arrays import Array
from ravine.formulas.shelves import ACTIVATIONS, LOSSES
from ravine.gradients import NetworkPoint
from ravine.losses.cross_entropy import SOFTMAX_FORMS
from ravine.networks import Network, gradient, initial_weights

LAYERS = {1: (6, 4), 2: (6, 5, 4), 3: (6, 5, 4, 4), 4: (6, 5, 4, 4, 3)}
FOUR = ("relu", "leaky-relu", "tanh", "sigmoid")
KINDS = [
    {"activation": activation, "bias": bias, "softmax": softmax}
    for activation, bias, softmax in product(ACTIVATIONS, (False, True), SOFTMAX_FORMS)
    if activation in FOUR or (bias and softmax == "shifted")
]
"""Every activation; four of them, two with a kink and two without, with everything else that a network may have."""


def kind_name(kind: dict[str, Any]) -> str:
    return f"{kind['activation']}-{'bias' if kind['bias'] else 'plain'}-{kind['softmax']}"


def make_point(
    layers: tuple[int, ...] = LAYERS[3], *, batch: int = 3, seed: int = 1, dtype: str = "float64", **kind: Any
) -> NetworkPoint:
    """Return a network at random weights, biases among them, and a batch whose inputs are zero now and then."""
    network = Network(layers, **kind)
    rng = np.random.default_rng(seed)
    weights = initial_weights(network, "he-normal", rng)
    weights += rng.normal(0, 0.1, weights.shape)
    x = rng.random((batch, layers[0])) * (rng.random((batch, layers[0])) < 0.7)
    return NetworkPoint(network, weights.astype(dtype), x.astype(dtype), rng.integers(0, layers[-1], batch))


def loss_point(
    loss: str,
    activation: str = "tanh",
    bias: bool = True,
    *,
    layers: tuple[int, ...] = (3, 3, 3, 2),
    seed: int = 2,
    **kind: Any,
) -> NetworkPoint:
    """Return a point with number targets that a loss of single outputs takes; with cross-entropy they are classes."""
    point = make_point(layers, loss=loss, activation=activation, bias=bias, seed=seed, **kind)
    if LOSSES[loss].formula is None:
        return point
    rng = np.random.default_rng(3)
    shape = (len(point.x), layers[-1])
    y = {
        "{0, 1}": rng.integers(0, 2, shape).astype(float),
        "[0, 1]": rng.random(shape),
        "[0, inf)": rng.poisson(2, shape).astype(float),
    }
    return replace(point, targets=y.get(LOSSES[loss].targets, rng.normal(0, 1, shape)))


def trained(point: NetworkPoint, steps: int = 300, lr: float = 0.5) -> NetworkPoint:
    """Return the point after gradient descent on its own batch, where the loss is small."""
    network, x = point.network, point.x.astype(float)
    weights = point.weights.astype(float)
    for _ in range(steps):
        weights = weights - lr * gradient(network, weights, x, point.targets)[1]
    return NetworkPoint(network, weights.astype(point.weights.dtype), point.x, point.targets)


def everything(point: NetworkPoint) -> Array:
    """Return the numbers of all weights."""
    return np.arange(point.network.layout.size)


def kinked(activation: str = "relu") -> NetworkPoint:
    """Return a network whose first hidden unit is at its kink, z = 1 * 0.5 - 1 * 0.5 = 0, and whose second is not."""
    network = Network((2, 2, 2), activation)
    weights = np.array([0.5, 0.3, -0.5, 0.4, 1.0, -1.0, 0.7, 0.2])
    return NetworkPoint(network, weights, np.ones((1, 2)), np.array([0]))

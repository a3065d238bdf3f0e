"""Forward pass, loss and analytic gradient, by hand-written backpropagation in NumPy.

Letters: b sample of the batch, i input of a layer, o output of a layer, l layer, n weight. For a batch x of shape
(b, n_0) with a^0 = x,

    z^(l+1)_bo = sum_i a^l_bi W^l_io (+ W^l_bias,o)         l = 0 .. L-1
    a^l        = f_l(z^l)                                   l = 1 .. L-1
    L_b        = -sum_o t_bo log P_bo, P = softmax(z^L), with cross-entropy, where t_bo is [o = y_b], or with label
                 smoothing s (1 - s) [o = y_b] + s / n_L, or
    L_b        = mean_o l(z^L_bo, y_bo) with a loss l of single outputs, of which there are n_L,

and for the mean loss over the batch of size m, with delta^l = dL/dz^l,

    delta^L_bo = (P_bo - t_bo) / m, or l'(z^L_bo, y_bo) / (n_L m)             (`output_deltas`)
    dL/dW^l_io = sum_b a^l_bi delta^(l+1)_bo                (bias row: sum_b delta^(l+1)_bo)
    delta^l_bi = f_l'(z^l_bi) sum_o W^l_io delta^(l+1)_bo

With sample weights w_b, the loss of a sample is w_b L_b in place of L_b. The mean is still that over m samples.

Every function works in the dtype that it is given: float32, float64, longdouble, complex128.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ravine.arrays import Array
from ravine.networks.network import Network
from ravine.networks.outputs import output_deltas, output_losses, weighted


@dataclass(frozen=True)
class Trace:
    """The results of a forward pass.

    Attributes:
        activations: a^0 .. a^(L-1), each (b, n_l).
        slopes: f_l'(z^l) for l = 1 .. L-1, each (b, n_l).
        logits: z^L, (b, n_L).
    """

    activations: tuple[Array, ...]
    slopes: tuple[Array, ...]
    logits: Array


def forward(network: Network, weights: Array, x: Array) -> Trace:
    """Run the batch `x` of shape (b, n_0) through the network with flat `weights` of shape (n,)."""
    activations, slopes = [x], []
    matrices = network.layout.views(weights)
    # A diverging run overflows here; its loss then says so, and no warning is needed.
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        for f, matrix in zip(network.activations, matrices, strict=False):
            a, slope = f.value_and_slope(_affine(network, activations[-1], matrix))
            activations.append(a)
            slopes.append(slope)
        return Trace(tuple(activations), tuple(slopes), _affine(network, activations[-1], matrices[-1]))


def _affine(network: Network, a: Array, matrix: Array) -> Array:
    return a @ matrix[:-1] + matrix[-1] if network.bias else a @ matrix


def losses(network: Network, weights: Array, x: Array, targets: Array, sample_weights: Array | None = None) -> Array:
    """Return each sample's loss L_b, shape (b,); with sample weights, (b,), w_b L_b."""
    return weighted(output_losses(network, forward(network, weights, x).logits, targets), sample_weights)


def gradient(
    network: Network, weights: Array, x: Array, targets: Array, sample_weights: Array | None = None
) -> tuple[Array, Array]:
    """Return each sample's loss, shape (b,), and the gradient of their mean, shape (n,), in the dtype of `weights`.

    With sample weights, (b,), the loss of a sample is w_b L_b.

    >>> network = Network((2, 2))
    >>> loss, g = gradient(network, np.zeros(4), np.array([[1.0, 0.0]]), np.array([0]))
    >>> g.tolist()
    [-0.5, 0.5, 0.0, 0.0]
    """
    trace = forward(network, weights, x)
    matrices = network.layout.views(weights)
    flat = np.empty_like(weights)
    parts = network.layout.views(flat)
    m = len(targets)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        delta = weighted(output_deltas(network, trace.logits, targets), sample_weights) / m
        for layer in reversed(range(len(matrices))):
            a, inputs = trace.activations[layer], network.layers[layer]
            np.matmul(a.T, delta, out=parts[layer][:inputs])
            if network.bias:
                parts[layer][inputs] = delta.sum(axis=0)
            if layer > 0:
                delta = (delta @ matrices[layer][:inputs].T) * trace.slopes[layer - 1]
    return weighted(output_losses(network, trace.logits, targets), sample_weights), flat

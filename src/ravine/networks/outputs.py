"""The loss of a network's outputs: each sample's, and its derivatives.

Letters: b sample, o output. Targets are classes, (b,) whole numbers, or numbers, (b, o) or (b,). A loss of single
outputs takes classes as rows of zeros with a 1 for the class; a network of one output takes them as they are, 0 or 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.arrays import Array
from ravine.losses.cross_entropy import cross_entropy, output_delta
from ravine.networks.network import Network


def output_losses(network: Network, z: Array, targets: Array) -> Array:
    """Return each sample's loss, (b,), for outputs z, (b, o), of any float or complex dtype."""
    if network.objective.formula is None:
        return cross_entropy(z, targets, network.softmax, network.label_smoothing)
    return network.objective.of_outputs(z, target_rows(targets, z.shape[-1], z.real.dtype))[0]


def output_deltas(network: Network, z: Array, targets: Array) -> Array:
    """Return dL_b/dz_bo, (b, o)."""
    if network.objective.formula is None:
        return output_delta(z, targets, network.softmax, network.label_smoothing)
    return network.objective.of_outputs(z, target_rows(targets, z.shape[-1], z.real.dtype))[1]


def weighted(values: Array, sample_weights: Array | None) -> Array:
    """Return losses, (b,), or their derivatives, (b, o), times the weight of each sample, (b,), if there are weights.

    A weight of 0 makes 0 even of nan.

    >>> weighted(np.array([[1.0, 2.0], [np.nan, 3.0]]), np.array([0.5, 0.0])).tolist()
    [[0.5, 1.0], [0.0, 0.0]]
    """
    if sample_weights is None:
        return values
    w = sample_weights.astype(values.real.dtype).reshape(-1, *[1] * (values.ndim - 1))
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        product: Array = np.multiply(values, w, out=np.zeros_like(values), where=w != 0)
        return product


def target_rows(targets: Array, outputs: int, dtype: np.dtype[Any]) -> Array:
    """Return targets as rows of numbers, (b, o).

    >>> target_rows(np.array([2, 0]), 3, np.dtype(float)).tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    if targets.ndim == 1 and targets.dtype.kind in "iu" and outputs > 1:
        targets = targets[:, None] == np.arange(outputs)
    rows: Array = targets.astype(dtype).reshape(len(targets), outputs)
    return rows


def are_classes(targets: Array) -> bool:
    """Tell whether targets are classes, and not numbers."""
    return targets.ndim == 1 and targets.dtype.kind in "iu"


def predicted_classes(network: Network, z: Array) -> Array:
    """Return the class that outputs predict, (b,) int64: that of the largest.

    A network of one output predicts, with a loss of single outputs, class 1 where its predicted target is above 1/2.
    With cross-entropy one output stands for one class, which is always predicted.
    """
    if z.shape[-1] > 1 or network.objective.formula is None:
        classes: Array = z.argmax(axis=-1)
        return classes
    return (network.objective.predicted(z.astype(float))[..., 0] > 0.5).astype(np.int64)

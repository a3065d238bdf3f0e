"""Lists of arrays, as optimizers see a network's weights: each layer's matrix, followed by its bias."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ravine.arrays import Array


def in_layers(arrays: Sequence[Array]) -> list[list[Array]]:
    """Group arrays by layer: a matrix begins one, and its bias may follow.

    >>> [len(layer) for layer in in_layers([np.zeros((3, 2)), np.zeros(2), np.zeros((2, 1))])]
    [2, 1]
    """
    layers: list[list[Array]] = []
    for array in arrays:
        if array.ndim > 1 or not layers:
            layers.append([])
        layers[-1].append(array)
    return layers


def flattened(arrays: Sequence[Array]) -> Array:
    """Return all numbers of some arrays as one vector, a copy."""
    return np.concatenate([array.ravel() for array in arrays])


def joined(arrays: Sequence[Array]) -> Array:
    """Return all numbers of some arrays as one vector to read, a view if it is one array."""
    return arrays[0].ravel() if len(arrays) == 1 else flattened(arrays)


def read_only(arrays: Iterable[Array]) -> list[Array]:
    """Return views of arrays that a user's function can read and not change."""
    views = [array.view() for array in arrays]
    for view in views:
        view.flags.writeable = False
    return views


def shaped(vector: Array, like: Sequence[Array]) -> list[Array]:
    """Cut a vector that `flattened` made into arrays of the same shapes as before.

    >>> [part.tolist() for part in shaped(np.arange(3), [np.zeros((1, 2)), np.zeros(1)])]
    [[[0, 1]], [2]]
    """
    parts, first = [], 0
    for array in like:
        parts.append(vector[first : first + array.size].reshape(array.shape))
        first += array.size
    return parts


def norms(layers: Sequence[Sequence[Array]]) -> tuple[Any, list[Any]]:
    """Return the Euclidean norm of all numbers, and those of each layer, which has one or more arrays.

    They are added up in double precision or better, and have the dtype of the arrays.

    >>> norm, of_layers = norms([[np.array([3.0])], [np.array([0.0, 4.0]), np.array([12.0])]])
    >>> float(norm), [round(float(each), 3) for each in of_layers]
    (13.0, [3.0, 12.649])
    """
    dtype = layers[0][0].dtype
    precise = np.result_type(dtype, np.float64)
    with np.errstate(all="ignore"):
        squares = [np.square(joined(layer), dtype=precise).sum() for layer in layers]
        return dtype.type(np.sqrt(sum(squares))), [dtype.type(np.sqrt(square)) for square in squares]

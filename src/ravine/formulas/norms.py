"""The norms of a gradient that a rule or a stage may ask for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ravine.arrays import Array


def gradient_norms(layers: Sequence[Sequence[Array]]) -> tuple[Any, list[Any]]:
    """Return the Euclidean norm of a gradient and those of its layers, each of one or more arrays.

    They are added up in double precision or better, and have the dtype of the gradient.

    >>> norm, of_layers = gradient_norms([[np.array([3.0])], [np.array([0.0, 4.0]), np.array([12.0])]])
    >>> float(norm), [round(float(each), 3) for each in of_layers]
    (13.0, [3.0, 12.649])
    """
    dtype = layers[0][0].dtype
    precise = np.result_type(dtype, np.float64)
    squares = [sum(np.square(part, dtype=precise).sum() for part in layer) for layer in layers]
    return dtype.type(np.sqrt(sum(squares))), [dtype.type(np.sqrt(square)) for square in squares]

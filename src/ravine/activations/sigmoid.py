"""The logistic function."""

from __future__ import annotations

import numpy as np

from ravine.formulas.activation import activation
from ravine.formulas.pointwise import Number


@activation
def sigmoid(z: Number) -> tuple[Number, Number]:
    """f(z) = 1 / (1 + e^-z), with f' = f (1 - f), written without an exponential that can overflow."""
    a = 0.5 + 0.5 * np.tanh(0.5 * z)
    return a, a * (1 - a)

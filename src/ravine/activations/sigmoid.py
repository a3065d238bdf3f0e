"""The logistic function."""

from __future__ import annotations

import numpy as np

from ravine.arrays import Array
from ravine.formulas.activation import Activation


def _function(z: Array) -> Array:
    # 1 / (1 + exp(-z)) without an exponential that can overflow.
    squashed: Array = 0.5 + 0.5 * np.tanh(0.5 * z)
    return squashed


def _slope(a: Array) -> Array:
    slope: Array = a * (1 - a)
    return slope


sigmoid = Activation("sigmoid", _function, _slope, has_kink=False)
"""f(z) = 1 / (1 + e^-z), with f' = f (1 - f)."""

"""The hyperbolic tangent."""

from __future__ import annotations

import numpy as np

from ravine.arrays import Array
from ravine.formulas.activation import Activation


def _slope(a: Array) -> Array:
    slope: Array = 1 - a * a
    return slope


tanh = Activation("tanh", np.tanh, _slope, has_kink=False)
"""f(z) = (e^z - e^-z) / (e^z + e^-z), with f' = 1 - f^2."""

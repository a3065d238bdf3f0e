"""The hyperbolic tangent."""

from __future__ import annotations

import numpy as np

from ravine.formulas.activation import activation
from ravine.formulas.pointwise import Number


@activation
def tanh(z: Number) -> tuple[Number, Number]:
    """f(z) = (e^z - e^-z) / (e^z + e^-z), with f' = 1 - f^2."""
    a = np.tanh(z)
    return a, 1 - a * a

"""The leaky rectified linear unit."""

from __future__ import annotations

import numpy as np

from ravine.formulas.activation import activation
from ravine.formulas.pointwise import Number

LEAK = 0.01
"""The slope left of zero."""


@activation(name="leaky-relu", kinks=[0])
def leaky_relu(z: Number) -> tuple[Number, Number]:
    """f(z) = z right of zero, 0.01 z left of it.

    Source: Maas, Hannun and Ng, 2013.
    """
    return np.where(z <= 0, LEAK * z, z), np.where(z <= 0, LEAK, 1)

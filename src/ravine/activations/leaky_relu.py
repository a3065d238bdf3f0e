"""The leaky rectified linear unit."""

from __future__ import annotations

import numpy as np

from ravine.arrays import Array
from ravine.formulas.activation import Activation

LEAK = 0.01
"""The slope left of zero."""


def _function(z: Array) -> Array:
    leaky: Array = np.where(z.real <= 0, LEAK * z, z)
    return leaky


def _slope(a: Array) -> Array:
    slope: Array = np.where(a.real <= 0, a.dtype.type(LEAK), a.dtype.type(1))
    return slope


leaky_relu = Activation("leaky-relu", _function, _slope, has_kink=True)
"""f(z) = z right of zero, 0.01 z left of it. Source: Maas, Hannun and Ng, 2013."""

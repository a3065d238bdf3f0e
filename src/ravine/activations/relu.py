"""The rectified linear unit."""

from __future__ import annotations

import numpy as np

from ravine.arrays import Array
from ravine.formulas.activation import Activation


def _function(z: Array) -> Array:
    gated: Array = np.where(z.real <= 0, z.dtype.type(0), z)
    return gated


def _slope(a: Array) -> Array:
    live: Array = (a != 0).astype(a.dtype)
    return live


relu = Activation("relu", _function, _slope, has_kink=True)
"""f(z) = max(0, z), with slope 0 at z = 0. Source: Nair and Hinton, 2010."""

"""The rectified linear unit."""

from __future__ import annotations

import numpy as np

from ravine.formulas.activation import activation
from ravine.formulas.pointwise import Number


@activation(kinks=[0])
def relu(z: Number) -> tuple[Number, Number]:
    """f(z) = max(0, z), with slope 0 at z = 0.

    Source: Nair and Hinton, 2010.
    """
    return np.where(z <= 0, 0, z), np.where(z <= 0, 0, 1)

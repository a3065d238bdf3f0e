"""The exponential linear unit."""

from __future__ import annotations

import numpy as np

from ravine.formulas.activation import activation
from ravine.formulas.pointwise import Number


@activation
def elu(z: Number) -> tuple[Number, Number]:
    """f(z) = z right of zero, e^z - 1 left of it (alpha = 1, with which f' has no jump).

    Source: Clevert, Unterthiner and Hochreiter, arXiv:1511.07289.
    """
    below = np.minimum(z, 0)
    return np.where(z <= 0, np.expm1(below), z), np.exp(below)

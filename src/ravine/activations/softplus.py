"""Softplus, a smooth form of ReLU."""

from __future__ import annotations

import numpy as np

from ravine.formulas.activation import activation
from ravine.formulas.pointwise import Number


@activation
def softplus(z: Number) -> tuple[Number, Number]:
    """f(z) = log(1 + e^z), with f' = 1 / (1 + e^-z).

    Source: Dugas et al., 2001.
    """
    e = np.exp(-abs(z))
    return np.maximum(z, 0) + np.log1p(e), np.where(z < 0, e, 1) / (1 + e)

"""The sigmoid-weighted linear unit, also called swish."""

from __future__ import annotations

import numpy as np

from ravine.formulas.activation import activation
from ravine.formulas.pointwise import Number


@activation
def silu(z: Number) -> tuple[Number, Number]:
    """f(z) = z s with s = 1 / (1 + e^-z), and f' = s + f (1 - s).

    Source: Elfwing, Uchibe and Doya, arXiv:1702.03118.
    """
    e = np.exp(-abs(z))
    s = np.where(z < 0, e, 1) / (1 + e)
    return z * s, s + z * s * (1 - s)

"""The hinge loss of support-vector machines."""

from __future__ import annotations

import numpy as np

from ravine.formulas.loss import FLAGS, loss
from ravine.formulas.pointwise import Number


def _side(z: Number) -> Number:
    return np.where(z > 0, 1, 0)


@loss(targets=FLAGS, kinks=[-1, 0], prediction=_side)
def hinge(z: Number, y: Number) -> tuple[Number, Number]:
    """l(z, y) = max(0, 1 - s z), with s = 2 y - 1: 1 for y = 1 and -1 for y = 0; its derivative at s z = 1 is 0.

    Source: Cortes and Vapnik, 1995.
    """
    s = 2 * y - 1
    short = 1 - s * z
    return np.where(short <= 0, 0, short), np.where(short <= 0, 0, -s)

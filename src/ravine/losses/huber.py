"""The Huber loss: squared near the target, and absolute further away."""

from __future__ import annotations

import numpy as np

from ravine.formulas.loss import loss
from ravine.formulas.pointwise import Number

DELTA = 1.0
"""The distance at which the squared error passes into the absolute one."""


@loss
def huber(z: Number, y: Number) -> tuple[Number, Number]:
    """l(z, y) = d^2 / 2 for |d| <= 1, and |d| - 1/2 beyond, with d = z - y.

    Source: Huber, 1964.
    """
    d = z - y
    near = abs(d) <= DELTA
    return np.where(near, 0.5 * d * d, DELTA * (abs(d) - 0.5 * DELTA)), np.where(near, d, DELTA * np.sign(d))

"""The squared hinge loss."""

from __future__ import annotations

import numpy as np

from ravine.formulas.loss import FLAGS, loss
from ravine.formulas.pointwise import Number
from ravine.losses.hinge import hinge


@loss(name="squared-hinge", targets=FLAGS, prediction=hinge.prediction)
def squared_hinge(z: Number, y: Number) -> tuple[Number, Number]:
    """l(z, y) = max(0, 1 - s z)^2, with s = 2 y - 1."""
    s = 2 * y - 1
    short = np.maximum(1 - s * z, 0)
    return short * short, -2 * s * short

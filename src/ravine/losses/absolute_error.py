"""The absolute error."""

from __future__ import annotations

import numpy as np

from ravine.formulas.loss import loss
from ravine.formulas.pointwise import Number


@loss(name="absolute-error", kinks=[0])
def absolute_error(z: Number, y: Number) -> tuple[Number, Number]:
    """l(z, y) = |z - y|, with derivative 0 at z = y."""
    d = z - y
    side = np.sign(d)
    return d * side, side

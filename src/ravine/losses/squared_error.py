"""The squared error."""

from __future__ import annotations

from ravine.formulas.loss import loss
from ravine.formulas.pointwise import Number


@loss(name="squared-error")
def squared_error(z: Number, y: Number) -> tuple[Number, Number]:
    """l(z, y) = (z - y)^2; scikit-learn has half of it."""
    d = z - y
    return d * d, 2 * d

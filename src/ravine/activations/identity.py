"""The identity: a layer without an activation, for linear networks."""

from __future__ import annotations

from ravine.formulas.activation import activation
from ravine.formulas.pointwise import Number


@activation
def identity(z: Number) -> tuple[Number, Number]:
    """f(z) = z."""
    return z, 1.0

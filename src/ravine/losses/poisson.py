"""The loss of counts: minus the logarithm of a Poisson distribution's probability."""

from __future__ import annotations

import numpy as np

from ravine.formulas.loss import loss
from ravine.formulas.pointwise import Number


@loss(targets="[0, inf)", prediction=np.exp)
def poisson(z: Number, y: Number) -> tuple[Number, Number]:
    """l(z, y) = e^z - y z: the output is the logarithm of the mean, and log y! is left out."""
    mean = np.exp(z)
    return mean - y * z, mean - y

"""The Gaussian error linear unit, by the error function."""

from __future__ import annotations

import math

import numpy as np

from ravine.formulas.activation import activation
from ravine.formulas.pointwise import Number


@activation
def gelu(z: Number) -> tuple[Number, Number]:
    """f(z) = z Phi(z), where Phi is the normal distribution function, (1 + erf(z / sqrt 2)) / 2.

    Source: Hendrycks and Gimpel, arXiv:1606.08415.
    """
    phi = 0.5 * (1 + math.erf(np.sqrt(0.5) * z))
    top = np.sqrt(0.125 / np.arctan(1.0))  # of the density, 1 / sqrt(2 pi)
    return z * phi, phi + z * (top * np.exp(-0.5 * z * z))

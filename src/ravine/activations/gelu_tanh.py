"""The Gaussian error linear unit, by the approximation with tanh."""

from __future__ import annotations

import numpy as np

from ravine.formulas.activation import activation
from ravine.formulas.pointwise import Number

CUBE = 0.044715


@activation(name="gelu-tanh")
def gelu_tanh(z: Number) -> tuple[Number, Number]:
    """f(z) = z (1 + tanh(u)) / 2 with u = sqrt(2 / pi) (z + 0.044715 z^3); it differs from `gelu` by up to 0.0005.

    Source: Hendrycks and Gimpel, arXiv:1606.08415, section 2.
    """
    scale = np.sqrt(0.5 / np.arctan(1.0))  # sqrt(2 / pi)
    t = np.tanh(scale * (z + CUBE * z**3))
    return 0.5 * z * (1 + t), 0.5 * (1 + t) + 0.5 * z * (1 - t * t) * (scale * (1 + 3 * (CUBE * z**2)))

"""The sine."""

from __future__ import annotations

import numpy as np

from ravine.formulas.activation import activation
from ravine.formulas.pointwise import Number


@activation
def sine(z: Number) -> tuple[Number, Number]:
    """f(z) = sin z.

    Source: Sitzmann et al., arXiv:2006.09661; there the inputs of each layer are multiplied by 30 before.
    """
    return np.sin(z), np.cos(z)

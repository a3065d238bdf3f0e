"""The logistic loss, cross-entropy of two classes from one output; with several outputs, of several labels."""

from __future__ import annotations

import numpy as np

from ravine.formulas.loss import loss
from ravine.formulas.pointwise import Number


def _share(z: Number) -> Number:
    return 0.5 + 0.5 * np.tanh(0.5 * z)


@loss(targets="[0, 1]", prediction=_share)
def logistic(z: Number, y: Number) -> tuple[Number, Number]:
    """l(z, y) = log(1 + e^z) - y z, which is -log p for y = 1 and -log(1 - p) for y = 0, with p = 1 / (1 + e^-z)."""
    e = np.exp(-abs(z))
    p = np.where(z < 0, e, 1) / (1 + e)
    q = np.where(z < 0, 1, e) / (1 + e)  # 1 - p, which keeps its digits if p is nearly 1
    return np.maximum(z, 0) - y * z + np.log1p(e), p * (1 - y) - q * y

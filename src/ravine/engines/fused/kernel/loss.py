"""The loss of one sample, and the deltas of the outputs."""

from __future__ import annotations

import numpy as np

from ravine.engines.fused.frame import Flag, Offset, Real, Reals
from ravine.engines.fused.kernel.compiled import plain, u
from ravine.engines.fused.pointers import like


@plain
def cross_entropy(z: Reals, n: Offset, label: Offset, naive: Flag, d: Reals, d0: Offset, m: Real) -> Real:
    """Write delta = (softmax(z) - one-hot) / m to d[d0:] and return the sample's loss.

    As in `ravine.losses.cross_entropy`, no probability near 1 is subtracted from 1: one sum leaves out the largest
    logit, for the loss, and another one leaves out the label, for the label's delta.
    """
    zero = like(z, 0)
    top = u(0)
    for j in range(n):
        if z[j] > z[top] or z[j] != z[j]:
            top = j
    shift = zero if naive else z[top]
    rest = others = zero
    for j in range(n):
        e = np.exp(z[j] - shift)
        d[d0 + j] = e
        rest += e if j != top else zero
        others += e if j != label else zero
    whole = d[d0 + top] + rest
    loss = -np.log(d[d0 + label] / whole) if naive else np.log1p(rest) - (z[label] - shift)
    for j in range(n):
        d[d0 + j] = d[d0 + j] / whole / m
    d[d0 + label] = -(others / whole) / m
    return loss

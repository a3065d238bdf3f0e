"""Activations of one sample, and the slopes by which deltas are multiplied."""

from __future__ import annotations

import numpy as np

from ravine.activations.leaky_relu import LEAK
from ravine.engines.fused.frame import ACTIVATION_CODES, Count, Offset, Real, Reals, Units
from ravine.engines.fused.kernel.compiled import plain, u
from ravine.engines.fused.pointers import like

RELU, LEAKY_RELU, TANH, SIGMOID = (ACTIVATION_CODES[name] for name in ("relu", "leaky-relu", "tanh", "sigmoid"))


@plain
def slope(activation: Count, d: Reals, a: Real) -> Real:
    """Return f'(z) from a = f(z), which is not 0 where f is ReLU; `d` tells the dtype."""
    one = like(d, 1)
    if activation == RELU:
        return one
    if activation == LEAKY_RELU:
        return like(d, LEAK) if a <= like(d, 0) else one
    if activation == TANH:
        return one - a * a
    # Only sigmoid is left. Of an unknown activation `activate` makes NaN, which stops the run before this.
    return a * (one - a)


@plain
def activate(activation: Count, z: Reals, n: Offset, units: Units, values: Reals, first: Offset) -> Offset:
    """Write the list of f(z[:n]) from `first` on, and return its length.

    ReLU's zeros are not listed; NaN is not zero.
    """
    zero, half = like(z, 0), like(z, 0.5)
    k = first
    if activation == RELU:
        for j in range(n):
            a = z[j]
            units[k] = j
            values[k] = a
            if not (a <= zero):
                k += u(1)
        return k - first
    for j in range(n):
        a = z[j]
        if activation == LEAKY_RELU:
            a = like(z, LEAK) * a if a <= zero else a
        elif activation == TANH:
            a = np.tanh(a)
        elif activation == SIGMOID:
            a = half + half * np.tanh(half * a)
        else:
            a = like(z, np.nan)
        units[k] = j
        values[k] = a
        k += u(1)
    return k - first

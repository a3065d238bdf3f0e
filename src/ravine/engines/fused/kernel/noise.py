"""The noise of a row, number by number the same as in `ravine.formulas.noise`, where the formulas are explained.

Nothing here may be computed in another order, nor multiplied and added in one rounding. The loop has no branch, so that
it is compiled to vectors.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.engines.fused.frame import Count, Frame, Offset
from ravine.engines.fused.kernel.compiled import inlined, plain, u
from ravine.engines.fused.pointers import bits_of, like, number_of, polynomial
from ravine.formulas import noise

_LOW, _HALF = u(noise.LOW), u(32)
_LEFT, _RIGHT = (u(multiplier) for multiplier in noise.MULTIPLIERS)
_LEFT_STEP, _RIGHT_STEP = (u(increment) for increment in noise.INCREMENTS)
_FRACTION, _BELOW_ONE = u(2**52 - 1), u(1022 << 52)
_GRAIN = 2.0**-52


@plain
def fill_noise(frame: Frame, layer: Count, row: Offset, columns: Offset, t: Count) -> None:
    """Write the noise of a row, counted from 0 through the network, to `Work.noise`, and zeros to its padding."""
    out, half = frame.work.noise, (columns + u(1)) // u(2)
    seed, step = frame.options.seed, u(t) & _LOW
    for j in range(half):
        one, other = pair(j, row, step, seed)
        out[j] = like(out, one)
        # Of an odd number of columns the last one's partner lies in the padding.
        out[half + j] = like(out, other)
    for j in range(columns, frame.plan.widths[layer]):
        out[j] = like(out, 0.0)


@inlined
def pair(j: Offset, row: Offset, step: Offset, seed: Offset) -> Any:
    """Return two standard normal numbers."""
    a, b, c, d = j, row, step, u(0)
    left, right = seed & _LOW, seed >> _HALF
    for _ in range(noise.ROUNDS):
        first, second = _LEFT * a, _RIGHT * c
        a, b = (second >> _HALF) ^ b ^ left, second & _LOW
        c, d = (first >> _HALF) ^ d ^ right, first & _LOW
        left, right = (left + _LEFT_STEP) & _LOW, (right + _RIGHT_STEP) & _LOW
    whole, turns = (a << u(20)) | (b >> u(12)), (c << u(20)) | (d >> u(12))
    radius = np.sqrt(-2.0 * logarithm((np.float64(whole) + 0.5) * _GRAIN))
    quarter = (turns + u(2**49)) >> u(50)
    x = noise.TURN * ((np.float64(turns) + 0.5) * _GRAIN - 0.25 * np.float64(quarter))
    square = x * x
    sine, cosine = x * polynomial(noise.SINE, square), polynomial(noise.COSINE, square)
    odd = (quarter & u(1)) == u(1)
    along, across = sine if odd else cosine, cosine if odd else sine
    along = -along if quarter == u(1) or quarter == u(2) else along
    across = -across if quarter == u(2) or quarter == u(3) else across
    return radius * along, radius * across


@inlined
def logarithm(x: Any) -> Any:
    """Return ln x of a number in (0, 1)."""
    bits = bits_of(x)
    m = number_of((bits & _FRACTION) | _BELOW_ONE)
    power = np.float64(bits >> u(52)) - 1022.0
    small = m < noise.HALF_ROOT
    power = power - (1.0 if small else 0.0)
    m = 2.0 * m if small else m
    s = (m - 1.0) / (m + 1.0)
    return power * noise.LOG_2 + 2.0 * s * polynomial(noise.LOGARITHM, s * s)

"""Normal random numbers that a rule may ask for as `noise`: a function of the run's seed, the step and the place.

Nothing is drawn from a generator that has a state, so that a run has the same noise in both engines and resumes bit
for bit. Philox makes of a seed and a counter (pair, row, step, draw) two numbers u and v in (0, 1), of 52 bits each,
and Box and Muller's formula makes of them two standard normal numbers:

    sqrt(-2 ln u) cos(2 pi v)    in column j of row i, and
    sqrt(-2 ln u) sin(2 pi v)    in column j + ceil(o / 2), for j from 0 to ceil(o / 2) - 1 of o columns.

Rows are counted through the whole network, in the order of its weights: a layer's inputs, and then its bias. Logarithm,
sine and cosine are sums of products, in an order that is fixed, since libraries of functions differ in the last digit.
`engines/fused/kernel/noise.py` has the same operations.

Source: Salmon, Moraes, Dror and Shaw, 2011, "Parallel random numbers: as easy as 1, 2, 3", Philox 4x32 of ten rounds;
Box and Muller, 1958.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ravine.arrays import Array

Noise = Callable[..., list[Array]]
"""Returns arrays of standard normal numbers, one for each array of weights; called with 1, 2, .. it returns others."""

ROUNDS = 10
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
INCREMENTS = (0x9E3779B9, 0xBB67AE85)
LOW = 0xFFFFFFFF
_CACHED = 8192
"""The number of pairs that are computed together: few enough for their arrays to stay in the processor's cache."""

HALF_ROOT = math.sqrt(0.5)
LOG_2 = math.log(2)
TURN = 2 * math.pi
LOGARITHM = tuple(1 / (2 * n + 1) for n in range(10, -1, -1))
"""atanh(s) / s in powers of s^2, the highest first."""
SINE = tuple((-1) ** n / math.factorial(2 * n + 1) for n in range(7, -1, -1))
"""sin(x) / x in powers of x^2."""
COSINE = tuple((-1) ** n / math.factorial(2 * n) for n in range(8, -1, -1))
"""cos(x) in powers of x^2."""


def noise_for(weights: Sequence[Array], seed: int, t: int) -> Noise:
    """Return the noise of step t, counted from 1, for arrays of weights: matrices (i, o), and biases (o,) behind them.

    >>> noise = noise_for([np.zeros((2, 3), np.float32)], seed=0, t=1)
    >>> noise()[0].shape, noise()[0].dtype.name
    ((2, 3), 'float32')
    >>> bool((noise()[0] == noise()[0]).all()), bool((noise()[0] == noise(1)[0]).any())
    (True, False)
    """

    def noise(draw: int = 0) -> list[Array]:
        found, row = [], 0
        for w in weights:
            rows = w.shape[0] if w.ndim > 1 else 1
            numbers = normal_numbers(seed, t, np.arange(row, row + rows), w.shape[-1], draw)
            found.append(numbers.reshape(w.shape).astype(w.dtype))
            row += rows
        return found

    return noise


def normal_numbers(seed: int, t: int, rows: Array, columns: int, draw: int = 0) -> Array:
    """Return the standard normal numbers of some rows, float64, (rows, columns)."""
    half = -(-columns // 2)
    pair, found = np.arange(half, dtype=np.uint64), np.empty((len(rows), columns))
    together = max(1, _CACHED // half)
    for low in range(0, len(rows), together):
        row = np.asarray(rows[low : low + together], np.uint64)[:, None]
        words = philox(pair + 0 * row, row + 0 * pair, np.uint64(t & LOW), np.uint64(draw & LOW), seed)
        found[low : low + together] = np.concatenate(_normal_pair(*words), axis=1)[:, :columns]
    return found


def philox(a: Any, b: Any, c: Any, d: Any, key: int) -> list[Array]:
    """Return four words of 32 bits, as uint64 arrays, from a counter of four such words and a key of 64 bits."""
    for turn in range(ROUNDS):
        keys = zip((key & LOW, key >> 32), INCREMENTS, strict=True)
        left, right = (np.uint64((k + turn * step) & LOW) for k, step in keys)
        first, second = np.uint64(MULTIPLIERS[0]) * a, np.uint64(MULTIPLIERS[1]) * c
        a, b = (second >> np.uint64(32)) ^ b ^ left, second & np.uint64(LOW)
        c, d = (first >> np.uint64(32)) ^ d ^ right, first & np.uint64(LOW)
    return [a, b, c, d]


def _normal_pair(a: Array, b: Array, c: Array, d: Array) -> tuple[Array, Array]:
    """Return two normal numbers of four words."""
    whole, turns = _bits(a, b), _bits(c, d)
    u = (whole.astype(np.float64) + 0.5) * 2.0**-52
    radius = np.sqrt(-2 * _logarithm(u))
    # The angle beyond the nearest quarter of a turn, at most an eighth of a turn.
    quarter = (turns + np.uint64(2**49)) >> np.uint64(50)
    x = TURN * ((turns.astype(np.float64) + 0.5) * 2.0**-52 - 0.25 * quarter.astype(np.float64))
    sine, cosine = x * _polynomial(SINE, x * x), _polynomial(COSINE, x * x)
    odd = (quarter & np.uint64(1)) == 1
    along, across = np.where(odd, sine, cosine), np.where(odd, cosine, sine)
    left, below = (quarter == 1) | (quarter == 2), (quarter == 2) | (quarter == 3)
    return radius * np.where(left, -along, along), radius * np.where(below, -across, across)


def _bits(high: Array, low: Array) -> Array:
    """Return the first 52 bits of two words."""
    bits: Array = (high << np.uint64(20)) | (low >> np.uint64(12))
    return bits


def _logarithm(u: Array) -> Array:
    """Return ln u, from the logarithm of a number between sqrt(1/2) and sqrt(2), and that of a power of two."""
    m, e = np.frexp(u)
    small = m < HALF_ROOT
    m, power = np.where(small, 2 * m, m), e.astype(np.float64) - np.where(small, 1.0, 0.0)
    s = (m - 1) / (m + 1)
    logarithm: Array = power * LOG_2 + 2 * s * _polynomial(LOGARITHM, s * s)
    return logarithm


def _polynomial(coefficients: Sequence[float], x: Array) -> Array:
    """Return c_0 x^n + c_1 x^(n-1) + .. + c_n, by Horner's rule."""
    value: Array = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        value = value * x + coefficient
    return value

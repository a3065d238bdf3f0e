"""NumPy's functions of mpmath's numbers, in any number of digits."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import mpmath

Number = Any


def _absolute(x: Number) -> Number:
    return abs(x)


def _chosen(condition: Any, one: Number, other: Number) -> Number:
    return one if condition else other


def _truncated(x: Number) -> Number:
    return mpmath.floor(x) if x > 0 else mpmath.ceil(x)


def _log_of_sum(x: Number, y: Number) -> Number:
    return max(x, y) + mpmath.log1p(mpmath.exp(-abs(x - y)))


IN_DIGITS = SimpleNamespace(
    **{name: getattr(mpmath, name) for name in ("ceil", "cos", "cosh", "exp", "expm1", "floor", "hypot")},
    **{name: getattr(mpmath, name) for name in ("isfinite", "isnan", "log", "log10", "log1p", "power", "sign", "sin")},
    **{name: getattr(mpmath, name) for name in ("sinh", "sqrt", "tanh")},
    absolute=_absolute,
    arcsinh=mpmath.asinh,
    arctan=mpmath.atan,
    arctan2=mpmath.atan2,
    cbrt=lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
    copysign=lambda x, y: abs(x) if y >= 0 else -abs(x),
    exp2=lambda x: mpmath.mpf(2) ** x,
    fabs=_absolute,
    fmax=max,
    fmin=min,
    log2=lambda x: mpmath.log(x, 2),
    logaddexp=_log_of_sum,
    logical_and=lambda p, q: p and q,
    logical_not=lambda p: not p,
    logical_or=lambda p, q: p or q,
    logical_xor=lambda p, q: bool(p) != bool(q),
    maximum=max,
    minimum=min,
    negative=lambda x: -x,
    reciprocal=lambda x: 1 / x,
    rint=mpmath.nint,
    square=lambda x: x * x,
    trunc=_truncated,
    where=_chosen,
)
"""Stands for NumPy in the text of a formula that is computed in many digits; tests compare it with NumPy."""

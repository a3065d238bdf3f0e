"""Holm's correction: several tests, and a probability of at most `level` that any of them errs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np


def levels(
    p_values: Sequence[float], level: float = 0.05, nominal: Callable[[float], float] = lambda level: level
) -> list[float]:
    """Return the level at which Holm's procedure tests each hypothesis.

    The j-th smallest of m p-values, j from 0, is tested at level / (m - j), and after the first one that is not
    rejected all others at its level. An interval at 1 minus this level leaves out 0 just where the test rejects.

    If the data are looked at several times, `nominal` returns the level of this look that belongs to a level of the
    whole trial.

    Source: Holm, 1979; for several looks Ye, Li, Liu and Yao, Statistics in Medicine 32 (2013), 1112-1124.

    >>> [round(a, 4) for a in levels([0.001, 0.04, 0.03])]
    [0.0167, 0.025, 0.025]
    """
    count = len(p_values)
    result, own, failed = np.empty(count), nominal(level / max(count, 1)), False
    for place, index in enumerate(np.argsort(p_values, kind="stable")):
        if not failed:
            own = nominal(level / (count - place))
            failed = not p_values[index] <= own
        result[index] = own
    return [float(a) for a in result]

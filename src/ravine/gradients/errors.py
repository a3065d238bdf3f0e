"""How far two gradients are apart, as the field measures it."""

from __future__ import annotations

import msgspec
import numpy as np

from ravine.arrays import Array

HISTOGRAM_EDGES = np.arange(-20.0, 1.5, 0.5)
"""Edges of the histogram of log10 of the relative error; errors of 0 and below 1e-20 count in the first bin."""


class Errors(msgspec.Struct, frozen=True):
    """The errors of a numerical gradient n against an analytic one a, over the weights that can be compared.

    The relative error is |a - n| / max(|a|, |n|). Weights where both are zero have none and are counted apart, and so
    are differences that straddle a kink, which measure something else.
    """

    compared: int
    both_zero: int
    kinks: int
    mean_relative_error: float
    median_relative_error: float
    p99_relative_error: float
    max_relative_error: float
    max_absolute_error: float


def relative_errors(analytic: Array, numerical: Array) -> Array:
    """Return |a - n| / max(|a|, |n|), shape (k,); nan where both are zero, 1 where a number is not finite.

    >>> relative_errors(np.array([1.0, 0.0, 2.0]), np.array([1.0, 0.0, 1.0])).tolist()
    [0.0, nan, 0.5]
    """
    size = np.maximum(np.abs(analytic), np.abs(numerical))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        ratio = np.abs(analytic - numerical) / size
    both_zero = (analytic == 0) & (numerical == 0)
    result: Array = np.where(both_zero, np.nan, np.where(np.isfinite(ratio), ratio, 1.0))
    return result


def measure(analytic: Array, numerical: Array, kinks: Array) -> Errors:
    """Summarize the errors of k weights."""
    relative = relative_errors(analytic, numerical)
    compared = ~np.isnan(relative) & ~kinks
    errors = relative[compared].astype(float)
    with np.errstate(over="ignore", invalid="ignore"):
        absolute = np.abs(analytic - numerical)[compared]
    if len(errors) == 0:
        errors = np.zeros(1)
    return Errors(
        compared=int(compared.sum()),
        both_zero=int((np.isnan(relative) & ~kinks).sum()),
        kinks=int(kinks.sum()),
        mean_relative_error=float(errors.mean()),
        median_relative_error=float(np.median(errors)),
        p99_relative_error=float(np.percentile(errors, 99)),
        max_relative_error=float(errors.max()),
        max_absolute_error=float(absolute.max(initial=0.0)),
    )


def histogram(analytic: Array, numerical: Array, kinks: Array) -> list[int]:
    """Count log10 of the relative errors in the bins of `HISTOGRAM_EDGES`."""
    relative = relative_errors(analytic, numerical)
    errors = relative[~np.isnan(relative) & ~kinks].astype(float)
    low, high = HISTOGRAM_EDGES[0], HISTOGRAM_EDGES[-1]
    logs = np.clip(np.log10(np.maximum(errors, 10.0**low)), low, high)
    return [int(count) for count in np.histogram(logs, HISTOGRAM_EDGES)[0]]

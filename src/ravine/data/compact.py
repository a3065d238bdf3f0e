"""The form in which the fused engine reads features: without zeros where there are many of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FEW = 0.25
"""A dense matrix of floats with a larger share of nonzeros is read as it is: lists would need more than half as much
memory again as the matrix."""

_BLOCK = 1 << 22
"""Numbers that are looked through at a time, so that masks stay small."""


@dataclass(frozen=True, eq=False)
class Compact:
    """The nonzeros of N samples, sample after sample (compressed sparse rows); all arrays are read-only.

    Attributes:
        starts: (N + 1,) int64; the nonzeros of sample b are starts[b] to starts[b + 1].
        columns: (nonzeros,) where in its sample each stands: uint16 for bytes of at most 65,535 columns, else uint32.
        values: (nonzeros,) uint8, float32 or float64.
        scale: an input is value / scale.
    """

    starts: NDArray[np.int64]
    columns: NDArray[np.uint16] | NDArray[np.uint32]
    values: NDArray[Any]
    scale: float = 1.0


@dataclass(frozen=True, eq=False)
class Dense:
    """The numbers of N samples with few zeros, as they are.

    Attributes:
        values: (N, i) float32 or float64, C-contiguous.
        nonzeros: how many are not zero.
        scale: an input is value / scale.
    """

    values: NDArray[Any]
    nonzeros: int
    scale: float = 1.0


def compact(features: Any, scale: float = 1.0) -> Compact | Dense:
    """Return the form of features, (N, i), that the fused engine reads.

    Features are uint8, float32 or float64: an array, C-contiguous, or a CSR array of SciPy without duplicates; zeros
    that it stores are dropped. NaN is not zero. What need not be changed is shared with the features, not copied.

    >>> form = compact(np.array([[0, 7, 0], [9, 0, 1]], dtype=np.uint8), 255)
    >>> form.starts.tolist(), form.columns.tolist(), form.values.tolist()
    ([0, 1, 3], [1, 0, 2], [7, 9, 1])
    """
    if not isinstance(features, np.ndarray):
        return _of_csr(features, scale)
    counts = _counts(features)
    nonzeros = int(counts.sum())
    if features.dtype != np.uint8 and nonzeros > FEW * features.size:
        return Dense(_read_only(features), nonzeros, scale)
    return _of_matrix(features, counts, scale)


def _of_matrix(features: NDArray[Any], counts: NDArray[np.int64], scale: float) -> Compact:
    width = features.shape[1]
    starts = _starts(counts)
    columns = np.empty(starts[-1], _columns(features.dtype, width))
    values = np.empty(starts[-1], features.dtype)
    numbers = np.tile(np.arange(width, dtype=columns.dtype), _rows(width))
    for block in _blocks(features):
        # A block at a time keeps the masks in the processor's cache.
        each = features[block].ravel()
        kept = each != 0
        nonzeros = slice(starts[block.start], starts[block.stop])
        columns[nonzeros] = numbers[: len(each)][kept]
        values[nonzeros] = each[kept]
    return Compact(_read_only(starts), _read_only(columns), _read_only(values), scale)


def _of_csr(matrix: Any, scale: float) -> Compact:
    values, columns, starts = matrix.data, matrix.indices, matrix.indptr.astype(np.int64, copy=False)
    kept = values != 0
    if not kept.all():
        before = np.concatenate([[0], np.cumsum(kept, dtype=np.int64)])
        values, columns, starts = values[kept], columns[kept], before[starts]
    dtype = _columns(values.dtype, matrix.shape[1])
    # SciPy's int32 is read as uint32 in its place: no index is negative.
    same = columns.dtype == np.int32 and dtype == np.uint32
    columns = columns.view(np.uint32) if same else columns.astype(dtype)
    return Compact(_read_only(starts), _read_only(columns), _read_only(values), scale)


def _counts(features: NDArray[Any]) -> NDArray[np.int64]:
    """Return how many numbers of each sample are not zero."""
    counts = np.zeros(len(features), np.int64)
    for block in _blocks(features):
        counts[block] = np.count_nonzero(features[block], axis=1)
    return counts


def _starts(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    starts = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=starts[1:])
    return starts


def _blocks(features: NDArray[Any]) -> Iterator[slice]:
    count, width = features.shape
    step = _rows(width)
    return (slice(first, min(first + step, count)) for first in range(0, count, step))


def _rows(width: int) -> int:
    return max(1, _BLOCK // max(width, 1))


def _columns(values: Any, width: int) -> Any:
    """Return the dtype of columns."""
    return np.uint16 if values == np.uint8 and width <= np.iinfo(np.uint16).max else np.uint32


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Return a read-only view."""
    view = array.view()
    view.flags.writeable = False
    return view

"""The sizes of the columns of features and of targets; a network learns badly where they are far from 1.

Letters: b sample, c column.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ravine.arrays import Array
from ravine.data import Split, rows_at_once


@dataclass(frozen=True)
class Columns:
    """What the numbers of each column are like on some samples; each (c,).

    Attributes:
        sizes: the root mean square of those that are not 0; 0 if all are. So a column of rare ones has size 1.
        means, spreads: mean and standard deviation over all samples.
        largest: the largest absolute value.
    """

    sizes: Array
    means: Array
    spreads: Array
    largest: Array


def columns_of(x: Array) -> Columns:
    """Measure the columns of a matrix, (b, c).

    >>> seen = columns_of(np.array([[3.0, 0.0], [5.0, 2.0]]))
    >>> seen.sizes.round(3).tolist(), seen.means.tolist(), seen.spreads.tolist(), seen.largest.tolist()
    ([4.123, 2.0], [4.0, 1.0], [1.0, 1.0], [5.0, 2.0])
    """
    x = x.astype(np.float64)
    largest = np.abs(x).max(axis=0)
    unit = np.where(largest > 0, largest, 1.0)  # so that no square overflows
    x = x / unit
    squares, nonzeros = np.square(x).sum(axis=0), np.count_nonzero(x, axis=0)
    return Columns(_root(squares, nonzeros) * unit, x.mean(axis=0) * unit, x.std(axis=0) * unit, largest)


def columns_of_inputs(split: Split, samples: Array) -> Columns:
    """Measure the columns of a network's inputs on some samples; no sparse matrix is made dense."""
    width = split.features.shape[1]
    if isinstance(split.features, np.ndarray):
        return columns_of(split.inputs(samples[: rows_at_once(width, len(samples))], np.float64))
    rows = split.features[samples]
    values, at, count = rows.data.astype(np.float64) / split.scale, rows.indices, len(samples)

    def total(each: Array) -> Array:
        return np.bincount(at, each, width)

    largest = np.zeros(width)
    np.maximum.at(largest, at, np.abs(values))
    unit = np.where(largest > 0, largest, 1.0)
    values = values / unit[at]
    means, zeros = total(values) / count, count - total(np.ones(len(at)))
    variances = (total(np.square(values - means[at])) + zeros * np.square(means)) / count
    sizes = _root(total(np.square(values)), total(values != 0))
    return Columns(sizes * unit, means * unit, np.sqrt(variances) * unit, largest)


def _root(squares: Array, count: Array) -> Array:
    root: Array = np.sqrt(squares / np.maximum(1, count))
    return root

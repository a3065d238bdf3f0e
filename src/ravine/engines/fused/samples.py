"""Data sets as the kernel reads them, made once for each split and dtype and shared by all runs."""

from __future__ import annotations

import threading
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from ravine.arrays import Array
from ravine.data import Split
from ravine.data.compact import Compact, Dense
from ravine.engines.fused.frame import BYTES, MATRIX, REALS, SCATTERED_SHARE, Data
from ravine.networks import are_classes


class Samples(NamedTuple):
    """A split for the kernel.

    Attributes:
        data: what the kernel reads.
        most: the largest number of nonzeros of a sample.
    """

    data: Data
    most: int


_made: WeakKeyDictionary[Split, dict[str, Samples]] = WeakKeyDictionary()
_ONE_AT_A_TIME = threading.Lock()


def samples(split: Split, dtype: np.dtype[Any]) -> Samples:
    """Return a split as the kernel reads it in runs of a dtype.

    Bytes, and numbers that have the dtype already, are shared with `split.compact`. Other numbers are converted once:
    one number of the dtype for each nonzero of `split.compact`, for as long as the split lives. There are two dtypes,
    and so two such copies at most.
    """
    with _ONE_AT_A_TIME:
        made = _made.setdefault(split, {})
        if dtype.name not in made:
            found = _samples(split.compact, split.targets, split.features.shape[1], dtype)
            made[dtype.name] = found._replace(data=_weighted(found.data, split.sample_weights, dtype))
        return made[dtype.name]


def _samples(form: Compact | Dense, targets: Array, inputs: int, dtype: np.dtype[Any]) -> Samples:
    classes = are_classes(targets)
    nothing = Data(
        count=len(targets),
        form=BYTES,
        full=False,
        scattered=False,
        nonzeros=0,
        starts=np.zeros(1, np.int64),
        columns=np.zeros(0, np.uint16),
        bytes=np.zeros(0, np.uint8),
        scale=np.array([form.scale], np.float64),
        wide=np.zeros(0, np.uint32),
        reals=np.zeros(0, dtype),
        labelled=classes,
        labels=np.ascontiguousarray(targets, np.uint32) if classes else np.zeros(len(targets), np.uint32),
        targets=np.zeros(0, dtype) if classes else np.ascontiguousarray(targets, dtype).ravel(),
        weighted=False,
        weights=np.zeros(0, dtype),
    )
    if isinstance(form, Dense):
        full = form.nonzeros == form.values.size
        values = _scaled(form.values, form.scale, dtype)
        data = nothing._replace(form=MATRIX, full=full, nonzeros=form.nonzeros, reals=values)
        return Samples(data, form.values.shape[1])
    most = int(np.diff(form.starts).max(initial=0))
    scattered = len(form.values) < SCATTERED_SHARE * inputs * len(targets)
    some = nothing._replace(scattered=scattered, nonzeros=len(form.values), starts=form.starts)
    if form.values.dtype == np.uint8 and form.columns.dtype == np.uint16:
        return Samples(some._replace(columns=form.columns, bytes=form.values), most)
    wide, values = form.columns.astype(np.uint32, copy=False), _scaled(form.values, form.scale, dtype)
    return Samples(some._replace(form=REALS, wide=wide, reals=values), most)


def _weighted(data: Data, weights: Array | None, dtype: np.dtype[Any]) -> Data:
    """Return data with sample weights, (b,), if there are any."""
    return data if weights is None else data._replace(weighted=True, weights=np.ascontiguousarray(weights, dtype))


def _scaled(values: Array, scale: float, dtype: np.dtype[Any]) -> Array:
    """Return values / scale in a dtype, rounded once."""
    if scale == 1:
        return values.astype(dtype, copy=False)
    return np.divide(values, scale, dtype=dtype, casting="same_kind")


def no_samples(dtype: np.dtype[Any]) -> Data:
    """Return no data, for calls of the kernel that read none."""
    return _samples(Dense(np.zeros((0, 1), dtype), 0), np.zeros(0, np.uint32), 1, dtype).data

"""The digest of given data: what stands for them in the id of a run, as checksums stand for the files of a data set."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ravine.data.datasets import Split

_BLOCK = 1 << 22
"""Numbers that are brought into another dtype at a time."""


def digest_of(train: Split, test: Split | None, class_names: tuple[str, ...], shape: tuple[int, int] | None) -> str:
    """Return the SHA-256 of data: dtype, shape and bytes of features and targets, scale, class names, image shape.

    Sample weights follow, if there are any. The names of features are left out, since no result of a run depends on
    them; so is the dtype of the indices of a CSR array.
    """
    total = hashlib.sha256()
    for split in (train, test):
        total.update(msgspec.json.encode(None if split is None else _head(split)))
        if split is None:
            continue
        dense = isinstance(split.features, np.ndarray)
        x = split.features
        for indices in () if dense else (x.indptr, x.indices):
            _add(total, indices, np.dtype("<i8"))
        values = x if dense else x.data
        _add(total, values, values.dtype.newbyteorder("<"))
        _add(total, split.targets, np.dtype("<f8" if split.targets.dtype.kind == "f" else "<i8"))
    total.update(msgspec.json.encode([class_names, shape]))
    if train.sample_weights is not None:
        total.update(b"sample_weights")
        _add(total, train.sample_weights, np.dtype("<f8"))
    return total.hexdigest()


def _head(split: Split) -> list[Any]:
    kind = "dense" if isinstance(split.features, np.ndarray) else "csr"
    numbers = list(split.targets.shape[1:]) if split.targets.dtype.kind == "f" else []
    return [kind, split.features.dtype.name, split.features.shape, len(split.targets), float(split.scale), *numbers]


def _add(total: Any, array: NDArray[Any], dtype: np.dtype[Any]) -> None:
    """Add the numbers of an array in a dtype that is the same on all machines."""
    flat = array.reshape(-1)
    if flat.dtype == dtype:
        total.update(flat)
        return
    for first in range(0, len(flat), _BLOCK):
        total.update(flat[first : first + _BLOCK].astype(dtype))

"""Samples to predict, in whatever form a user has them: as the inputs of a run's network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ravine.arrays import Array
from ravine.data import DatasetInfo, GivenInfo, inputs_of
from ravine.data.features import features_of, is_sparse
from ravine.errors import ConfigError, beginning


@dataclass(frozen=True, eq=False)
class Rows:
    """Samples, (b, i): an array or a CSR array, and the number that bytes are divided by."""

    features: Any
    scale: float

    @property
    def count(self) -> int:
        """The number of samples."""
        return int(self.features.shape[0])

    def inputs(self, rows: slice, dtype: DTypeLike) -> Any:
        """Return some samples as inputs, (b, i), sparse if they are: a forward pass needs no more than products."""
        part = self.features[rows]
        if isinstance(part, np.ndarray):
            return inputs_of(part, dtype, self.scale)
        found = part.astype(dtype)
        found.data = inputs_of(part.data, dtype, self.scale)
        return found


def rows_of(given: Any, info: DatasetInfo | GivenInfo) -> Rows:
    """Return samples in the form of a run's data.

    Raises:
        ConfigError, DataError: they do not fit the data that the run was trained on.
    """
    if isinstance(info, GivenInfo):
        return _rows(given, info)
    return Rows(_images(given, info), 255.0)


def _images(given: Any, info: DatasetInfo) -> Array:
    """Return images, (b, i): bytes, or floats from 0 to 1."""
    try:
        images = np.asarray(given)
    except (ValueError, TypeError, OverflowError) as error:
        raise ConfigError(f"images are no array of numbers: {error}.") from None
    width, shape = info.width, info.shape
    one_each = images.ndim in (1, 2) and images.shape[-1] == width
    if images.size == 0 or not (one_each or (images.ndim in (2, 3) and images.shape[-2:] == shape)):
        raise ConfigError(
            f"images have shape {images.shape}; each must be {shape} or ({width},); "
            "ravine.read_picture(FILE).pixels has those of a picture file."
        )
    flat: Array = images.reshape(-1, width)
    if flat.dtype != np.uint8 and (not np.issubdtype(flat.dtype, np.floating) or not ((flat >= 0) & (flat <= 1)).all()):
        raise ConfigError(f"images have dtype {flat.dtype}; give uint8 pixels, or floats from 0 to 1.")
    return flat


def _require_columns(names: tuple[str, ...] | None, info: GivenInfo) -> None:
    """Check that the columns of a data frame are those of the data that were trained on, in their order."""
    if names is None or info.feature_names is None or names == info.feature_names or len(names) != info.width:
        return
    pairs = enumerate(zip(names, info.feature_names, strict=True))
    column, (name, trained) = next((k, pair) for k, pair in pairs if pair[0] != pair[1])
    raise ConfigError(
        f"column {column}, counted from 0, is {beginning(name)!r}, and the run was trained on {beginning(trained)!r} "
        "there: give the columns in that order."
    )


def _rows(given: Any, info: GivenInfo) -> Rows:
    """Return samples for a run on given data, (b, i)."""
    features = given
    if not is_sparse(given) and np.ndim(given) in (1, 2):
        array = np.asarray(given)
        if array.shape in ((info.width,), info.shape):
            features = array.reshape(1, -1)
    found = features_of("features", features)
    _require_columns(found.names, info)
    read = found.features
    if read.shape[1] != info.width:
        image = "" if info.shape is None else f", or {info.shape} of an image"
        raise ConfigError(
            f"features have shape {np.shape(given)}; each sample must have {info.width:,} numbers{image}, as those "
            "that the run was trained on."
        )
    trained = info.dtype == "uint8"
    if trained and read.dtype != np.uint8:
        values = read if isinstance(read, np.ndarray) else read.data
        if values.size and not (values.min() >= 0 and values.max() <= 255 / info.scale):
            raise ConfigError(
                f"features have dtype {read.dtype}; the run was trained on bytes: give uint8, or floats that are "
                f"already divided by {info.scale:g}, from 0 to {255 / info.scale:g}."
            )
    return Rows(read, info.scale)

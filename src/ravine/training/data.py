"""The data of a run: those of the catalog are loaded; those that were given must be given again."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from ravine.arrays import Array
from ravine.data import Dataset, GivenInfo, load
from ravine.errors import ConfigError, DataError
from ravine.formulas.loss import Loss
from ravine.networks import are_classes
from ravine.spec import RunSpec


def kind_of(dataset: Dataset) -> Literal["classes", "numbers", "flags"]:
    """Return what the targets of a data set are; flags are numbers that are all 0 or 1."""
    if are_classes(dataset.train.targets):
        return "classes"
    splits = [split for split in (dataset.train, dataset.test) if split is not None]
    return "flags" if all(np.isin(split.targets, (0, 1)).all() for split in splits) else "numbers"


def require_fitting(dataset: Dataset, loss: Loss, dtype: str) -> None:
    """Check that a loss takes all targets that are numbers, and that no number is too large for the dtype of a run.

    Raises:
        DataError: one does not fit; the message names the row and the column.
    """
    _require_fitting_weights(dataset.train.sample_weights, dtype)
    for end, split in (("", dataset.train), ("_test", dataset.test)):
        if split is None:
            continue
        values = split.features if isinstance(split.features, np.ndarray) else split.features.data
        largest = max(values.max(), -values.min()) if values.dtype == np.float64 and values.size else 0.0
        if largest > np.finfo(dtype).max:
            raise DataError(
                f"X{end} has a number of size {largest:.3g}, which {dtype} does not have: divide the features by a "
                "number, or train in float64."
            )
        if are_classes(split.targets):
            continue
        name = f"y{end}"
        wrong = ~loss.allows(split.targets)
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            raise DataError(
                f"{name} has {split.targets[row, column]:g} in row {row}, column {column}, counted from 0, and the "
                f"loss {loss.name} takes targets in {loss.targets}: choose another loss, or bring the targets there."
            )
        with np.errstate(over="ignore"):
            wrong = ~np.isfinite(split.targets.astype(dtype))
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            raise DataError(
                f"{name} has {split.targets[row, column]:g} in row {row}, column {column}, counted from 0, which "
                f"{dtype} does not have: divide the targets by a number, or train in float64."
            )


def _require_fitting_weights(weights: Array | None, dtype: str) -> None:
    """Check that the largest sample weight is not 0 in a dtype, nor so large that losses overflow."""
    if weights is None:
        return
    low, high, row = np.finfo(dtype).tiny, np.sqrt(np.finfo(dtype).max), int(weights.argmax())
    if not low <= weights[row] <= high:
        raise DataError(
            f"the largest of sample_weights is {weights[row]:.3g}, in row {row}, counted from 0, and must lie between "
            f"{low:.1e} and {high:.1e} in {dtype}: divide all of them by their mean."
        )


def data_of(spec: RunSpec, data: Dataset | None, data_dir: Path | None, *, quiet: bool) -> Dataset:
    """Return the data of a run, which are `data` if they are at hand.

    Raises:
        ConfigError: the run was trained on given data, and none are at hand, or others.
        DataError, DownloadError: data of the catalog cannot be had.
    """
    if data is not None:
        digest = data.info.digest if isinstance(data.info, GivenInfo) else None
        if digest == spec.data and data.info.name == spec.dataset:
            return data
        raise ConfigError(
            f"the run is on {_words(spec.dataset, spec.data)}, and these are {_words(data.info.name, digest)}: give "
            "the data of the run, with the test set and the sample weights that they had."
        )
    if spec.data is not None:
        raise ConfigError(
            f"the run is on {_words(spec.dataset, spec.data)}, which are not stored with it: give them as "
            "data=(X, y), or as data=(X, y, X_test, y_test), as when it was trained."
        )
    return load(spec.dataset, data_dir, quiet=quiet)


def _words(name: str, digest: str | None) -> str:
    return name if digest is None else f"given data with the digest {digest[:8]}..."

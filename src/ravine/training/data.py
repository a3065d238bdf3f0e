"""The data of a run: those of the catalog are loaded; those that were given must be given again."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ravine.data import Dataset, GivenInfo, load
from ravine.errors import ConfigError, DataError
from ravine.formulas.loss import Loss
from ravine.networks import are_classes
from ravine.spec import RunSpec


def require_targets(dataset: Dataset, loss: Loss, dtype: str) -> None:
    """Check that a loss takes all targets that are numbers, and that they are finite in the dtype of a run.

    Raises:
        DataError: one is not so; the message names the row and the column.
    """
    for name, split in (("y", dataset.train), ("y_test", dataset.test)):
        if split is None or are_classes(split.targets):
            continue
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
            "the data of the run."
        )
    if spec.data is not None:
        raise ConfigError(
            f"the run is on {_words(spec.dataset, spec.data)}, which are not stored with it: give them as "
            "data=(X, y), or as data=(X, y, X_test, y_test), as when it was trained."
        )
    return load(spec.dataset, data_dir, quiet=quiet)


def _words(name: str, digest: str | None) -> str:
    return name if digest is None else f"given data with the digest {digest[:8]}..."

"""The data of a run: those of the catalog are loaded; those that were given must be given again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ravine.arrays import Array
from ravine.data import Dataset, GivenInfo, load
from ravine.data.validation import samples_of
from ravine.errors import ConfigError, DataError, shortened
from ravine.formulas.loss import Loss
from ravine.inputs import folded_keys, plain
from ravine.networks import are_classes
from ravine.spec import ResolvedRun, RunSpec, from_settings
from ravine.spec.values import check_data


def kind_of(dataset: Dataset) -> Literal["classes", "numbers", "flags"]:
    """Return what the targets of a data set are; flags are numbers that are all 0 or 1."""
    if are_classes(dataset.train.targets):
        return "classes"
    splits = [split for split in (dataset.train, dataset.test) if split is not None]
    return "flags" if all(np.isin(split.targets, (0, 1)).all() for split in splits) else "numbers"


def runs_on(data: Dataset) -> Callable[[Mapping[str, Any]], ResolvedRun]:
    """Return a function that makes a run on these data from flat settings, as `from_settings` does.

    The layers, if they are not given, are the default ones between the width and the outputs of the data. A share of
    samples for validation becomes their number. Without a test set, the run looks at none.
    """
    info = data.info
    digest, kind = info.digest if isinstance(info, GivenInfo) else None, kind_of(data)
    usual = RunSpec()

    def run(settings: Mapping[str, Any]) -> ResolvedRun:
        flat = folded_keys(settings)
        named = plain(flat.get("dataset", info.name))
        if named != info.name:
            raise ConfigError(f"dataset is {shortened(named)}, and data are given: leave one of the two out.")
        flat |= {"dataset": info.name}
        flat |= {"validation": samples_of(plain(flat.get("validation", 0)), len(data.train.targets))}
        flat.setdefault("layers", (info.width, *usual.layers[1:-1], info.outputs[0]))
        if flat.get("test") is None and data.test is None:
            flat["test"] = "never"
        return from_settings(flat, digest, kind)

    return run


def require_catalog(runs: Iterable[ResolvedRun], place: str) -> None:
    """Check that all runs are on data sets of the catalog, for a place that has no others.

    Raises:
        ConfigError: a run is on data that were given.
    """
    if any(run.spec.data is not None for run in runs):
        raise ConfigError(
            f"the data that were given stay in the memory of this process, and {place} cannot read them there: train "
            "on the threads of this process, or on a data set that `ravine datasets` lists."
        )


def require_matching(run: ResolvedRun, data: Dataset) -> None:
    """Check that data have the columns and outputs of a run's network, and the test set that it looks at.

    Raises:
        ConfigError: they do not.
    """
    if run.spec.data is not None:
        check_data(run.spec.layers, data.info, run.loss)
    if data.test is None and run.spec.test_time != "never":
        raise ConfigError(
            f"test is {run.spec.test_time!r}, and the data have no test set: give one, or leave test out."
        )


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

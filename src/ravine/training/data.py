"""The data of a run: those of the catalog are loaded; those that were given must be given again."""

from __future__ import annotations

from pathlib import Path

from ravine.data import Dataset, GivenInfo, load
from ravine.errors import ConfigError
from ravine.spec import RunSpec


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

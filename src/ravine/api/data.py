"""The data sets, for a user's own look at them."""

from __future__ import annotations

from pathlib import Path

from ravine.data import Dataset, load
from ravine.inputs import path_of


def load_data(name: str = "mnist", data_dir: Path | str | None = None) -> Dataset:
    """Return the images and labels of a data set, from this machine or, if it has none, from a public mirror.

    Args:
        name: a data set that `ravine datasets` lists.
        data_dir: a folder with the files; if None, the environment variable RAVINE_DATA may name one.

    Returns:
        The data set. Its `train` and `test` have `features`, (b, i) uint8 with one row an image, and `targets`, (b,)
        uint8; both are read-only. Its `info` has the names of the classes, and the rows and columns of an image.

    Raises:
        ConfigError: there is no such data set.
        DataError: a file in a folder that you named is missing or damaged.
        DownloadError: no source has a good copy.

    >>> data = load_data()
    >>> data.test.features.shape, data.test.targets[:3].tolist(), data.info.shape
    ((10000, 784), [7, 2, 1], (28, 28))
    """
    return load(name, path_of("data_dir", data_dir), quiet=True)

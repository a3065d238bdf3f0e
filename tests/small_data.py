"""A small data set, as arrays and as files in MNIST's format, for tests and for the programs that they start."""

from __future__ import annotations

import functools
import hashlib

import numpy as np

from data.tiny_data import write_idx
from ravine.data import Dataset, DatasetInfo, dataset

TRAINING_IMAGES, TEST_IMAGES = 230, 70
CLASS_NAMES = tuple("abcdefghij")


def _pictures() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return pictures of 8 x 8 pixels in 10 classes, mostly zeros, that a network can learn, and their labels."""
    rng = np.random.default_rng(8)
    prototypes = rng.integers(1, 256, (10, 64)) * (rng.random((10, 64)) < 0.3)
    halves = {}
    for half, count in (("train", TRAINING_IMAGES), ("t10k", TEST_IMAGES)):
        labels = rng.integers(0, 10, count)
        shown = rng.random((count, 64)) < 0.8
        halves[half] = (prototypes[labels] * shown).reshape(count, 8, 8).astype(np.uint8), labels.astype(np.uint8)
    return halves


@functools.cache
def small_arrays() -> Dataset:
    """Return the data set for `ravine.train(data=...)`, which needs no file and no name in the catalog."""
    train, test = _pictures().values()
    return dataset(*train, test=test, class_names=CLASS_NAMES)


def small_files() -> dict[str, bytes]:
    """Return the files of the data set."""
    return {
        f"{half}-{kind}-ubyte": write_idx(array)
        for half, arrays in _pictures().items()
        for kind, array in zip(("images-idx3", "labels-idx1"), arrays, strict=True)
    }


def small_info(files: dict[str, bytes]) -> DatasetInfo:
    """Describe the small data set as the table of data sets would."""
    return DatasetInfo(
        name="small",
        title="a small data set",
        shape=(8, 8),
        train_count=TRAINING_IMAGES,
        classes=10,
        class_names=CLASS_NAMES,
        sha256={name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        mirrors=(),
        megabytes=1,
        source="a test",
        license="none",
    )

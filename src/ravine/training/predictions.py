"""What a run predicts for the test images of its data set."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ravine.arrays import Array
from ravine.data import DatasetInfo, load
from ravine.inputs import path_of

if TYPE_CHECKING:
    from ravine.training.run import Run


SHOWN = 40
"""How many misclassified images a picture shows unless the user wants more or fewer."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """Test images with their true classes and those that a run predicts.

    Attributes:
        info: the data set.
        images: (b, i) uint8.
        true, predicted: (b,) int64, classes from 0.
        probability: (b,), that of the predicted class.
    """

    info: DatasetInfo
    images: Array
    true: Array
    predicted: Array
    probability: Array

    @cached_property
    def errors(self) -> Array:
        """The numbers of the images that are misclassified, ascending, int64."""
        return np.flatnonzero(self.true != self.predicted)

    @property
    def most_confident_errors(self) -> Array:
        """The same, those with the highest probability first."""
        return self.errors[np.argsort(-self.probability[self.errors], kind="stable")]

    @property
    def confusion(self) -> Array:
        """How many images of each class (rows) are predicted to be of each class (columns), int64."""
        counts = np.zeros((self.info.classes, self.info.classes), np.int64)
        np.add.at(counts, (self.true, self.predicted), 1)
        return counts


def predictions_of(run: Run, data_dir: Path | str | None = None, *, quiet: bool = True) -> Predictions:
    """Classify all test images of a run's data set.

    Raises:
        ConfigError: the weights are not finite.
        DataError, DownloadError: the images cannot be had.
    """
    data = load(run.spec.dataset, path_of("data_dir", data_dir), quiet=quiet)
    found = run.probabilities(data.test.features)
    predicted = found.argmax(axis=1)
    probability = np.take_along_axis(found, predicted[:, None], axis=1)[:, 0].astype(np.float64)
    return Predictions(data.info, data.test.features, data.test.targets.astype(np.int64), predicted, probability)

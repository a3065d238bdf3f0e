"""What a run predicts for the test samples of its data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ravine.arrays import Array
from ravine.data import DatasetInfo, GivenInfo, value_of
from ravine.data.info import sample_word
from ravine.errors import ConfigError
from ravine.inputs import path_of
from ravine.losses.cross_entropy import softmax
from ravine.networks import predicted_classes
from ravine.training.data import data_of

if TYPE_CHECKING:
    from ravine.training.run import Run


SHOWN = 40
"""How many misclassified images a picture shows unless the user wants more or fewer."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """Test samples with their true classes and those that a run predicts.

    Attributes:
        info: the facts about the data.
        images: the features, (b, i), of images or of other samples.
        true, predicted: (b,) int64, classes from 0.
        probability: (b,), that of the predicted class; of a loss of single outputs, its output.
    """

    info: DatasetInfo | GivenInfo
    images: Any
    true: Array
    predicted: Array
    probability: Array

    @property
    def samples(self) -> str:
        """The word for the samples."""
        return f"{sample_word(self.info)}s"

    @cached_property
    def errors(self) -> Array:
        """The numbers of the samples that are misclassified, ascending, int64."""
        return np.flatnonzero(self.true != self.predicted)

    @property
    def most_confident_errors(self) -> Array:
        """The same, those with the highest probability first."""
        return self.errors[np.argsort(-self.probability[self.errors], kind="stable")]

    @property
    def confusion(self) -> Array:
        """How many samples of each class (rows) are predicted to be of each class (columns), int64."""
        counts = np.zeros((self.info.classes, self.info.classes), np.int64)
        np.add.at(counts, (self.true, self.predicted), 1)
        return counts


def predictions_of(
    run: Run, data_dir: Path | str | None = None, *, data: Any = None, quiet: bool = True
) -> Predictions:
    """Classify all test samples of a run's data.

    Raises:
        ConfigError: the weights are not finite, or the data have no test set, or are those of another run.
        DataError, DownloadError: the data cannot be had.
    """
    if run.spec.targets != "classes":
        raise ConfigError(f"the targets of run {run.id} are {run.spec.targets}, which have no classes to be taken for.")
    value = None if data is None else value_of(data)
    found_data = data_of(run.spec, value, path_of("data_dir", data_dir), quiet=quiet)
    test = found_data.test
    if test is None:
        raise ConfigError(f"the data of run {run.id} have no test set; run.predict takes any samples.")
    z = run.outputs(test.features)
    predicted = predicted_classes(run.network, z)
    # Without a softmax the largest output still tells how sure the network is, in another unit.
    found = softmax(z) if run.network.objective.formula is None else np.abs(z) if z.shape[1] == 1 else z
    probability = found.max(axis=1).astype(np.float64)
    return Predictions(found_data.info, test.features, test.targets.astype(np.int64), predicted, probability)

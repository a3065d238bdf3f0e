"""A finished run, for its user: numbers, weights, predictions, a picture."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ravine.arrays import Array
from ravine.data import info_of, scaled
from ravine.errors import ConfigError, shortened
from ravine.html import heading, paragraph, picture, table
from ravine.inputs import convert, plain
from ravine.losses.cross_entropy import softmax
from ravine.networks import forward
from ravine.spec import ResolvedRun, RunSpec, describe
from ravine.storage.quantities import QUANTITIES, given
from ravine.storage.record import Cause, Result, Seconds
from ravine.storage.store import StoredRun
from ravine.training.history import History
from ravine.training.predictions import SHOWN, predictions_of

if TYPE_CHECKING:
    from ravine.pictures import Figure


class Run:
    """A finished run, read from its folder.

    Attributes:
        result: everything that `ravine train --json` prints.
        environment: versions, processor and time of the run.
        folder: where it is stored.
        stored: the run as it is on the disk.
        resolved: the run with the things that its names stand for, if it was trained or asked for in this process.
    """

    def __init__(self, stored: StoredRun, resolved: ResolvedRun | None = None) -> None:
        self.stored, self.resolved = stored, resolved
        self.result: Result = stored.result
        self.environment = stored.environment
        self.folder: Path = stored.folder

    def __repr__(self) -> str:
        r = self.result
        pairs = (("validation_accuracy", r.validation_accuracy), ("test_accuracy", r.test_accuracy))
        accuracies = "".join(f", {name}={value:.4f}" for name, value in pairs if value is not None)
        return f"Run({r.id}, {r.status}, {describe(r.spec)}{accuracies})"

    def _repr_html_(self) -> str:
        from ravine.pictures import png

        r = self.result
        rows = [(quantity.head, quantity.show(quantity.of(r))) for quantity in given(QUANTITIES.values(), [r.spec])]
        rows += [("epochs", f"{len(r.history)} of {r.spec.epochs}"), ("seed", str(r.spec.seed)), ("id", r.id)]
        text = heading(f"Run {r.status}", describe(r.spec))
        text += paragraph(r.cause.message) if r.cause is not None else ""
        text += paragraph(f"Hint: {r.hint}") if r.hint is not None else ""
        text += table(("quantity", "value"), rows)
        return text + picture(png(self.plot()), "Losses and accuracies over the epochs") if r.history else text

    @property
    def id(self) -> str:
        """The run's id."""
        return self.result.id

    @property
    def spec(self) -> RunSpec:
        """The settings of the run, with every default filled in."""
        return self.result.spec

    @property
    def optimizer_text(self) -> str | None:
        """The text of the optimizer as it was then, None if it is one of ravine's own."""
        return self.stored.optimizer_text

    @property
    def schedule_text(self) -> str | None:
        """The text of the schedule as it was then, None if it is one of ravine's own."""
        return self.stored.schedule_text

    @property
    def activation_text(self) -> str | None:
        """The texts of the activations as they were then, None if all are ravine's own."""
        return self.stored.activation_text

    @property
    def status(self) -> str:
        """How the run ended: "done" or "diverged"."""
        return self.result.status

    @property
    def cause(self) -> Cause | None:
        """Why it diverged."""
        return self.result.cause

    @property
    def hint(self) -> str | None:
        """The likeliest reason why it diverged or did not learn, and what to do; None if it learned."""
        return self.result.hint

    @property
    def history(self) -> History:
        """One record an epoch, and each quantity as a column."""
        return History(self.result.history)

    @property
    def train_loss(self) -> float | None:
        """Mean training loss over the last epoch, while the weights move."""
        return self.result.train_loss

    @property
    def validation_loss(self) -> float | None:
        """Mean loss at the end over the samples held out for validation; None if none are."""
        return self.result.validation_loss

    @property
    def validation_accuracy(self) -> float | None:
        """Share of these samples that are classified correctly at the end; None if none are held out."""
        return self.result.validation_accuracy

    @property
    def test_loss(self) -> float | None:
        """Mean test loss at the end; None if the run did not look at the test set."""
        return self.result.test_loss

    @property
    def test_accuracy(self) -> float | None:
        """Share of test images that are classified correctly at the end; None if the run did not look at them."""
        return self.result.test_accuracy

    @property
    def tested(self) -> bool:
        """Whether the run looked at the test set, after an epoch or at its end."""
        return self.result.tested

    @property
    def seconds(self) -> Seconds:
        """Where the time went."""
        return self.result.seconds

    @cached_property
    def weights(self) -> Array:
        """The flat weight vector, shape (n,), read-only, in the dtype of the run."""
        weights = self.stored.weights()
        weights.flags.writeable = False
        return weights

    @property
    def matrices(self) -> tuple[Array, ...]:
        """Each layer's weights as a matrix (i, o); with biases, the last row is the bias."""
        return self.spec.network.layout.views(self.weights)

    def probabilities(self, images: ArrayLike) -> Array:
        """Return each class's probability, (b, classes), for images (b, i) or (b, rows, columns), or for one image.

        Pixels are uint8 from 0 to 255, or floats that are already scaled to [0, 1]; `read_picture` makes them from a
        picture file.
        """
        if not np.isfinite(self.weights).all():
            raise ConfigError(f"run {self.id} diverged: its weights are not finite, so it cannot predict.")
        return softmax(forward(self.spec.network, self.weights, self._inputs(images)).logits)

    def predict(self, images: ArrayLike) -> Array:
        """Return the most probable class of each image, (b,) int64; `images` as for `probabilities`."""
        classes: Array = self.probabilities(images).argmax(axis=1)
        return classes

    def _inputs(self, given: ArrayLike) -> Array:
        try:
            images = np.asarray(given)
        except (ValueError, TypeError, OverflowError) as error:
            raise ConfigError(f"images are no array of numbers: {error}.") from None
        width, shape = self.spec.layers[0], info_of(self.spec.dataset).shape
        one_each = images.ndim in (1, 2) and images.shape[-1] == width
        if images.size == 0 or not (one_each or (images.ndim in (2, 3) and images.shape[-2:] == shape)):
            raise ConfigError(
                f"images have shape {images.shape}; each must be {shape} or ({width},); "
                "ravine.read_picture(FILE).pixels has those of a picture file."
            )
        flat = images.reshape(-1, width)
        if flat.dtype == np.uint8:
            return scaled(flat, self.weights.dtype)
        if not np.issubdtype(flat.dtype, np.floating) or not ((flat >= 0) & (flat <= 1)).all():
            raise ConfigError(f"images have dtype {flat.dtype}; give uint8 pixels, or floats from 0 to 1.")
        return flat.astype(self.weights.dtype)

    def errors(self, data_dir: Path | str | None = None) -> Array:
        """Return the numbers of the test images that the run misclassifies, ascending, int64.

        It looks at the test set, also for a run that has not; so do `confusion`, `plot_errors` and `plot_confusion`.

        `data_dir` is a folder with the files of the run's data set; without it they are found, or downloaded.
        """
        return predictions_of(self, data_dir).errors

    def confusion(self, data_dir: Path | str | None = None) -> Array:
        """Return how many test images of each class are predicted to be of each class, (classes, classes) int64.

        A row is a true class, a column a predicted one; `data_dir` as for `errors`.
        """
        return predictions_of(self, data_dir).confusion

    def plot(self, *others: Run) -> Figure:
        """Draw the losses and accuracies over the epochs, those of other runs too; return a matplotlib figure.

        The figure shows itself as the last line of a notebook's cell; `figure.savefig("run.png")` writes it to a file.
        Several runs are named by the settings in which they differ.
        """
        from ravine.training.pictures.curves import plot_curves

        for other in others:
            if not isinstance(other, Run):
                raise ConfigError(f"plot is given {shortened(other)}; give runs, as train and load_run return them.")
        return plot_curves([run.result for run in (self, *others)])

    def plot_confusion(self, data_dir: Path | str | None = None) -> Figure:
        """Draw the matrix of `confusion`; the colors show where the errors are."""
        from ravine.training.pictures.confusion import plot_confusion

        return plot_confusion(predictions_of(self, data_dir), self._title)

    def plot_errors(self, count: int = SHOWN, data_dir: Path | str | None = None) -> Figure:
        """Draw up to `count` misclassified test images, those first of whose wrong class the run is most confident."""
        from ravine.training.pictures.errors import plot_errors

        most = convert(plain(count), int, "count")
        if most < 1:
            raise ConfigError(f"count is {most}; it must be 1 or more.")
        return plot_errors(predictions_of(self, data_dir), self._title, most)

    def plot_weights(self) -> Figure:
        """Draw the weights of each unit of the first layer as a picture: red above 0, blue below, biases left out."""
        from ravine.training.pictures.weights import plot_weights

        inputs = self.spec.layers[0]
        return plot_weights(self.matrices[0][:inputs], info_of(self.spec.dataset).shape, self._title)

    @property
    def _title(self) -> str:
        from ravine.training.pictures.curves import title_of

        return title_of(self.result)

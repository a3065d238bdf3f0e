"""A finished run, for its user: numbers, weights, predictions, a picture."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ravine.arrays import Array
from ravine.data import rows_at_once
from ravine.errors import ConfigError, shortened
from ravine.html import heading, paragraph, picture, table
from ravine.inputs import convert, plain
from ravine.losses.cross_entropy import softmax
from ravine.networks import Layout, Network, forward, predicted_classes
from ravine.spec import ResolvedRun, RunSpec, activation_text, describe, loss_text
from ravine.storage.quantities import QUANTITIES, SUMMARY, given
from ravine.storage.record import Cause, Result, Seconds
from ravine.storage.store import StoredRun
from ravine.training.history import History
from ravine.training.predictions import SHOWN, predictions_of
from ravine.training.rows import rows_of

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
        pairs = ((quantity.name, quantity.of(r)) for quantity in SUMMARY if quantity.is_score)
        known = ((name, value) for name, value in pairs if value is not None)
        scores = "".join(f", {name}={value:{'.4f' if abs(value) < 10 else '.4g'}}" for name, value in known)
        return f"Run({r.id}, {r.status}, {describe(r.spec)}{scores})"

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
    def loss_text(self) -> str | None:
        """The text of the loss as it was then, None if it is one of ravine's own."""
        return self.stored.loss_text

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
        """Mean training loss over the last epoch, while the weights move; with sample weights, the weighted loss."""
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
    def validation_r2(self) -> float | None:
        """R^2 of the predicted numbers of the samples held out, at the end; None if the targets are no numbers."""
        return self.result.validation_r2

    @property
    def validation_mean_absolute_error(self) -> float | None:
        """Mean absolute error of these predictions."""
        return self.result.validation_mean_absolute_error

    @property
    def test_r2(self) -> float | None:
        """R^2 of the predicted numbers of the test set at the end; None if the targets are no numbers."""
        return self.result.test_r2

    @property
    def test_mean_absolute_error(self) -> float | None:
        """Mean absolute error of these predictions."""
        return self.result.test_mean_absolute_error

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
        return Layout(self.spec.layers, self.spec.bias).views(self.weights)

    @cached_property
    def network(self) -> Network:
        """The network, with the activations with which it was trained.

        Raises:
            ConfigError: an activation of the user's cannot be found again, or has another text now.
        """
        if self.resolved is not None:
            return self.resolved.network
        try:
            network = self.spec.network
        except ConfigError as error:
            raise ConfigError(
                f"run {self.id} has the activation {self.spec.activation_label} and the loss {self.spec.loss_label}, "
                f"and one of them cannot be found again: {error} What train returned still has them."
            ) from error
        each = network.activations if "," in self.spec.activation else network.activations[:1]
        for kind, label, now, then in (
            ("activation", self.spec.activation_label, activation_text(each), self.activation_text),
            ("loss", self.spec.loss_label, loss_text(network.objective), self.loss_text),
        ):
            if (now or "").strip() != (then or "").strip():
                raise ConfigError(
                    f"the {kind} {label} has another text now than when run {self.id} was trained; "
                    f"`ravine runs show {self.id}` shows that of then."
                )
        return network

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the columns of `probabilities`."""
        return self.stored.info.class_names

    def probabilities(self, features: Any) -> Array:
        """Return each class's probability, (b, classes), for samples (b, i) or for one sample.

        With the logistic loss it is that of each output by itself. Other losses of single outputs have none.

        Images may be (b, rows, columns), or one image (rows, columns); pixels are uint8 from 0 to 255, or floats that
        are already scaled to [0, 1], and `read_picture` makes them from a picture file. Of a run on data that were
        given, samples are as `X` of `ravine.dataset`.
        """
        z, loss = self.outputs(features), self.network.objective
        if loss.formula is None:
            return softmax(z)
        if loss.targets != "[0, 1]":
            raise ConfigError(f"run {self.id} has the loss {loss.name}, which gives no probabilities: use predict.")
        return loss.predicted(z)

    def outputs(self, features: Any) -> Array:
        """Return the outputs of the network, (b, o), for samples as `probabilities` takes them."""
        if not np.isfinite(self.weights).all():
            raise ConfigError(f"run {self.id} diverged: its weights are not finite, so it cannot predict.")
        samples, network = rows_of(features, self.stored.info), self.network
        chunk = rows_at_once(network.layers[0], samples.count)
        parts = (samples.inputs(slice(low, low + chunk), self.weights.dtype) for low in range(0, samples.count, chunk))
        found: Array = np.concatenate([forward(network, self.weights, x).logits for x in parts])
        return found

    def predict(self, features: Any) -> Array:
        """Return what is predicted for each sample; `features` as for `probabilities`.

        It is the class, (b,) int64, that of the largest output. If the targets are numbers, it is the numbers, (b, o),
        or flags of 0 and 1, int64, if the loss takes these; (b,) where there is one output.
        """
        z = self.outputs(features)
        if self.spec.targets == "classes":
            return predicted_classes(self.network, z)
        found = self.network.objective.predicted(z)
        found = (found > 0.5).astype(np.int64) if self.spec.targets == "flags" else found
        return found[:, 0] if found.shape[1] == 1 else found

    def errors(self, data_dir: Path | str | None = None, *, data: Any = None) -> Array:
        """Return the numbers of the test samples that the run misclassifies, ascending, int64.

        It looks at the test set, also for a run that has not; so do `confusion`, `plot_errors` and `plot_confusion`.

        `data_dir` is a folder with the files of the run's data set; without it they are found, or downloaded. A run on
        data that were given needs them again, as `data`.
        """
        return predictions_of(self, data_dir, data=data).errors

    def confusion(self, data_dir: Path | str | None = None, *, data: Any = None) -> Array:
        """Return how many test samples of each class are predicted to be of each class, (classes, classes) int64.

        A row is a true class, a column a predicted one; `data_dir` and `data` as for `errors`.
        """
        return predictions_of(self, data_dir, data=data).confusion

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

    def plot_confusion(self, data_dir: Path | str | None = None, *, data: Any = None) -> Figure:
        """Draw the matrix of `confusion`; the colors show where the errors are."""
        from ravine.training.pictures.confusion import plot_confusion

        return plot_confusion(predictions_of(self, data_dir, data=data), self._title)

    def plot_errors(self, count: int = SHOWN, data_dir: Path | str | None = None, *, data: Any = None) -> Figure:
        """Draw up to `count` misclassified test images, those first of whose wrong class the run is most confident."""
        from ravine.training.pictures.errors import plot_errors

        most = convert(plain(count), int, "count")
        if most < 1:
            raise ConfigError(f"count is {most}; it must be 1 or more.")
        self._shape("plot_errors")
        return plot_errors(predictions_of(self, data_dir, data=data), self._title, most)

    def plot_weights(self) -> Figure:
        """Draw the weights of each unit of the first layer as a picture: red above 0, blue below, biases left out."""
        from ravine.training.pictures.weights import plot_weights

        shape, inputs = self._shape("plot_weights"), self.spec.layers[0]
        return plot_weights(self.matrices[0][:inputs], shape, self._title)

    def _shape(self, what: str) -> tuple[int, int]:
        """Return rows and columns of the images of the run's data."""
        shape = self.stored.info.shape
        if shape is None:
            raise ConfigError(
                f"{what} draws images, and the samples of run {self.id} are none; if they are, give ravine.dataset "
                "their shape, as shape=(28, 28)."
            )
        return shape

    @property
    def _title(self) -> str:
        from ravine.training.pictures.curves import title_of

        return title_of(self.result)

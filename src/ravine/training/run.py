"""A finished run, for its user: numbers, weights, predictions, a picture."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ravine.arrays import Array
from ravine.data import info_of, scaled
from ravine.errors import ConfigError
from ravine.html import heading, paragraph, picture, table
from ravine.losses.cross_entropy import softmax
from ravine.networks import forward
from ravine.spec import ResolvedRun, RunSpec, describe
from ravine.storage.quantities import QUANTITIES
from ravine.storage.record import Cause, Result, Seconds
from ravine.storage.store import StoredRun
from ravine.training.history import History

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
        accuracy = "" if r.test_accuracy is None else f", test_accuracy={r.test_accuracy:.4f}"
        return f"Run({r.id}, {r.status}, {describe(r.spec)}{accuracy})"

    def _repr_html_(self) -> str:
        from ravine.pictures import png

        r = self.result
        rows = [(quantity.head, quantity.show(quantity.of(r))) for quantity in QUANTITIES.values()]
        rows += [("epochs", f"{len(r.history)} of {r.spec.epochs}"), ("seed", str(r.spec.seed)), ("id", r.id)]
        text = heading(f"Run {r.status}", describe(r.spec))
        text += paragraph(r.cause.message) if r.cause is not None else ""
        text += paragraph(f"Hint: {r.hint}") if r.hint is not None else ""
        text += table(("quantity", "value"), rows)
        return text + picture(png(self.plot()), "Losses and test accuracy over the epochs") if r.history else text

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
    def test_loss(self) -> float | None:
        """Mean test loss at the end."""
        return self.result.test_loss

    @property
    def test_accuracy(self) -> float | None:
        """Share of test images that are classified correctly at the end."""
        return self.result.test_accuracy

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
            raise ConfigError(f"images have shape {images.shape}; each must be {shape} or ({width},).")
        flat = images.reshape(-1, width)
        if flat.dtype == np.uint8:
            return scaled(flat, self.weights.dtype)
        if not np.issubdtype(flat.dtype, np.floating) or not ((flat >= 0) & (flat <= 1)).all():
            raise ConfigError(f"images have dtype {flat.dtype}; give uint8 pixels, or floats from 0 to 1.")
        return flat.astype(self.weights.dtype)

    def plot(self) -> Figure:
        """Draw the losses and the test accuracy over the epochs; return a matplotlib figure."""
        from ravine.training.plot import plot_history

        return plot_history(self.result)

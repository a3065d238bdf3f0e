"""The records of a run, as plain data: its history, how it ended, and why."""

from __future__ import annotations

import dataclasses
from typing import Literal

import msgspec

from ravine.spec import RunSpec

Status = Literal["done", "diverged", "interrupted"]


@dataclasses.dataclass(frozen=True)
class Epoch:
    """One line of the history. It is a dataclass, of which `pandas.DataFrame` makes columns.

    Attributes:
        epoch: counted from 1.
        steps: the number of steps since the run began.
        lr: the learning rate of the epoch; of its first step if it changes by step.
        batch_size: samples in a batch of this epoch.
        train_loss: mean loss over the training samples, each taken before the update of its batch, while the weights
            move. If samples have weights, each loss is multiplied by its sample's; all other numbers count each once.
        test_loss, test_accuracy: over the test set, with the weights at the end of the epoch. A loss that is not
            finite is None, and both are if the run did not look at the test set then.
        seconds: wall time of the training steps alone.
        validation_loss, validation_accuracy: the same over the samples held out for validation; None if none are.
        validation_r2, validation_mean_absolute_error, test_r2, test_mean_absolute_error: of predictions of numbers,
            which have no accuracy; None of classes and flags.
    """

    epoch: int
    steps: int
    lr: float
    batch_size: int
    train_loss: float
    test_loss: float | None
    test_accuracy: float | None
    seconds: float
    validation_loss: float | None = None
    validation_accuracy: float | None = None
    validation_r2: float | None = None
    validation_mean_absolute_error: float | None = None
    test_r2: float | None = None
    test_mean_absolute_error: float | None = None


EPOCH_FIELDS = tuple(field.name for field in dataclasses.fields(Epoch))
"""The names of what an epoch has."""


class NonFinite(msgspec.Struct, frozen=True, tag_field="kind", tag="non_finite"):
    """The cause of a run that stopped because a number is not finite.

    Either the loss of a batch is not finite, and the run stopped before the update of this batch; or weights are not
    finite after the last step of an epoch.

    Attributes:
        epoch, step: the epoch and the step, counted from 1; `step` counts all batches of the run.
        layer: the first layer, counted from 1, that has a number which is not finite; the number of layers plus 1 if
            only the softmax has one.
        where: "weights" if weights are not finite, "outputs" if finite weights give outputs that are not, "softmax" or
            "loss" if only that does.
        message: the same as a sentence.
    """

    epoch: int
    step: int
    layer: int
    where: Literal["weights", "outputs", "softmax", "loss"]
    message: str


class DeadNetwork(msgspec.Struct, frozen=True, tag_field="kind", tag="dead_network"):
    """A hidden layer has no live unit on any image, so that no gradient passes it.

    Attributes:
        epoch: the epoch, counted from 1, at whose end it was found.
        layer: the first dead hidden layer, counted from 1.
        loss: the loss over the images on which it was found; ln K if every logit is equal.
        logits_equal: whether all K logits are the same on every image.
        message: the same as a sentence.
    """

    epoch: int
    layer: int
    loss: float | None
    logits_equal: bool
    message: str


Cause = NonFinite | DeadNetwork


class Seconds(msgspec.Struct, frozen=True):
    """Wall time in seconds; if the run was interrupted and resumed, the sum over all its parts."""

    compile: float = 0.0
    train: float = 0.0
    evaluate: float = 0.0
    total: float = 0.0


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended; the document that `ravine train --json` prints.

    `train_loss` is that of the last whole epoch; `validation_loss`, `validation_accuracy`, `test_loss`,
    `test_accuracy` and the like are those of the stored weights. A number that is not finite, or not known, is None.
    `tested` says whether the run looked at the test set, after an epoch or at its end. `hint` is the likeliest cause
    and what to do, for a run that diverged or did not learn; None if it learned, or if there is no evidence for a
    cause.
    """

    status: Status
    cause: Cause | None
    hint: str | None = None
    id: str
    parameters: int
    train_loss: float | None
    validation_loss: float | None = None
    validation_accuracy: float | None = None
    validation_r2: float | None = None
    validation_mean_absolute_error: float | None = None
    test_loss: float | None
    test_accuracy: float | None
    test_r2: float | None = None
    test_mean_absolute_error: float | None = None
    tested: bool = True
    seconds: Seconds
    history: list[Epoch]
    spec: RunSpec

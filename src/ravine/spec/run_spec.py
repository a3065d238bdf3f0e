"""A run as its names: what is written to a file, and read again."""

from __future__ import annotations

from pathlib import PurePath
from typing import Literal

import msgspec

from ravine.formulas.kinds import Value
from ravine.networks import Network

DIGITS = 8
"""How many digits of a checksum tell two of them apart."""


class RunSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One training run.

    The defaults are plain SGD in batches of 10, ten epochs on MNIST. `optimizer` and `schedule` are names, or
    FILE.py:NAME; `stages` are the user's own, as FILE.py:NAME. `hyperparameters` has the hyper-parameters of the
    optimizer and of stages, except the learning rate: numbers, whole numbers and flags. One that is not given has its
    default. `schedule_settings` has the settings of the schedule. `per_layer` has, for some hyper-parameters or lr, one
    factor for each layer. `validation` is the number of training samples that are held out, or their share, which
    `resolve` makes a number; `test` says when the test set is looked at, None what `test_time` says. With
    `largest_batch` the batch grows when the schedule would lower the rate, see `formulas.schedule.grown_batch_size`;
    the rate falls only where the batch can grow no further. `data` is the digest of data that were given, and then
    `dataset` is "given"; `initial_weights` and `order` are the SHA-256 of arrays that the caller gave in place of those
    that the seed makes. `extends` is the id of the run from whose end this one
    goes on, if its epochs until then are not those that these settings describe. tests/test_settings.py compares the
    fields with `ravine.settings`.
    """

    dataset: str = "mnist"
    layers: tuple[int, ...] = (784, 300, 100, 100, 10)
    activation: str = "relu"
    bias: bool = False
    softmax: str = "shifted"
    loss: str = "cross-entropy"
    label_smoothing: float = 0.0
    init: str = "glorot-uniform"
    optimizer: str = "sgd"
    stages: tuple[str, ...] = ()
    lr: float | None = None
    hyperparameters: dict[str, Value] = msgspec.field(default_factory=dict)
    per_layer: dict[str, tuple[float, ...]] = msgspec.field(default_factory=dict)
    schedule: str = "constant"
    schedule_settings: dict[str, Value] = msgspec.field(default_factory=dict)
    schedule_by: Literal["epoch", "step"] = "epoch"
    warmup: float = 0.0
    batch_size: int = 10
    largest_batch: int | None = None
    epochs: int = 10
    seed: int = 0
    validation: int | float = 0
    validation_seed: int = 0
    test: str | None = None
    engine: str = "fused"
    dtype: str = "float32"
    data: str | None = None
    initial_weights: str | None = None
    order: str | None = None
    targets: Literal["classes", "numbers", "flags"] = "classes"
    extends: str | None = None

    @property
    def network(self) -> Network:
        """The network that the spec describes."""
        names = tuple(self.activation.split(","))
        activation = names[0] if len(names) == 1 else names
        return Network(self.layers, activation, self.bias, self.softmax, self.loss, self.label_smoothing)

    @property
    def test_time(self) -> str:
        """When the test set is looked at: after each "epoch", at the "end" or "never"."""
        return self.test or ("never" if self.validation else "epoch")

    @property
    def optimizer_name(self) -> str:
        """The optimizer's name without the path of its file."""
        return self.optimizer.rpartition(":")[2]

    @property
    def optimizer_label(self) -> str:
        """The optimizer's name, and before it that of its file if it has one, without the folder."""
        return _label(self.optimizer)

    @property
    def stage_names(self) -> tuple[str, ...]:
        """The names of the stages of the user's own, without the paths of their files."""
        return tuple(stage.rpartition(":")[2] for stage in self.stages)

    @property
    def stage_labels(self) -> tuple[str, ...]:
        """The names of these stages, each with the name of its file, without the folder."""
        return tuple(map(_label, self.stages))

    @property
    def activation_name(self) -> str:
        """The activation, or one for each hidden layer, without the paths of files."""
        return ",".join(name.rpartition(":")[2] for name in self.activation.split(","))

    @property
    def activation_label(self) -> str:
        """The activation, or one for each hidden layer, with the name of its file, without the folder."""
        return ",".join(map(_label, self.activation.split(",")))

    @property
    def loss_name(self) -> str:
        """The loss's name without the path of its file."""
        return self.loss.rpartition(":")[2]

    @property
    def loss_label(self) -> str:
        """The loss's name, and before it that of its file if it has one, without the folder."""
        return _label(self.loss)

    @property
    def schedule_name(self) -> str:
        """The schedule's name without the path of its file."""
        return self.schedule.rpartition(":")[2]

    @property
    def schedule_label(self) -> str:
        """The schedule's name, and before it that of its file if it has one, without the folder."""
        return _label(self.schedule)


def _label(reference: str) -> str:
    """Return a name without the folder of its file.

    >>> _label("/home/me/mine.py:mine"), _label("adam")
    ('mine.py:mine', 'adam')
    """
    file, colon, name = reference.rpartition(":")
    return f"{PurePath(file).name}{colon}{name}"

"""A problem to compare optimizers on: data, a network, a loss, and how long to train."""

from __future__ import annotations

from typing import Any

import msgspec


class Problem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be learned, and for how long; optimizers, and what is chosen for them, are left open.

    Attributes:
        name: its name on the command line.
        title: what it is, in a few words.
        dataset, layers, activation, bias, softmax, loss, label_smoothing, init: the data and the network; see
            `ravine.train`.
        batch_size: samples in a batch.
        epochs: the horizon; scores are those at its end, never earlier ones.
        validation: how many training samples are held out to choose settings on: a number, or a share below 1.
        target: the validation accuracy to which the way is measured; None if there is none.
        target_source: who set the target, and how.
    """

    name: str
    title: str = ""
    dataset: str = "mnist"
    layers: tuple[int, ...]
    activation: str = "relu"
    bias: bool = False
    softmax: str = "shifted"
    loss: str = "cross-entropy"
    label_smoothing: float = 0.0
    init: str = "glorot-uniform"
    batch_size: int
    epochs: int
    validation: int | float = 10_000
    target: float | None = None
    target_source: str = ""

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of every run on it, as `ravine.train` takes them, without those of validation."""
        own = ("name", "title", "validation", "target", "target_source")
        settings = {field: getattr(self, field) for field in self.__struct_fields__ if field not in own}
        # Points of a search are drawn by these settings, and stay where they were before there were other losses.
        if self.loss == "cross-entropy":
            del settings["loss"]
        if not self.label_smoothing:
            del settings["label_smoothing"]
        return settings

"""The description of a network, without its weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ravine.errors import ConfigError, unknown
from ravine.formulas.shelves import ACTIVATIONS
from ravine.losses.cross_entropy import SOFTMAX_FORMS
from ravine.networks.layout import Layout


@dataclass(frozen=True)
class Network:
    """A multi-layer perceptron with one activation for all hidden layers and softmax with cross-entropy on top.

    Attributes:
        layers: sizes n_0 (inputs) to n_L (classes).
        activation: a name from `ACTIVATIONS`.
        bias: whether each layer has a bias row.
        softmax: a name from `SOFTMAX_FORMS`.

    >>> Network((784, 300, 100, 100, 10)).layout.size
    276200
    """

    layers: tuple[int, ...]
    activation: str = "relu"
    bias: bool = False
    softmax: str = "shifted"

    def __post_init__(self) -> None:
        if self.activation not in ACTIVATIONS:
            raise ConfigError(unknown("activation", self.activation, ACTIVATIONS))
        if self.softmax not in SOFTMAX_FORMS:
            raise ConfigError(unknown("softmax form", self.softmax, SOFTMAX_FORMS))
        _ = self.layout  # raises if the layers do not make a network

    @cached_property
    def layout(self) -> Layout:
        """Where each weight lies in the flat vector."""
        return Layout(self.layers, self.bias)

"""The description of a network, without its weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ravine.errors import ConfigError, shortened, unknown
from ravine.formulas.activation import Activation
from ravine.formulas.loss import Loss
from ravine.formulas.shelves import ACTIVATIONS, LOSSES
from ravine.inputs import plain
from ravine.losses.cross_entropy import SOFTMAX_FORMS
from ravine.networks.layout import Layout
from ravine.words import several


@dataclass(frozen=True)
class Network:
    """A multi-layer perceptron and its loss.

    Attributes:
        layers: sizes n_0 (inputs) to n_L (outputs).
        activation: that of all hidden layers, or one for each: names, of `ACTIVATIONS` or as FILE.py:NAME, or
            activations themselves.
        bias: whether each layer has a bias row.
        softmax: the form of the softmax with cross-entropy, a name from `SOFTMAX_FORMS`.
        loss: the loss, a name of `LOSSES` or as FILE.py:NAME, or a loss itself.
        label_smoothing: with cross-entropy, the share s of the target that all classes have alike; see
            `ravine.losses.cross_entropy`.

    >>> Network((784, 300, 100, 100, 10)).layout.size
    276200
    >>> [f.name for f in Network((784, 30, 20, 10), ("relu", "tanh")).activations]
    ['relu', 'tanh']
    """

    layers: tuple[int, ...]
    activation: str | Activation | tuple[str | Activation, ...] = "relu"
    bias: bool = False
    softmax: str = "shifted"
    loss: str | Loss = "cross-entropy"
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        if self.softmax not in SOFTMAX_FORMS:
            raise ConfigError(unknown("softmax form", self.softmax, SOFTMAX_FORMS))
        objective = self.objective
        if self.softmax != "shifted" and objective.formula is not None:
            raise ConfigError(f"softmax is {self.softmax}, and the loss {objective.name} has none: leave it out.")
        self._check_smoothing()
        _ = self.layout, self.activations  # raise if the layers do not make a network, or a name does not exist

    def _check_smoothing(self) -> None:
        smoothing, loss = plain(self.label_smoothing), self.objective
        if type(smoothing) not in (int, float) or not 0 <= smoothing < 1:
            raise ConfigError(
                f"label_smoothing is {shortened(smoothing)}; it must be a number from 0 to below 1, such as 0.1."
            )
        if not smoothing:
            return
        if loss.formula is not None:
            shares = ", and give targets such as 0.05 and 0.95 in place of 0 and 1" if loss.targets == "[0, 1]" else ""
            raise ConfigError(
                f"label_smoothing is {smoothing:g}, and the loss {loss.name} takes each output by itself: leave it out"
                f"{shares}."
            )
        if self.softmax == "naive":
            raise ConfigError(
                f"label_smoothing is {smoothing:g}, and the naive softmax takes none: leave one of the two out."
            )

    @cached_property
    def objective(self) -> Loss:
        """The loss."""
        return LOSSES.find(self.loss)

    @cached_property
    def activations(self) -> tuple[Activation, ...]:
        """The activation of each hidden layer, from the first on."""
        hidden = len(self.layers) - 2
        if not isinstance(self.activation, tuple):
            return (ACTIVATIONS.find(self.activation),) * hidden
        if len(self.activation) != hidden:
            raise ConfigError(
                f"there are {several(len(self.activation), 'activation')} for {several(hidden, 'hidden layer')}: give "
                "one for all, or one for each."
            )
        return tuple(map(ACTIVATIONS.find, self.activation))

    @cached_property
    def layout(self) -> Layout:
        """Where each weight lies in the flat vector."""
        return Layout(self.layers, self.bias)

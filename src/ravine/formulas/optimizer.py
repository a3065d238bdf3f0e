"""What an optimizer is to ravine: a pure function from gradients, weights and a state to steps and the next state."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from ravine.arrays import Array
from ravine.errors import ConfigError
from ravine.formulas.declaration import Declaration
from ravine.formulas.formula import Formula, State
from ravine.formulas.layers import in_layers
from ravine.formulas.noise import Noise

Hyper = Mapping[str, float]

Loss = Callable[[Sequence[Array]], tuple[float, list[Array]]]
"""The batch's mean loss and its gradients at given weights."""

BOUNDS = {"lr": "[0, inf)"}
"""Intervals that hold for every optimizer."""


class Optimizer(Declaration, ABC):
    """One optimizer; all that trains with one calls `start`, `step` and `evaluate`.

    Weights, gradients and steps are lists of arrays: each layer's matrix, (i, o), and behind it, in a network with
    biases, the bias, (o,). A state is arrays by name. None of them is ever changed in place.

    Attributes:
        name, function, defaults, bounds, kinds: see `Declaration`.
        references: how other libraries make the same optimizer, by the library's name: "torch" or "optax".
        full_batch: it is meant for batches of all samples.
        formula: its element-wise formula, which the fused engine compiles; None if it needs whole matrices.
        asks_for_loss: it looks at the batch's loss at other weights before it takes a step.
        searches: it looks for the length of its steps itself; lr is but the first that it tries.
        by_layer: a layer's steps depend on that layer alone, so that layers may have hyper-parameters of their own.
    """

    references: Mapping[str, str]
    full_batch: bool
    formula: Formula | None
    asks_for_loss: bool
    searches: bool
    by_layer: bool

    @abstractmethod
    def start(self, weights: Sequence[Array], hyper: Sequence[Hyper]) -> dict[str, Array]:
        """Return the state before the first step; `hyper` has the hyper-parameters of each layer."""

    @abstractmethod
    def step(
        self,
        gradients: Sequence[Array],
        weights: Sequence[Array],
        state: State,
        t: int,
        hyper: Sequence[Hyper],
        loss: Loss | None = None,
        noise: Noise | None = None,
    ) -> tuple[list[Array], dict[str, Array]]:
        """Return what step t, counted from 1, subtracts from each of the weights, and the state afterwards.

        Both are in the dtype of the weights. `hyper` has the hyper-parameters of each layer. Without `noise`, an
        optimizer that asks for it gets that of the seed 0.
        """

    @abstractmethod
    def evaluate(self, weights: Sequence[Array], state: State, t: int, hyper: Sequence[Hyper]) -> list[Array]:
        """Return the weights that are evaluated and stored after step t."""

    @property
    @abstractmethod
    def evaluates_others(self) -> bool:
        """Whether the weights that are evaluated are others than those that are trained."""

    @property
    @abstractmethod
    def text(self) -> str:
        """Its text as it is now, with the values of the user's module that it uses."""

    @abstractmethod
    def texts(self) -> list[str]:
        """Return all texts that decide what it computes, without names of places, comments or docstrings."""

    @abstractmethod
    def varying(self, names: frozenset[str]) -> Optimizer:
        """Return the optimizer for hyper-parameters of which some vary from step to step or from layer to layer."""

    def everywhere(self, hyper: Hyper, weights: Sequence[Array]) -> list[Hyper]:
        """Return the same hyper-parameters for each layer of some weights."""
        return [hyper] * len(in_layers(weights))


def no_loss(weights: Sequence[Array]) -> NoReturn:
    """Stand for the loss where an optimizer that does not ask for it takes a step."""
    raise NotImplementedError("there is no loss here")


def with_bounds_of_rates(
    label: str, keywords: Mapping[str, Any], kinds: Mapping[str, str], bounds: dict[str, str]
) -> dict[str, str]:
    """Return the bounds of an optimizer's hyper-parameters, and check that there is a learning rate among them."""
    if "lr" not in keywords:
        raise ConfigError(f"rule {label} takes no lr: declare the learning rate after *, as in `(g, *, lr)`.")
    if kinds["lr"] != "number":
        raise ConfigError(f"lr of {label} is declared as a {kinds['lr']}: the learning rate is a number.")
    return {**BOUNDS, **bounds}

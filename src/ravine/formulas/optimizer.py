"""Optimizers: pure functions from gradients, weights and a state to steps and the next state."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

from ravine.arrays import Array
from ravine.errors import ConfigError
from ravine.formulas.declaration import Declaration, Signature
from ravine.formulas.formula import Formula, State
from ravine.formulas.layers import in_layers
from ravine.formulas.noise import Noise
from ravine.search import Axis

Hyper = Mapping[str, float]

LossOfWeights = Callable[[Sequence[Array]], tuple[float, list[Array]]]
"""The batch's mean loss and its gradients at given weights."""

BOUNDS = {"lr": "[0, inf)"}
"""Intervals that hold for every optimizer."""


class Optimizer(Declaration, ABC):
    """One optimizer: its functions `start`, `step` and `evaluate`, and its declaration.

    Weights, gradients and steps are lists of arrays: each layer's matrix, (i, o), followed in a network with
    biases by its bias, (o,). A state is arrays by name. No function changes any of them in place.

    Attributes:
        name, function, defaults, bounds, kinds: see `Declaration`.
        references: the calls that make its reference implementations, by the library's name: "torch" or "optax".
        full_batch: whether it is meant for batches of all samples.
        formula: its element-wise formula, which the fused engine compiles; None for a matrix optimizer.
        asks_for_loss: whether it computes the batch's loss at other weights before it takes a step.
        searches: whether it searches for the length of each step itself; lr is only the first length that it tries.
        by_layer: whether a layer's steps depend on that layer alone, so that each may have its own hyper-parameters.
        search: the axes on which hyper-parameters are searched, None for one that is not, where these differ from the
            axes by kind; `space_of` returns the whole space.
        contains: by the names of the optimizers that it contains, the hyper-parameters at which it is them, with the
            same values of the hyper-parameters that both have.
    """

    references: Mapping[str, str]
    full_batch: bool
    formula: Formula | None
    asks_for_loss: bool
    searches: bool
    by_layer: bool
    search: Mapping[str, Axis | None]
    contains: Mapping[str, Mapping[str, float]]

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
        loss: LossOfWeights | None = None,
        noise: Noise | None = None,
    ) -> tuple[list[Array], dict[str, Array]]:
        """Return the steps, which the caller subtracts from the weights, and the next state; t counts from 1.

        Both are in the dtype of the weights. `hyper` has the hyper-parameters of each layer. Without `noise`, an
        optimizer that asks for it gets that of the seed 0.
        """

    @abstractmethod
    def evaluate(self, weights: Sequence[Array], state: State, t: int, hyper: Sequence[Hyper]) -> list[Array]:
        """Return the weights that are evaluated and stored after step t."""

    @property
    @abstractmethod
    def evaluates_others(self) -> bool:
        """Whether the weights that are evaluated differ from those that are trained."""

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


def with_bounds_of_rates(found: Signature) -> dict[str, str]:
    """Return the bounds of an optimizer's hyper-parameters, and check that there is a learning rate among them."""
    if "lr" not in found.defaults:
        raise ConfigError(f"rule {found.name} takes no lr: declare the learning rate after *, as in `(g, *, lr)`.")
    if found.kinds["lr"] != "number":
        raise ConfigError(f"lr of {found.name} is declared as a {found.kinds['lr']}: the learning rate is a number.")
    return {**BOUNDS, **found.bounds}

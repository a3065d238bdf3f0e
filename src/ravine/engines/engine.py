"""What an engine is: it owns a run's weights and state, and takes steps."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import numpy as np

from ravine.arrays import Array
from ravine.data import Split
from ravine.errors import ConfigError
from ravine.formulas.stepping import as_ieee
from ravine.networks import Network
from ravine.optimizers import Rule

Hyper = Mapping[str, float | Array]
"""Hyper-parameters by name. One that changes from step to step is an array with a number for each step of the call."""

Factors = Mapping[str, Sequence[float]]
"""By the name of a hyper-parameter, what it is multiplied by in each layer."""

NO_HYPER: Mapping[str, float] = MappingProxyType({})
"""Will do for a rule that evaluates the weights that it trains."""

NO_FACTORS: Factors = MappingProxyType({})
"""Every layer has the same hyper-parameters."""


@dataclass(frozen=True)
class Taken:
    """What a call of `train` did.

    Attributes:
        steps: batches whose update was applied. Fewer than asked for means that the next batch's loss is not finite.
        loss_sum: the sum that the call was given, and after it, batch by batch, the losses of their samples, each
            taken before the update of its batch.
    """

    steps: int
    loss_sum: float


@dataclass(frozen=True)
class Evaluation:
    """Mean loss and accuracy over a split, and for each hidden layer how many units were non-zero at least once."""

    loss: float
    accuracy: float
    live_units: tuple[int, ...]


def in_layer(hyper: Hyper, factors: Factors, layer: int, step: int = 0) -> dict[str, float]:
    """Return the hyper-parameters of a layer, counted from 0, at a step of a call, counted from 0.

    >>> in_layer({"lr": np.array([0.2, 0.1]), "alpha": 0.9}, {"lr": [1.0, 0.5]}, layer=1, step=1)
    {'lr': 0.05, 'alpha': 0.9}
    """

    def number(name: str, value: float | Array) -> float:
        now = float(value[step]) if isinstance(value, np.ndarray) else value
        return float(now * factors[name][layer] if name in factors else now)

    return {name: number(name, value) for name, value in hyper.items()}


def in_evaluated_form(
    rule: Rule, weights: Array, slots: Mapping[str, Array], steps: int, hyper: Mapping[str, float]
) -> Array:
    """Return the weights that a rule evaluates from those that it trains and its slots, all of one shape."""
    form = rule.evaluated_form
    if form is None:
        return weights
    known = {"w": weights, "t": float(steps), **slots}
    parameters = inspect.signature(form).parameters.values()
    keywords = {p.name: hyper[p.name] for p in parameters if p.kind is p.KEYWORD_ONLY}
    with np.errstate(all="ignore"), rule.telling_faults():
        found = as_ieee(form)(*(known[p.name] for p in parameters if p.name in known), **keywords)
        if np.iscomplexobj(found):
            raise ConfigError(f"the evaluated form of {rule.name} returns complex numbers; weights are real.")
        result = np.asarray(found, weights.dtype)
    if result.shape != weights.shape:
        raise ConfigError(
            f"the evaluated form of {rule.name} returns shape {result.shape} for weights of shape {weights.shape}; it "
            "must return the weights to evaluate, and nothing besides."
        )
    return result


def evaluated_by_layer(
    network: Network,
    rule: Rule,
    weights: Array,
    slots: Mapping[str, Array],
    steps: int,
    hyper: Mapping[str, float],
    factors: Factors,
) -> Array:
    """Return the weights that a rule evaluates, shape (n,), each layer's with its own hyper-parameters."""
    if rule.evaluated_form is None:
        return weights
    views = network.layout.views
    result = np.empty_like(weights)
    for layer, view in enumerate(views(result)):
        state = {name: views(slot)[layer] for name, slot in slots.items()}
        now = in_layer(hyper, factors, layer)
        view[...] = in_evaluated_form(rule, views(weights)[layer], state, steps, now)
    return result


class Engine(Protocol):
    """Trains one network with one rule, from given weights, in batches up to a size."""

    def compile(self) -> None:
        """Do now whatever must be done once before the first step; otherwise the first step does it."""

    def prepare(self, split: Split) -> None:
        """Bring a split into the engine's own form now; otherwise its first use does it."""

    def train(
        self,
        split: Split,
        order: Array,
        first: int,
        stop: int,
        hyper: Hyper,
        loss_sum: float = 0.0,
        batch_size: int | None = None,
    ) -> Taken:
        """Take one step for each batch that starts at position first, first + batch size, .. below stop of `order`.

        `order` is an int64 array of sample numbers; the last batch is smaller where `order` ends. Without a batch size
        it is the largest, which the engine was made for. Stops before the update of a batch whose loss is not finite.
        Losses are added to `loss_sum` one batch after the other, so that the sum of an epoch has the same bits in
        however many calls it was made.

        A hyper-parameter that the rule's idle form takes must not change from step to step, nor from layer to layer.
        """

    def settle(self, hyper: Mapping[str, float]) -> None:
        """Make `weights` those after the last step, before hyper-parameters change or the weights are read."""

    def evaluate(self, split: Split, hyper: Mapping[str, float] = NO_HYPER) -> Evaluation:
        """Evaluate the settled weights, in the form that the rule declares for it, on a whole split."""

    def evaluated_weights(self, hyper: Mapping[str, float]) -> Array:
        """Return the settled weights in the form in which they are evaluated and stored, shape (n,)."""

    @property
    def steps(self) -> int:
        """How many steps were taken since the run began."""

    @property
    def weights(self) -> Array:
        """A copy of the flat weight vector, shape (n,), in the dtype of the run."""

    def state(self) -> dict[str, Array]:
        """Return all that the next step depends on; also good between two steps of an epoch."""

    def restore(self, state: Mapping[str, Array]) -> None:
        """Go back to a `state()` of the same engine, network and rule."""

"""What an engine is: it owns a run's weights and state, and takes steps."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import numpy as np

from ravine.arrays import Array
from ravine.data import Split
from ravine.rules import Rule

NO_HYPER: Mapping[str, float] = MappingProxyType({})
"""Will do for a rule that evaluates the weights that it trains."""


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


def in_evaluated_form(
    rule: Rule, weights: Array, slots: Mapping[str, Array], steps: int, hyper: Mapping[str, float]
) -> Array:
    """Return the weights that a rule evaluates, shape (n,), from those that it trains and its slots."""
    form = rule.evaluated_form
    if form is None:
        return weights
    known = {"w": weights, "t": steps, **slots}
    parameters = inspect.signature(form).parameters.values()
    keywords = {p.name: hyper[p.name] for p in parameters if p.kind is p.KEYWORD_ONLY}
    result = form(*(known[p.name] for p in parameters if p.kind is not p.KEYWORD_ONLY), **keywords)
    return np.asarray(result, weights.dtype)


class Engine(Protocol):
    """Trains one network with one rule, from given weights, in batches of a fixed size."""

    def is_compiled(self) -> bool:
        """Tell whether `compile` has nothing to wait for."""

    def compile(self) -> None:
        """Do now whatever must be done once before the first step."""

    def prepare(self, split: Split) -> None:
        """Bring a split into the engine's own form now, as its first use would do else."""

    def train(
        self, split: Split, order: Array, first: int, stop: int, hyper: Mapping[str, float], loss_sum: float = 0.0
    ) -> Taken:
        """Take one step for each batch that starts at position first, first + batch size, .. below stop of `order`.

        `order` is an int64 array of sample numbers; the last batch is smaller where `order` ends. Stops before the
        update of a batch whose loss is not finite. Losses are added to `loss_sum` one batch after the other, so that
        the sum of an epoch has the same bits in however many calls it was made.
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

"""The fused engine: an element-wise rule, whose whole step is taken in compiled code."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ravine.arrays import Array
from ravine.data import Split
from ravine.engines.engine import NO_FACTORS, NO_HYPER, Evaluation, Factors, Hyper, Taken, evaluated_by_layer, in_layer
from ravine.engines.fused.frame import LEARN
from ravine.engines.fused.render import render
from ravine.engines.fused.workspace import Workspace, ordered
from ravine.formulas.stepping import stepper
from ravine.networks import Network
from ravine.optimizers import Rule

_TRIED = (1, 2, 100, 10**6)
"""Steps at which a rule is tried on the zeros of the padding."""


class FusedEngine:
    """Trains one network in compiled code; owns its weights, the rule's slots and the record of idle rows.

    A row that meets only zeros has a zero gradient. Where the rule is inert such a row is not touched; where it has an
    idle form, `last` holds the step up to which each row was brought, and the form is applied when the row is next
    needed, and to all by `settle`.
    """

    def __init__(
        self,
        network: Network,
        rule: Rule,
        weights: Array,
        dtype: str,
        batch_size: int,
        factors: Factors = NO_FACTORS,
        seed: int = 0,
    ) -> None:
        self._network, self._rule, self._factors = network, rule, factors
        self._space = Workspace(network, render(rule), dtype, batch_size, layered=bool(factors), seed=seed)
        self._space.pad(self._space.trained.w, weights)
        self._steps = 0
        self._tried = False

    def compile(self) -> None:
        """Load the kernel from the cache or compile it, so that no later call waits for it."""
        self._space.compile()

    def prepare(self, split: Split) -> None:
        """List the non-zero pixels."""
        _ = split.compact

    @property
    def steps(self) -> int:
        """How many steps were taken since the run began."""
        return self._steps

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
        """Take steps; see `Engine.train`."""
        if not self._tried:
            self._tried = True
            if not _stays_finite(self._rule, in_layer(hyper, self._factors, 0)):
                self._space.wipe_padding()
        taken, found = self._space.run(
            LEARN,
            split,
            order,
            first,
            stop,
            hyper=self._ordered(hyper),
            t=self._steps,
            batch_size=batch_size,
            loss_sum=loss_sum,
        )
        self._steps += taken
        return Taken(taken, float(found.loss[0]))

    def settle(self, hyper: Mapping[str, float]) -> None:
        """Bring all idle rows to the last step."""
        self._space.settle(self._ordered(hyper), self._steps)

    def evaluated_weights(self, hyper: Mapping[str, float]) -> Array:
        """Return the settled weights as they are evaluated, shape (n,)."""
        slots = {name: self._space.unpad(slot) for name, slot in self._slots.items()}
        return evaluated_by_layer(self._network, self._rule, self.weights, slots, self._steps, hyper, self._factors)

    def evaluate(self, split: Split, hyper: Mapping[str, float] = NO_HYPER) -> Evaluation:
        """Evaluate the settled weights on a whole split."""
        if self._rule.evaluated_form is None:
            return self._space.evaluate(split)
        trained = self.weights
        self._space.pad(self._space.trained.w, self.evaluated_weights(hyper))
        try:
            return self._space.evaluate(split)
        finally:
            self._space.pad(self._space.trained.w, trained)

    @property
    def weights(self) -> Array:
        """A copy of the flat weight vector, shape (n,); settle first."""
        return self._space.unpad(self._space.trained.w)

    def state(self) -> dict[str, Array]:
        """Return weights, slots, the step up to which each row was brought, and the number of steps."""
        return {
            "weights": self.weights,
            "last": self._space.trained.last.copy(),
            "steps": np.array([self._steps]),
            **{f"slot.{name}": self._space.unpad(slot) for name, slot in self._slots.items()},
        }

    def restore(self, state: Mapping[str, Array]) -> None:
        """Go back to a `state()`."""
        for padded in (self._space.trained.w, self._space.trained.slots):
            padded[:] = 0
        self._space.pad(self._space.trained.w, state["weights"])
        for name, slot in self._slots.items():
            self._space.pad(slot, state[f"slot.{name}"])
        self._space.trained.last[:] = state["last"]
        self._steps = int(state["steps"][0])

    @property
    def _slots(self) -> dict[str, Array]:
        """Views of the rule's slots by name, padded."""
        return dict(zip(self._rule.slots, self._space.slots, strict=True)) if self._rule.slots else {}

    def _ordered(self, hyper: Hyper) -> Array:
        return ordered(list(self._rule.defaults), hyper, self._factors, len(self._network.layout.shapes))


def _stays_finite(rule: Rule, hyper: Mapping[str, float]) -> bool:
    """Tell whether a step keeps a weight finite that is 0, with a gradient, a state and noise of 0, as padding is."""
    zeros = {name: np.zeros(1) for name in rule.arguments}
    take = stepper(rule)
    steps = (take({**zeros, "t": float(t), "norm": 1.0}, hyper)[0] for t in _TRIED)
    return all(bool(np.isfinite(step).all()) for step in steps)

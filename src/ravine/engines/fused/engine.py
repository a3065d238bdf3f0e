"""The fused engine: an optimizer that is one formula, whose whole step is taken in compiled code."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ravine.arrays import Array
from ravine.data import Split
from ravine.engines.engine import NO_FACTORS, NO_HYPER, Evaluation, Factors, StepwiseHyper, Taken, in_layers
from ravine.engines.fused.frame import LEARN
from ravine.engines.fused.render import render
from ravine.engines.fused.workspace import Workspace, ordered
from ravine.formulas.formula import Formula
from ravine.formulas.layers import flattened
from ravine.formulas.optimizer import Optimizer
from ravine.networks import Network

_TRIED = (1, 2, 100, 10**6)
"""Steps at which a rule is tried on the zeros of the padding."""


class FusedEngine:
    """Trains one network in compiled code; owns its weights, the optimizer's slots and the last step of each row.

    A row that meets only zeros has a zero gradient. If the formula is inert, such a row is not touched. If the formula
    has a lazy update, `last` holds the step up to which each row was brought; the lazy update is applied to a row when
    it is next needed, and to all rows by `settle`.
    """

    def __init__(
        self,
        network: Network,
        optimizer: Optimizer,
        weights: Array,
        dtype: str,
        batch_size: int,
        factors: Factors = NO_FACTORS,
        seed: int = 0,
    ) -> None:
        assert optimizer.formula is not None
        self._network, self._optimizer, self._factors = network, optimizer, factors
        self._formula = optimizer.formula
        self._space = Workspace(network, render(self._formula), dtype, batch_size, layered=bool(factors), seed=seed)
        self._space.pad(self._space.trained.w, weights)
        self._steps = 0
        self._started = False
        self._tried: set[tuple[tuple[str, float], ...]] = set()

    def compile(self) -> None:
        """Load the kernel from the cache or compile it, so that no later call waits for it."""
        self._space.compile()

    def prepare(self, split: Split) -> None:
        """Bring the data into the form that the kernel reads."""
        self._space.prepare(split)

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
        hyper: StepwiseHyper,
        loss_sum: float = 0.0,
        batch_size: int | None = None,
    ) -> Taken:
        """Take steps; see `Engine.train`."""
        self._watch_padding(hyper)
        if not self._started:
            self._start(hyper)
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
        """Apply the lazy update to all rows that wait for it."""
        self._space.settle(self._ordered(hyper), self._steps)

    def evaluated_weights(self, hyper: Mapping[str, float]) -> Array:
        """Return the settled weights as they are evaluated, shape (n,)."""
        if not self._optimizer.evaluates_others:
            return self.weights
        if not self._started:
            self._start(hyper)
        weights = list(self._network.layout.tensors(self.weights))
        return flattened(self._optimizer.evaluate(weights, self._kept(), self._steps, self._in_layers(hyper)))

    def evaluate(self, split: Split, hyper: Mapping[str, float] = NO_HYPER) -> Evaluation:
        """Evaluate the settled weights on a whole split."""
        if not self._optimizer.evaluates_others:
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
            **({f"slot.{name}": value for name, value in self._kept().items()} if self._started else {}),
        }

    def restore(self, state: Mapping[str, Array]) -> None:
        """Go back to a `state()`."""
        for padded in (self._space.trained.w, self._space.trained.slots):
            padded[:] = 0
        self._space.pad(self._space.trained.w, state["weights"])
        # A state from before the first step has no slots; the first step makes them.
        self._started = any(name.startswith("slot.") for name in state)
        if self._started:
            self._fill({name.removeprefix("slot."): state[name] for name in state})
        self._space.trained.last[:] = state["last"]
        self._steps = int(state["steps"][0])

    @property
    def _slots(self) -> dict[str, Array]:
        """Views of the slots by name, padded."""
        return dict(zip(self._formula.slots, self._space.slots, strict=True)) if self._formula.slots else {}

    def _watch_padding(self, hyper: StepwiseHyper) -> None:
        """Have the padding cleared from now on, if a step of a call would not keep it finite in some layer.

        Of a hyper-parameter that changes from step to step, the first, the last and the smallest value are tried: a
        step that divides by a rate fails where that is 0.
        """
        smallest = {int(np.argmin(values)) for values in hyper.values() if isinstance(values, np.ndarray)}
        each = {tuple(values.items()) for step in {0, -1, *smallest} for values in self._in_layers(hyper, step)}
        if not all(_stays_finite(self._formula, dict(values)) for values in each - self._tried):
            self._space.wipe_padding()
        self._tried = each

    def _start(self, hyper: StepwiseHyper) -> None:
        """Set the slots, which are 0 until now, to the values at which they start."""
        self._started = True
        if self._formula.starts:
            weights = list(self._network.layout.tensors(self.weights))
            self._fill(self._optimizer.start(weights, self._in_layers(hyper)))

    def _kept(self) -> dict[str, Array]:
        """Return the slots of each array of weights, under the names that `Optimizer.start` gives them."""
        parts = {name: self._network.layout.tensors(self._space.unpad(slot)) for name, slot in self._slots.items()}
        return {f"{name}.{k}": array for name, arrays in parts.items() for k, array in enumerate(arrays)}

    def _fill(self, state: Mapping[str, Array]) -> None:
        """Set the slots to those of a state that has the same names."""
        count = len(self._network.layout.tensors(self.weights))
        for name, slot in self._slots.items():
            self._space.pad(slot, flattened([state[f"{name}.{k}"] for k in range(count)]))

    def _in_layers(self, hyper: StepwiseHyper, step: int = 0) -> list[dict[str, float]]:
        return in_layers(hyper, self._factors, len(self._network.layout.shapes), step)

    def _ordered(self, hyper: StepwiseHyper) -> Array:
        return ordered(list(self._formula.hyper), hyper, self._factors, len(self._network.layout.shapes))


def _stays_finite(formula: Formula, hyper: Mapping[str, float]) -> bool:
    """Tell whether a step keeps a weight finite that is 0, with a gradient, a state and noise of 0, as padding is."""
    zeros = {name: np.zeros(1) for name in formula.arguments}
    take = formula.taker()
    steps = (take({**zeros, "t": float(t), "norm": 1.0}, hyper)[0] for t in _TRIED)
    return all(bool(np.isfinite(step).all()) for step in steps)

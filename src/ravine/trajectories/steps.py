"""How an optimizer takes its steps on a surface: what tells rules from whole rules is here alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ravine.arrays import Array
from ravine.engines.engine import in_evaluated_form
from ravine.formulas.matrix import flattened, shaped
from ravine.formulas.noise import noise_for
from ravine.formulas.source import read_rule
from ravine.formulas.stepping import stepper
from ravine.formulas.surface import Surface
from ravine.optimizers import AnyRule, Rule, WholeRule

Step = Callable[[Array, Mapping[str, Array], int, Mapping[str, float]], tuple[Array, dict[str, Array]]]
"""From weights, (2,), a state, the step's number and hyper-parameters: what to subtract, and the state afterwards."""


def check_text(rule: AnyRule) -> None:
    """Report a fault of a rule's text at its line."""
    if isinstance(rule, Rule):
        read_rule(rule)


def searches(rule: AnyRule) -> bool:
    """Tell whether a rule finds the length of its steps itself."""
    return isinstance(rule, WholeRule) and rule.searches


def state_of(rule: AnyRule, w: Array) -> dict[str, Array]:
    """Return the state before the first step."""
    return {name: np.zeros_like(w) for name in rule.slots} if isinstance(rule, Rule) else {}


def steps_of(rule: AnyRule, surface: Surface) -> Step:
    """Return what takes a rule's steps on a surface."""
    if isinstance(rule, WholeRule):

        def loss(weights: Sequence[Array]) -> tuple[float, list[Array]]:
            point = flattened(weights)
            return float(surface.f(*point)), shaped(np.array(surface.gradient(*point)), weights)

        def step_whole(
            w: Array, state: Mapping[str, Array], t: int, hyper: Mapping[str, float]
        ) -> tuple[Array, dict[str, Array]]:
            weights = [w.reshape(2, 1)]
            steps, after = rule.step(loss(weights)[1], weights, state, t, loss, hyper)
            return flattened(steps), after

        return step_whole

    take = stepper(rule)

    def step(
        w: Array, state: Mapping[str, Array], t: int, hyper: Mapping[str, float]
    ) -> tuple[Array, dict[str, Array]]:
        g = np.array(surface.gradient(*w))
        norm = np.sqrt(g @ g)
        noise = noise_for([w], 0, t)()[0] if "noise" in rule.arguments else None
        of_step = {"t": float(t), "norm": norm, "layer_norm": np.full_like(g, norm), "noise": noise}
        return take({"g": g, "w": w, **of_step, **state}, hyper)

    return step


def evaluated(rule: AnyRule, w: Array, state: Mapping[str, Array], t: int, hyper: Mapping[str, float]) -> Array:
    """Return the weights that a rule evaluates, (2,)."""
    if isinstance(rule, Rule):
        return in_evaluated_form(rule, w, state, t, hyper)
    return flattened(rule.evaluated([w.reshape(2, 1)], state, t, hyper))

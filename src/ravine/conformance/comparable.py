"""Checks of what a comparison relies on: the space in which an optimizer is searched, and which others it contains."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ravine.arrays import Array
from ravine.conformance.finding import GUARD, Finding, failed, left_out, moved, passed, settings
from ravine.conformance.trained import engine_of, some_data
from ravine.engines.engine import StepwiseHyper
from ravine.errors import ConfigError
from ravine.formulas.containing import contained, setting_of
from ravine.formulas.kinds import shown
from ravine.formulas.optimizer import Optimizer
from ravine.formulas.precision import check_precision
from ravine.formulas.space import space_of
from ravine.search import Axis
from ravine.words import listed

_BATCH = 7
_FIRST = 2
"""Some optimizers only look at the first gradient, and move from the second step on."""
_STEPS = 60
_ROUND_OFF = 1e-12
_LEAST = 1e-6
"""The share of the weights by which they must move, for a difference to be seen."""


def search_space(optimizer: Optimizer) -> Finding:
    """Check that each axis holds values that are allowed, and that a network trains in the middle of the space."""
    check = "search space"
    try:
        axes = space_of(optimizer)
    except ConfigError as error:
        return left_out(check, str(error))
    given = settings(optimizer)
    for name, axis in axes.items():
        for u in (0.0, 0.5, 1.0):
            try:
                values = optimizer.hyperparameters({**given, **_at({name: axis}, u)})
                for dtype in ("float32", "float64"):
                    check_precision(optimizer, values, dtype)
            except ConfigError as error:
                return failed(check, str(error), f"Narrow its axis in search={{'{name}': ...}}, which is {axis}.")
    middle = optimizer.hyperparameters({**given, **_at(axes, 0.5)})
    if not np.isfinite(_trained(optimizer, middle, _FIRST)).all():
        told = f"in the middle of the space, {_written(optimizer, middle)}, a network's weights are not finite"
        return failed(check, f"{told} after {_FIRST} steps", f"{GUARD} Or declare other axes in search={{...}}.")
    told = "; ".join(f"{name} {axis}" for name, axis in axes.items())
    return passed(check, told or "none: all hyper-parameters stay at their defaults")


def contains(optimizer: Optimizer) -> Finding:
    """Check that the optimizer takes the same steps as each one that it is said to contain.

    Both train a network from the same weights. The hyper-parameters that they share, and those of which the claim says
    nothing, differ from their defaults, and the rate changes on the way.
    """
    check = "contains"
    if not optimizer.contains:
        return left_out(check, "no other optimizer declared")
    worst = 0.0
    for name, fixed in optimizer.contains.items():
        mend = f"Correct contains={{'{name}': ...}}, or leave {name} out of it."
        try:
            inner = contained(optimizer, name)
            shared = moved(inner)
            whole = setting_of(optimizer, name, {**moved(optimizer), **shared})
        except ConfigError as error:
            return failed(check, str(error), mend)
        for lr in (settings(optimizer)["lr"] * share for share in (1.0, 0.25)):
            rates = np.where(np.arange(_STEPS) < _STEPS // 2, lr, 0.3 * lr)
            one = _trained(optimizer, {**whole, "lr": rates}, _STEPS)
            other = _trained(inner, {**shared, "lr": rates}, _STEPS)
            place = f"at {_written(optimizer, fixed)} and lr {lr:g}" if fixed else f"at lr {lr:g}"
            start = _trained(inner, {**shared, "lr": rates}, 0)
            if not np.linalg.norm(other - start) > _LEAST * np.linalg.norm(start):  # nan too
                told = f"{place} {name} does not move the weights of a network, or they are not finite"
                return failed(check, f"{told}: the claim cannot be checked", mend)
            apart = float(np.linalg.norm(one - other) / np.linalg.norm(other))
            if not apart <= _ROUND_OFF:
                told = f"{place} its weights differ from those of {name} by {apart:.0e} of themselves"
                return failed(check, f"{told} after {_STEPS} steps in which the rate changes", mend)
            worst = max(worst, apart)
    told = listed(f"{name} at {_written(optimizer, fixed)}" for name, fixed in optimizer.contains.items())
    same = f"differ by {worst:.0e}" if worst else "have the same bits"
    return passed(check, f"{told}; {_STEPS} steps {same}")


def _trained(optimizer: Optimizer, hyper: StepwiseHyper, steps: int) -> Array:
    """Return the weights of a network after some steps, and behind them those that are evaluated; nan if it failed."""
    engine = engine_of("reference", optimizer, "float64", _BATCH)
    order = np.random.default_rng(2).integers(0, 300, _BATCH * steps)
    taken = engine.train(some_data(300, 60), order, 0, len(order), hyper)
    last = {name: float(value[-1]) if isinstance(value, np.ndarray) else value for name, value in hyper.items()}
    engine.settle(last)
    found: Array = np.concatenate([engine.weights, engine.evaluated_weights(last)])
    return found if taken.steps == steps else np.full_like(found, math.nan)


def _at(axes: Mapping[str, Axis], u: float) -> dict[str, Any]:
    """Return the hyper-parameters at the same place of each axis."""
    return {name: axis.at(u) for name, axis in axes.items()}


def _written(optimizer: Optimizer, hyper: Mapping[str, float]) -> str:
    """Return hyper-parameters as text."""
    return ", ".join(f"{name} {shown(value)}" for name, value in optimizer.typed(hyper).items())

"""Does an optimizer take the same steps again? A run must be the same each time."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ravine.arrays import Array
from ravine.errors import ConfigError
from ravine.formulas.chance import INSTEAD
from ravine.formulas.faults import code_of
from ravine.formulas.optimizer import Optimizer

_SHAPES = ((4, 3), (3,), (3, 2), (2,))
_STEPS = (*range(1, 13), 100, 1000)


def refuse_chance(optimizer: Optimizer, hyper: Mapping[str, float]) -> None:
    """Refuse an optimizer whose first steps differ when they are taken again, or that draws from a global generator.

    Raises:
        ConfigError: it does.
    """
    with_these = optimizer, tuple(sorted(hyper.items()))
    if optimizer.formula is None and with_these not in _passed:  # a formula has no way to differ
        _take_twice(optimizer, hyper)
        _passed.add(with_these)


_passed: set[tuple[Optimizer, tuple[tuple[str, float], ...]]] = set()


def _take_twice(optimizer: Optimizer, hyper: Mapping[str, float]) -> None:
    code = code_of(optimizer.function)
    place = f"{code.co_filename}:{code.co_firstlineno}: rule {optimizer.name}"
    rng = np.random.default_rng(0)
    weights: list[Array] = [rng.normal(size=shape) for shape in _SHAPES]
    each = optimizer.everywhere(hyper, weights)
    try:
        state = optimizer.start(weights, each)
    except ConfigError:
        return
    for t in _STEPS:
        gradients = [rng.normal(size=shape) for shape in _SHAPES]
        before = _global_state()
        try:
            # Copies, so that a rule that changes what it is given meets the same twice.
            one, other = (
                optimizer.step(
                    _copied(gradients), _copied(weights), {n: v.copy() for n, v in state.items()}, t, each, _bowl
                )
                for _ in range(2)
            )
        except ConfigError:
            return  # it does not run with these weights; if it fails in a run too, the run reports it
        if _global_state() != before:
            raise ConfigError(
                f"{place} draws from a global generator, whose state the id of a run does not hold. {INSTEAD}"
            )
        if _bits(*one) != _bits(*other):
            raise ConfigError(
                f"{place} gives other numbers when step {t} is taken again from the same weights and state: a run must "
                f"be the same each time. Keep all that changes in the state. {INSTEAD}"
            )
        steps, state = one
        with np.errstate(all="ignore"):
            weights = [w - step for w, step in zip(weights, steps, strict=True)]


def _copied(arrays: Sequence[Array]) -> list[Array]:
    return [array.copy() for array in arrays]


def _bowl(weights: Sequence[Array]) -> tuple[float, list[Array]]:
    """Return the loss sum(w^2) / 2 and its gradients."""
    with np.errstate(all="ignore"):
        return float(sum((w * w).sum() for w in weights) / 2), [w.copy() for w in weights]


def _global_state() -> tuple[Any, ...]:
    name, key, *rest = np.random.get_state(legacy=True)  # noqa: NPY002  it is what others may draw from
    return random.getstate(), name, np.asarray(key).tobytes(), *rest


def _bits(steps: Sequence[Array], state: Mapping[str, Array]) -> list[tuple[str, bytes]]:
    return [("", step.tobytes()) for step in steps] + [(name, value.tobytes()) for name, value in state.items()]

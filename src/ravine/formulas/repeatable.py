"""Do the functions of an optimizer, its stages and a schedule give the same again? A run must be the same each time."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ravine.arrays import Array
from ravine.errors import ConfigError
from ravine.formulas.chance import INSTEAD
from ravine.formulas.faults import code_of
from ravine.formulas.formula import Formula
from ravine.formulas.layers import in_layers
from ravine.formulas.optimizer import Hyper, Optimizer
from ravine.formulas.schedule import Schedule
from ravine.formulas.stage import Stage

_SHAPES = ((4, 3), (3,), (3, 2), (2,))
_STEPS = (*range(1, 13), 100, 1000)
_TIMES = 16
"""At how many times of a run a schedule is tried."""

_TRIES = 5
"""How often a function is tried before it counts as one that draws from a global generator: now and then another thread
of the process draws meanwhile, as the one with which a Dask worker speaks to its scheduler."""

_ALONE = "Let it depend on its arguments alone."


def refuse_chance(optimizer: Optimizer, hyper: Mapping[str, float], made_of: Sequence[Optimizer | Stage] = ()) -> None:
    """Refuse an optimizer that gives other numbers when it is called again, or that draws from a global generator.

    `made_of` has the optimizer and the user's stages from which it was composed, if it was.

    Raises:
        ConfigError: this is so of its first steps, of its start or evaluated form, or of a penalty.
    """
    with_these = optimizer, tuple(sorted(hyper.items()))
    if with_these in _passed:
        return
    for part in made_of or (optimizer,):
        for what, call in _forms(part, hyper):
            _called_twice(call, f"{_place(part.function)}: {what}", "it is called again", _ALONE)
    if optimizer.formula is None:  # the text of a formula has no way to differ, unlike its start and evaluated form
        _take_twice(optimizer, hyper)
    _passed.add(with_these)


_passed: set[tuple[Optimizer, tuple[tuple[str, float], ...]]] = set()


def refuse_uneven(schedule: Schedule, settings: Mapping[str, float], lr: float, epochs: int, by: str) -> None:
    """Refuse a schedule that gives other rates when it is called again, or for many times at once than for each alone.

    The clock decides for how many steps at once a run asks for rates. `by` is "epoch" or "step".

    Raises:
        ConfigError: the schedule does.
    """
    times = np.linspace(0, epochs, _TIMES, endpoint=False)
    times = np.floor(times) if by == "epoch" else times
    what = f"{_place(schedule.function)}: {schedule.label}"
    rates = _called_twice(
        lambda: schedule.rate(lr, times, epochs, settings), what, "it is called again", "Let it depend on time alone."
    )
    alone = np.concatenate([schedule.rate(lr, times[k : k + 1], epochs, settings) for k in range(_TIMES)])
    # NumPy may round the last digits of a number in a long array otherwise.
    if rates is not None and not np.allclose(rates, alone, rtol=1e-9, atol=1e-12 * lr, equal_nan=True):
        raise ConfigError(
            f"{what} gives other rates for many times at once than for each alone, and the clock decides for how many "
            "a run asks: compute element by element, and choose with np.where."
        )


def _forms(part: Optimizer | Stage, hyper: Mapping[str, float]) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield by name calls of the functions of a part that are free Python, but for the step."""
    weights = _weights(np.random.default_rng(0))
    # One dictionary for all layers, as in a run whose layers have the same hyper-parameters.
    each: list[Hyper] = [{name: hyper[name] for name in (*part.defaults, "lr")}] * len(in_layers(weights))
    owner: Formula | Optimizer = part.formula if isinstance(part, Stage) else part
    yield f"the start of {part.label}", partial(owner.start, weights, each)
    if isinstance(part, Stage) and part.penalty is not None:
        yield f"the penalty of {part.label}", partial(part.penalty_at, weights, each[0])
    try:
        state = owner.start(weights, each)
        if isinstance(owner, Optimizer) and owner.evaluates_others:  # without a start, its state comes with a step
            state = owner.step(_copied(weights), weights, state, 1, each, _bowl)[1]
    except ConfigError:
        return  # if it fails in a run too, the run reports it
    yield f"the evaluated form of {part.label}", partial(owner.evaluate, weights, state, 1, each)


def _take_twice(optimizer: Optimizer, hyper: Mapping[str, float]) -> None:
    rng = np.random.default_rng(0)
    weights = _weights(rng)
    each = optimizer.everywhere(hyper, weights)
    try:
        state = optimizer.start(weights, each)
    except ConfigError:
        return
    for t in _STEPS:
        gradients = _weights(rng)
        taken = _called_twice(
            partial(_step, optimizer, gradients, weights, state, t, each),
            f"{_place(optimizer.function)}: rule {optimizer.name}",
            f"step {t} is taken again from the same weights and state",
            f"Keep all that changes in the state. {INSTEAD}",
        )
        if taken is None:
            return
        steps, state = taken
        with np.errstate(all="ignore"):
            weights = [w - step for w, step in zip(weights, steps, strict=True)]


def _step(
    optimizer: Optimizer,
    gradients: Sequence[Array],
    weights: Sequence[Array],
    state: Mapping[str, Array],
    t: int,
    each: Sequence[Hyper],
) -> tuple[list[Array], dict[str, Array]]:
    """Take a step from copies, so that a rule that changes what it is given meets the same twice."""
    kept = {name: value.copy() for name, value in state.items()}
    return optimizer.step(_copied(gradients), _copied(weights), kept, t, each, _bowl)


def _called_twice(call: Callable[[], Any], what: str, again: str, mend: str) -> Any:
    """Call a function twice, and return what it returns; None if it fails, which the run reports if it meets it too.

    Raises:
        ConfigError: it returns other numbers the second time, or draws from a global generator.
    """
    for _ in range(_TRIES):
        before = _global_state()
        try:
            one, other = call(), call()
        except ConfigError:
            return None
        if _global_state() == before:
            break
    else:
        raise ConfigError(f"{what} draws from a global generator, whose state the id of a run does not hold. {mend}")
    if _bits(one) != _bits(other):
        raise ConfigError(f"{what} gives other numbers when {again}: a run must be the same each time. {mend}")
    return one


def _place(function: Callable[..., Any]) -> str:
    code = code_of(function)
    return f"{code.co_filename}:{code.co_firstlineno}"


def _weights(rng: np.random.Generator) -> list[Array]:
    return [rng.normal(size=shape) for shape in _SHAPES]


def _copied(arrays: Sequence[Array]) -> list[Array]:
    return [array.copy() for array in arrays]


def _bowl(weights: Sequence[Array]) -> tuple[float, list[Array]]:
    """Return the loss sum(w^2) / 2 and its gradients."""
    with np.errstate(all="ignore"):
        return float(sum((w * w).sum() for w in weights) / 2), [w.copy() for w in weights]


def _global_state() -> tuple[Any, ...]:
    name, key, *rest = np.random.get_state(legacy=True)  # noqa: NPY002  it is what others may draw from
    return random.getstate(), name, np.asarray(key).tobytes(), *rest


def _bits(value: Any) -> Any:
    """Return the bits of an array or a number, in lists and mappings too."""
    if isinstance(value, Mapping):
        return {name: _bits(part) for name, part in value.items()}
    return [_bits(part) for part in value] if isinstance(value, (list, tuple)) else np.asarray(value).tobytes()

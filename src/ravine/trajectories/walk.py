"""The path of an optimizer: from its name and settings to its points and values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ravine.arrays import Array
from ravine.errors import ConfigError, shortened
from ravine.formulas.compose import with_stages
from ravine.formulas.kinds import Value, shown, value_of
from ravine.formulas.optimizer import Optimizer
from ravine.formulas.shelves import OPTIMIZERS
from ravine.formulas.surface import Position, Surface
from ravine.inputs import convert, folded, plain
from ravine.trajectories.rates import RATES, best_rate
from ravine.trajectories.trace import trace

_FARTHEST = 1000.0
"""The largest coordinate of a start; a map that holds a start further away shows nothing."""

_MOST_STEPS = 1_000_000


@dataclass(frozen=True, eq=False)
class Walk:
    """One optimizer's path.

    Attributes:
        optimizer: its name, with the hyper-parameters that were given.
        hyperparameters: all of its hyper-parameters, in their own types.
        chosen: whether the learning rate was chosen from `RATES`.
        points: w_0, w_1 .., (steps + 1, 2), up to the last that is finite.
        values: f there, (steps + 1,).
        diverged_at: the first step that is not finite.
    """

    optimizer: str
    hyperparameters: dict[str, Value]
    chosen: bool
    points: Array
    values: Array
    diverged_at: int | None

    @property
    def label(self) -> str:
        """The optimizer and its learning rate."""
        return f"{self.optimizer}, lr {self.hyperparameters['lr']:g}"


def walk(
    optimizer: str | Optimizer, surface: Surface, *, steps: int, lr: float | None = None, start: Position | None = None
) -> Walk:
    """Follow one optimizer.

    Args:
        optimizer: an optimizer, or its name, with its hyper-parameters behind it as in
            "momentum,lr=0.01,alpha=0.5". Those of stages, such as weight_decay, may be among them.
        surface: the surface.
        steps: the number of steps.
        lr: the learning rate if `optimizer` names none. Without either, the best of `RATES` is taken; an optimizer that
            searches for the length of its steps keeps its default.
        start: the start of the path; the surface's own start if None.
    """
    found, given = _read(optimizer)
    _ = found.text  # this raises an error with the line of a fault, if there is one
    if lr is not None:
        given = {"lr": lr, **given}
    chosen = "lr" not in given and not found.searches
    values = found.hyperparameters({"lr": RATES[0], **given} if chosen else given)
    typed = found.typed(values)
    name = ", ".join([found.name, *(f"{key} {shown(typed[key])}" for key in given if key != "lr")])
    if chosen:
        values["lr"] = best_rate(found, surface, values, steps, start)
    points = trace(found, surface, values, steps, start)
    if not np.isfinite(surface.f(*points[0])):
        raise ConfigError(f"surface {surface.name} is not finite at the start, ({points[0][0]:g}, {points[0][1]:g}).")
    diverged_at = len(points) if len(points) <= steps else None
    return Walk(name, found.typed(values), chosen, points, surface.f(*points.T), diverged_at)


def walks(
    optimizers: Sequence[str | Optimizer],
    surface: Surface,
    *,
    steps: int = 100,
    lr: float | None = None,
    start: Position | None = None,
) -> list[Walk]:
    """Follow several optimizers from the same start; see `walk`.

    Raises:
        ConfigError: there is no such optimizer, one of its hyper-parameters does not fit, or steps or start do not.
    """
    if isinstance(optimizers, str) or not isinstance(optimizers, Sequence) or not optimizers:
        raise ConfigError(f'optimizers is {shortened(optimizers)}; it must be a list, for example ["sgd", "adam"].')
    steps = convert(plain(steps), int, "steps")
    if not 1 <= steps <= _MOST_STEPS:
        raise ConfigError(f"steps is {steps}; it must be at least 1, and at most {_MOST_STEPS}.")
    lr, start = convert(plain(lr), float | None, "lr"), convert(plain(start), tuple[float, float] | None, "start")
    if start is not None and not all(abs(coordinate) <= _FARTHEST for coordinate in start):
        raise ConfigError(
            f"start is {start[0]:g},{start[1]:g}; both must be numbers from {-_FARTHEST:g} to {_FARTHEST:g}."
        )
    return [walk(optimizer, surface, steps=steps, lr=lr, start=start) for optimizer in optimizers]


def _read(optimizer: str | Optimizer) -> tuple[Optimizer, dict[str, Value]]:
    """Take "NAME,KEY=VALUE,.." apart."""
    name, *settings = optimizer.split(",") if isinstance(optimizer, str) else [""]
    found = OPTIMIZERS.find(name if isinstance(optimizer, str) else optimizer)
    given: dict[str, Value] = {}
    for setting in settings:
        key, _, value = setting.partition("=")
        try:
            given[folded(key.strip())] = value_of(value)
        except ValueError:
            raise ConfigError(
                f"{setting!r} in {optimizer!r} is not NAME=VALUE, with a number, true or false; write for example "
                f"{name},lr=0.01."
            ) from None
    return with_stages(found, given), given

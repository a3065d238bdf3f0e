"""The search of a learning rate for a surface: no default suits every one."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from ravine.formulas.optimizer import Optimizer
from ravine.formulas.surface import Position, Surface
from ravine.trajectories.trace import trace
from ravine.trajectories.view import limits_of

RATES = (*(float(f"{digits}e{power}") for power in range(-4, 1) for digits in (1, 1.6, 2.5, 4, 6.3)), 10.0)
"""The learning rates to choose from: the preferred numbers of the series R5, whose ratio is about 1.6."""


def best_rate(
    optimizer: Optimizer,
    surface: Surface,
    hyperparameters: Mapping[str, float],
    steps: int,
    start: Position | None = None,
) -> float:
    """Return the learning rate of `RATES` whose path ends lowest without leaving the map.

    A path that leaves the map may end lower, by luck, and cannot be looked at. If all leave it, the lowest end counts.
    """
    low, high = np.array(limits_of(surface, start)).T

    def end(lr: float) -> tuple[bool, float]:
        points = trace(optimizer, surface, {**hyperparameters, "lr": lr}, steps, start)
        leaves = not ((low <= points) & (points <= high)).all()
        return leaves, float(surface.f(*points[-1])) if len(points) > steps else math.inf

    return min(RATES, key=end)

"""Steps down a surface.

Letters: t step, counted from 1; w_t the point after t steps, (2,), and w_0 the start; f the surface's loss.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ravine.arrays import Array
from ravine.formulas.surface import Point, Surface
from ravine.optimizers import AnyRule
from ravine.trajectories.steps import evaluated, state_of, steps_of


def trace(
    rule: AnyRule, surface: Surface, hyperparameters: Mapping[str, float], steps: int, start: Point | None = None
) -> Array:
    """Take steps down a surface and return the start and every point after it, (steps + 1, 2) float64.

    The rule is called as the reference engine calls it, and the two weights are one layer. To a rule of whole matrices
    they are a matrix of shape (2, 1), one unit with two inputs: a vector would be a bias, to which some of these rules
    give another optimizer's steps, and (1, 2) would be two units. A line search is given the loss of the surface.

    The points are those that the rule evaluates. The first at which the weights or the loss are not finite ends the
    path and is left out.

    >>> from ravine.optimizers import sgd
    >>> from ravine.formulas.shelves import SURFACES
    >>> trace(sgd, SURFACES["ravine"], {"lr": 0.01}, steps=2, start=(1.0, 1.0)).round(4).tolist()
    [[1.0, 1.0], [0.99, 0.25], [0.9801, 0.0625]]
    """
    w = np.array(surface.start if start is None else start, dtype=float)
    state = state_of(rule, w)
    take, points = steps_of(rule, surface), [evaluated(rule, w, state, 0, hyperparameters)]
    with np.errstate(all="ignore"):
        for t in range(1, steps + 1):
            step, state = take(w, state, t, hyperparameters)
            w = w - step
            point = evaluated(rule, w, state, t, hyperparameters)
            if not np.isfinite([*w, *point, surface.f(*point)]).all():
                break
            points.append(point)
    return np.array(points)

"""Steps down a surface.

Letters: t step, counted from 1; w_t the point after t steps, (2,), and w_0 the start; f the surface's loss.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ravine.arrays import Array
from ravine.formulas.layers import flattened, shaped
from ravine.formulas.optimizer import Optimizer
from ravine.formulas.surface import Position, Surface


def trace(
    optimizer: Optimizer,
    surface: Surface,
    hyperparameters: Mapping[str, float],
    steps: int,
    start: Position | None = None,
) -> Array:
    """Take steps down a surface and return the start and every point after it, (steps + 1, 2) float64.

    The two weights are one layer, a matrix of shape (2, 1), one unit with two inputs: a vector would be a bias, to
    which some matrix optimizers give another optimizer's steps, and (1, 2) would be two units. A line search is given
    the loss of the surface.

    The points are those that the optimizer evaluates. The first at which the weights or the loss are not finite ends
    the path and is left out.

    >>> from ravine.optimizers.sgd import sgd
    >>> from ravine.formulas.shelves import SURFACES
    >>> trace(sgd, SURFACES["ravine"], {"lr": 0.01}, steps=2, start=(1.0, 1.0)).round(4).tolist()
    [[1.0, 1.0], [0.99, 0.25], [0.9801, 0.0625]]
    """
    w = np.array(surface.start if start is None else start, dtype=float).reshape(2, 1)
    hyper = [hyperparameters]

    def slope(weights: Sequence[Array]) -> list[Array]:
        return shaped(np.array(surface.gradient(*flattened(weights))), weights)

    def loss(weights: Sequence[Array]) -> tuple[float, list[Array]]:
        return float(surface.f(*flattened(weights))), slope(weights)

    with np.errstate(all="ignore"):
        state = optimizer.start([w], hyper)
        points = [flattened(optimizer.evaluate([w], state, 0, hyper))]
        for t in range(1, steps + 1):
            taken, state = optimizer.step(slope([w]), [w], state, t, hyper, loss)
            w = w - taken[0]
            point = flattened(optimizer.evaluate([w], state, t, hyper))
            if not np.isfinite([*flattened([w]), *point, surface.f(*point)]).all():
                break
            points.append(point)
    return np.array(points)

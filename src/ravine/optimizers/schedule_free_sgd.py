"""Schedule-free SGD."""

from __future__ import annotations

from typing import Any

from ravine.formulas.elementwise import rule
from ravine.search import one_minus_log


def _mean(w: Any, z: Any, t: Any, *, beta: Any) -> Any:
    return w if t == 0 else (w - (1 - beta) * z) / beta


def _weights(w: Any) -> Any:
    return w


@rule(
    start={"z": _weights},
    bounds={"beta": "(0, 1)"},
    # beta plays the part of a momentum, though its bounds leave out 0: the mean is computed by dividing by it.
    search={"beta": one_minus_log(0.001, 0.5)},
    optax="optax.contrib.schedule_free(optax.sgd(lr), lr, b1=beta)",
    evaluated=_mean,
)
def schedule_free_sgd(g: Any, z: Any, w: Any, t: Any, *, lr: Any = 1.0, beta: Any = 0.9) -> Any:
    """Schedule-free SGD: the mean of all iterates takes the place of a decaying rate.

        z_t = z_(t-1) - lr g
        x_t = x_(t-1) + (z_t - x_(t-1)) / t
        w   = (1 - beta) z_t + beta x_t

    Gradients are taken at w, between the fast z and their mean x; x is evaluated and stored. All start at the same
    weights. x is not kept but follows from w and z.

    Source: Defazio et al., 2024, eqs. 3 to 5 with c_t = 1 / t; the start is not counted into the mean, as in their
    algorithm 1.
    Defaults: lr 1, beta 0.9.
    Elsewhere: optax (contrib.schedule_free over sgd) weights each iterate in the mean by the square of the largest rate
    so far, which is the same under a constant rate. PyTorch has none.
    """
    mean = (w - (1 - beta) * z) / beta
    z = z - lr * g
    mean = mean + (z - mean) / t
    return w - ((1 - beta) * z + beta * mean), z

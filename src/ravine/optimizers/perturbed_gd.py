"""Perturbed gradient descent."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.formulas.elementwise import rule


@rule(
    bounds={"radius": "[0, inf)", "threshold": "[0, inf)", "interval": "[0, inf)"},
    contains={"sgd": {"radius": 0.0}},
)
def perturbed_gd(
    g: Any,
    rest: Any,
    norm: Any,
    noise: Any,
    *,
    lr: Any = 0.1,
    radius: Any = 0.001,
    threshold: Any = 0.01,
    interval: int = 100,
) -> Any:
    """Perturbed gradient descent: where the gradient is small, a random kick moves the weights off a saddle.

        k_t = 1                         where |g| <= threshold and r_(t-1) = 0
        k_t = 0                         elsewhere
        w   = w - lr g + k_t radius z
        r_t = interval                  where k_t = 1
        r_t = max(r_(t-1) - 1, 0)       elsewhere

    where |g| is the norm of the whole gradient, z the noise, standard normal numbers, k says whether there is a kick,
    and r is the number of steps, 0 at first, until the next one may come.

    Source: Jin, Ge, Netrapalli, Kakade and Jordan, 2017, "How to Escape Saddle Points Efficiently", algorithm 2,
    without its last lines, which end the descent where a kick has not helped. There a kick is drawn from a ball; here
    each weight gets a normal number of the size radius, and a kick of n weights has about the length radius sqrt(n).
    Defaults: lr 0.1, as sgd's; the others are ours. The source derives them from constants of the function.
    Elsewhere: none of PyTorch, optax and Keras has it.
    """
    kicked = np.logical_and(norm <= threshold, rest <= 0)
    step = lr * g - np.where(kicked, radius * noise, 0.0)
    return step, np.where(kicked, interval, np.maximum(rest - 1, 0))

"""Schedule-free AdamW."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.formulas.elementwise import rule
from ravine.search import one_minus_log


def _mean(w: Any, z: Any, t: Any, *, beta1: Any) -> Any:
    return w if t == 0 else (w - (1 - beta1) * z) / beta1


def _weights(w: Any) -> Any:
    return w


@rule(
    start={"z": _weights},
    evaluated=_mean,
    bounds={"beta1": "(0, 1)", "beta2": "[0, 1)", "eps": "(0, inf)", "weight_decay": "[0, inf)"},
    # beta1 plays the part of a momentum, though its bounds leave out 0: the mean is computed by dividing by it.
    search={"beta1": one_minus_log(0.001, 0.5)},
    optax="optax.contrib.schedule_free_adamw(lr, b1=beta1, b2=beta2, eps=eps, weight_decay=weight_decay)",
)
def schedule_free_adamw(
    g: Any, z: Any, v: Any, w: Any, t: Any,
    *, lr: Any = 0.0025, beta1: Any = 0.9, beta2: Any = 0.999, eps: Any = 1e-8, weight_decay: Any = 0.0,
) -> Any:  # fmt: skip
    """Schedule-free AdamW: the mean of all iterates, scaled as Adam's, takes the place of a decaying rate.

        v_t = beta2 v_(t-1) + (1 - beta2) g^2
        z_t = z_(t-1) - lr (g / (sqrt(v_t / (1 - beta2^t)) + eps) + weight_decay w)
        x_t = x_(t-1) + (z_t - x_(t-1)) / t
        w   = (1 - beta1) z_t + beta1 x_t

    Gradients and decay are taken at w, between the fast z and their mean x; x is evaluated and stored.

    Source: Defazio et al., 2024, algorithm 1, with weights of the mean that are all the same, no warm-up of its own,
    and the bias correction at v, as in optax; there it is a factor of the rate, and so of the decay and the mean's
    weights.
    Defaults: those of the authors' own code: lr 0.0025, beta1 0.9, beta2 0.999, eps 1e-8, weight_decay 0.
    Elsewhere: optax (contrib.schedule_free_adamw) weights each iterate in the mean by the square of the largest rate so
    far, which is the same under a constant rate. Keras (ScheduleFreeAdamW) is the same without decay; its decay acts on
    w, and not on z. PyTorch has none.
    """
    v = beta2 * v + (1 - beta2) * g * g
    mean = (w - (1 - beta1) * z) / beta1
    z = z - lr * (g / (np.sqrt(1 / (1 - beta2**t) * v) + eps) + weight_decay * w)
    mean = mean + (z - mean) / t
    return w - ((1 - beta1) * z + beta1 * mean), z, v

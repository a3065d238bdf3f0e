"""Prodigy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ravine.arrays import Array
from ravine.formulas.formula import State
from ravine.formulas.layers import flattened, shaped
from ravine.formulas.matrix import matrix_rule
from ravine.search import log


@matrix_rule(
    bounds={"beta1": "[0, 1)", "beta2": "[0, 1)", "eps": "(0, inf)", "d0": "(0, inf)", "weight_decay": "[0, inf)"},
    optax="optax.contrib.prodigy(lr, betas=(beta1, beta2), eps=eps, estim_lr0=d0, weight_decay=weight_decay)",
    # It finds its own rate. Its authors recommend lr = 1, and 0.1 to 10 for a factor of the rate that it finds.
    search={"lr": log(0.1, 10)},
)
def prodigy(
    gradients: Sequence[Array],
    weights: Sequence[Array],
    state: State,
    t: int,
    *,
    lr: Any = 1,
    beta1: Any = 0.9,
    beta2: Any = 0.999,
    eps: Any = 1e-8,
    d0: Any = 1e-6,
    weight_decay: Any = 0,
) -> Any:
    """Prodigy: Adam that finds its own rate, from how far the weights have come along the gradients.

        c   = lr sqrt(1 - beta2^t) / (1 - beta1^t)
        r_t = sqrt(beta2) r_(t-1) + c d_(t-1)^2 <g, w_0 - w>
        s_t = sqrt(beta2) s_(t-1) + c d_(t-1)^2 g
        d_t = max(d_(t-1), r_t / |s_t|_1)
        m_t = beta1 m_(t-1) + (1 - beta1) d_(t-1) g
        v_t = beta2 v_(t-1) + (1 - beta2) (d_(t-1) g)^2
        w   = w - c d_(t-1) (m_t / (sqrt(v_t) + d_t eps) + weight_decay w)

    with one d, r and distance for all layers together, and d_0 = d0.

    Source: Mishchenko and Defazio, 2023, with Adam's steps, as in the authors' own code; Adam's correction for the
    start at zero is a factor of the rate. The factor 1 - sqrt(beta2) of both r and s is left out, since it cancels.
    Defaults: those of the source: lr 1, which a schedule may lower, beta1 0.9, beta2 0.999, eps 1e-8, d0 1e-6.
    Elsewhere: optax (contrib.prodigy) is the same, but NaN until there is a gradient that is not 0. The authors' own
    code has the correction off by default. PyTorch and Keras have none.
    """
    g, w = flattened(gradients), flattened(weights)
    zeros, zero = np.zeros_like(w), np.zeros(1, w.dtype)
    start, d = state.get("start", w), state.get("d", zero + d0)
    m, v, s, r = (state.get(key, at_first) for key, at_first in zip("mvsr", (zeros, zeros, zeros, zero), strict=True))
    rate = lr * (1 - beta2**t) ** 0.5 / (1 - beta1**t) * d
    # r and s share the factor 1 / d0, which keeps them within the range of single precision.
    r = beta2**0.5 * r + d / d0 * rate * (g @ (start - w))
    s = beta2**0.5 * s + d / d0 * rate * g
    m = beta1 * m + (1 - beta1) * d * g
    v = beta2 * v + (1 - beta2) * (d * g) ** 2
    length = np.abs(s).sum()
    larger = np.maximum(d, r / length) if length > 0 else d
    step = rate * (m / (np.sqrt(v) + larger * eps) + weight_decay * w)
    return shaped(step, weights), {"start": start, "d": larger, "m": m, "v": v, "s": s, "r": r}

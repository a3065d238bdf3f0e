"""Adan."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.formulas.elementwise import rule


@rule(
    bounds={
        "beta1": "[0, 1)",
        "beta2": "[0, 1)",
        "beta3": "[0, 1)",
        "eps": "(0, inf)",
        "weight_decay": "[0, inf)",
    }
)
def adan(
    g: Any,
    m: Any,
    v: Any,
    s: Any,
    p: Any,
    w: Any,
    t: Any,
    *,
    lr: Any = 0.001,
    beta1: Any = 0.98,
    beta2: Any = 0.92,
    beta3: Any = 0.99,
    eps: Any = 1e-8,
    weight_decay: Any = 0.0,
) -> Any:
    """Adan: Adam with Nesterov's look ahead, estimated by how gradients change from one step to the next.

        d_t = g_t - g_(t-1)  and 0 at the first step
        m_t = beta1 m_(t-1) + (1 - beta1) g
        v_t = beta2 v_(t-1) + (1 - beta2) d_t
        s_t = beta3 s_(t-1) + (1 - beta3) (g + beta2 d_t)^2
        u_t = (m_t / (1 - beta1^t) + beta2 v_t / (1 - beta2^t)) / (sqrt(s_t / (1 - beta3^t)) + eps)
        w   = (w - lr u_t) / (1 + lr weight_decay)

    The slot p holds the last gradient.

    Source: Xie, Zhou, Li, Lin and Yan, 2022, algorithm 1, whose betas are 1 minus these, with bias corrections as in
    its authors' code.
    Defaults: those of its authors' code: lr 0.001, beta1 0.98, beta2 0.92, beta3 0.99, eps 1e-8, weight_decay 0.
    Elsewhere: optax (adan) has 1 - beta2 where d and v are added to g and m, 0.08 in place of 0.92, eps_root inside
    the root, and decays by subtracting lr weight_decay w. PyTorch and Keras have none.
    """
    d = np.where(t == 1, 0, g - p)
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * d
    s = beta3 * s + (1 - beta3) * (g + beta2 * d) ** 2
    mean = 1 / (1 - beta1**t) * m + beta2 / (1 - beta2**t) * v
    u = mean / (np.sqrt(1 / (1 - beta3**t) * s) + eps)
    return (lr * u + lr * weight_decay * w) / (1 + lr * weight_decay), m, v, s, g

"""AdaBelief."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.formulas.elementwise import rule


@rule(
    bounds={"beta1": "[0, 1)", "beta2": "[0, 1)", "eps": "(0, inf)", "eps_root": "[0, inf)"},
    optax="optax.adabelief(lr, b1=beta1, b2=beta2, eps=eps, eps_root=eps_root)",
)
def adabelief(
    g: Any,
    m: Any,
    s: Any,
    t: Any,
    *,
    lr: Any = 0.001,
    beta1: Any = 0.9,
    beta2: Any = 0.999,
    eps: Any = 1e-16,
    eps_root: Any = 1e-16,
) -> Any:
    """AdaBelief: Adam that divides by how far gradients differ from their running mean, and not by their size.

        m_t = beta1 m_(t-1) + (1 - beta1) g
        s_t = beta2 s_(t-1) + (1 - beta2) (g - m_t)^2 + eps_root
        w   = w - lr (m_t / (1 - beta1^t)) / (sqrt(s_t / (1 - beta2^t)) + eps)

    Source: Zhuang, Tang, Ding, Tatikonda, Dvornek, Papademetris and Duncan, 2020, algorithm 2, where eps_root = eps.
    Defaults: those of optax, with lr 0.001: beta1 0.9, beta2 0.999, eps 1e-16, eps_root 1e-16.
    Elsewhere: the same in optax (adabelief). PyTorch and Keras have none.
    """
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * (g - m) ** 2 + eps_root
    return lr / (1 - beta1**t) * m / (np.sqrt(1 / (1 - beta2**t) * s) + eps), m, s

"""RAdam."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.formulas.elementwise import rule


@rule(
    bounds={"beta1": "[0, 1)", "beta2": "[0, 1)", "eps": "(0, inf)"},
    torch="torch.optim.RAdam(weights, lr=lr, betas=(beta1, beta2), eps=eps)",
    # At beta2 = 0 no mean square is ever trusted: p is 1.
    contains={"sgd": {"beta1": 0.0, "beta2": 0.0}},
)
def radam(
    g: Any, m: Any, v: Any, t: Any, *, lr: Any = 0.001, beta1: Any = 0.9, beta2: Any = 0.999, eps: Any = 1e-8
) -> Any:
    """RAdam: Adam that goes by its momentum alone until it has seen enough gradients to trust their mean square.

        m_t = beta1 m_(t-1) + (1 - beta1) g
        v_t = beta2 v_(t-1) + (1 - beta2) g^2
        p_t = p - 2 t beta2^t / (1 - beta2^t)  where p = 2 / (1 - beta2) - 1
        r_t = sqrt((p_t - 4) (p_t - 2) p / ((p - 4) (p - 2) p_t))
        w   = w - lr (m_t / (1 - beta1^t)) r_t sqrt(1 - beta2^t) / (sqrt(v_t) + eps)  where p_t > 5
        w   = w - lr m_t / (1 - beta1^t)  before

    Source: Liu, Jiang, He, Chen, Liu, Gao and Han, 2020, algorithm 2, which has no eps and trusts from p_t > 4 on.
    Defaults: those of Adam: lr 0.001, beta1 0.9, beta2 0.999, eps 1e-8.
    Elsewhere: the same in PyTorch (RAdam). optax (radam) adds eps after the bias correction of v and trusts from
    p_t = 5 on. Keras has none.
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    most = 2 / (1 - beta2) - 1
    length = most - 2 * t * beta2**t / (1 - beta2**t)
    ratio = (length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length) if length > 5 else 0.0
    rate = (ratio * (1 - beta2**t)) ** 0.5
    return lr / (1 - beta1**t) * m * np.where(length > 5, rate / (np.sqrt(v) + eps), 1), m, v

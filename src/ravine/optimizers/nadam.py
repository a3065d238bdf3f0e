"""NAdam."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.formulas.elementwise import rule


@rule(
    bounds={"beta1": "[0, 1)", "beta2": "[0, 1)", "eps": "(0, inf)", "momentum_decay": "[0, inf)"},
    torch="torch.optim.NAdam(weights, lr=lr, betas=(beta1, beta2), eps=eps, momentum_decay=momentum_decay)",
)
def nadam(
    g: Any,
    m: Any,
    v: Any,
    q: Any,
    t: Any,
    *,
    lr: Any = 0.002,
    beta1: Any = 0.9,
    beta2: Any = 0.999,
    eps: Any = 1e-8,
    momentum_decay: Any = 0.004,
) -> Any:
    """NAdam: Adam with Nesterov's look ahead, and a momentum that rises from half of beta1 to beta1.

        mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2)
        m_t  = beta1 m_(t-1) + (1 - beta1) g
        v_t  = beta2 v_(t-1) + (1 - beta2) g^2
        q_t  = 1 - mu_1 mu_2 ... mu_t
        d_t  = (1 - mu_t) g / q_t + mu_(t+1) m_t / q_(t+1)
        w    = w - lr d_t / (sqrt(v_t / (1 - beta2^t)) + eps)

    The slot holds q and not the product mu_1 mu_2 ... mu_t, since slots start at 0 and the product at 1.

    Source: Dozat, 2016, in the form of PyTorch's NAdam, without the factor beta2 that the source has before the
    corrected v.
    Defaults: those of PyTorch: lr 0.002, beta1 0.9, beta2 0.999, eps 1e-8, momentum_decay 0.004.
    Elsewhere: the same in PyTorch (NAdam), which keeps the product in PyTorch's default dtype. Keras (Nadam) has
    momentum_decay 1, eps = 1e-7 and lr 0.001. optax (nadam) has no schedule: mu is beta1, g is divided
    by 1 - beta1^t and m by 1 - beta1^(t+1).
    """
    mu = beta1 * (1 - 0.5 * 0.96 ** (t * momentum_decay))
    mu_next = beta1 * (1 - 0.5 * 0.96 ** ((t + 1) * momentum_decay))
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    q = 1 - mu + mu * q
    d = (1 - mu) * g / q + mu_next * m / (1 - mu_next + mu_next * q)
    return lr * d / (np.sqrt(1 / (1 - beta2**t) * v) + eps), m, v, q

"""AdaMax."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.formulas.elementwise import rule


@rule(
    bounds={"beta1": "[0, 1)", "beta2": "[0, 1)", "eps": "(0, inf)"},
    torch="torch.optim.Adamax(weights, lr=lr, betas=(beta1, beta2), eps=eps)",
    optax="optax.adamax(lr, b1=beta1, b2=beta2, eps=eps)",
)
def adamax(
    g: Any, m: Any, u: Any, t: Any, *, lr: Any = 0.002, beta1: Any = 0.9, beta2: Any = 0.999, eps: Any = 1e-8
) -> Any:
    """AdaMax: Adam with the largest recent gradient, slowly forgotten, in place of the root mean square.

        m_t = beta1 m_(t-1) + (1 - beta1) g
        u_t = max(beta2 u_(t-1), |g| + eps)
        w   = w - lr (m_t / (1 - beta1^t)) / u_t

    Source: Kingma and Ba, 2015, algorithm 2, which has no eps and divides 0 by 0 before the first gradient.
    Defaults: those of the source: lr 0.002, beta1 0.9, beta2 0.999; eps 1e-8.
    Elsewhere: the same in PyTorch (Adamax) and optax (adamax). Keras (Adamax) has eps = 1e-7, added to u in the step
    alone, and lr 0.001.
    """
    m = beta1 * m + (1 - beta1) * g
    u = np.maximum(beta2 * u, abs(g) + eps)
    return lr / (1 - beta1**t) * m / u, m, u

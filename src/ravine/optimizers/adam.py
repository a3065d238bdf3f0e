"""Adam."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.formulas.elementwise import rule


@rule(
    bounds={"beta1": "[0, 1)", "beta2": "[0, 1)", "eps": "(0, inf)"},
    torch="torch.optim.Adam(weights, lr=lr, betas=(beta1, beta2), eps=eps)",
    optax="optax.adam(lr, b1=beta1, b2=beta2, eps=eps)",
)
def adam(
    g: Any, m: Any, v: Any, t: Any, *, lr: Any = 0.001, beta1: Any = 0.9, beta2: Any = 0.999, eps: Any = 1e-8
) -> Any:
    """Adam: momentum over a running root mean square, both corrected for their start at zero.

        m_t = beta1 m_(t-1) + (1 - beta1) g
        v_t = beta2 v_(t-1) + (1 - beta2) g^2
        w   = w - lr (m_t / (1 - beta1^t)) / (sqrt(v_t / (1 - beta2^t)) + eps)

    Source: Kingma and Ba, 2015, algorithm 1.
    Defaults: those of the source: lr 0.001, beta1 0.9, beta2 0.999, eps 1e-8.
    Elsewhere: PyTorch (Adam) and optax (adam) are the same. Keras (Adam) has eps = 1e-7 and takes it before the bias
    correction of v, the source's "epsilon hat".
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    return lr / (1 - beta1**t) * m / (np.sqrt(1 / (1 - beta2**t) * v) + eps), m, v

"""AMSGrad."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.formulas.elementwise import rule


@rule(
    bounds={"beta1": "[0, 1)", "beta2": "[0, 1)", "eps": "(0, inf)"},
    torch="torch.optim.Adam(weights, lr=lr, betas=(beta1, beta2), eps=eps, amsgrad=True)",
)
def amsgrad(
    g: Any, m: Any, v: Any, u: Any, t: Any, *, lr: Any = 0.001, beta1: Any = 0.9, beta2: Any = 0.999, eps: Any = 1e-8
) -> Any:
    """AMSGrad: Adam whose running mean square never falls.

        m_t = beta1 m_(t-1) + (1 - beta1) g
        v_t = beta2 v_(t-1) + (1 - beta2) g^2
        u_t = max(u_(t-1), v_t)
        w   = w - lr (m_t / (1 - beta1^t)) / (sqrt(u_t / (1 - beta2^t)) + eps)

    Source: Reddi, Kale and Kumar, 2018, algorithm 2, which has neither bias corrections nor eps.
    Defaults: those of Adam: lr 0.001, beta1 0.9, beta2 0.999, eps 1e-8.
    Elsewhere: the same in PyTorch (Adam, amsgrad). optax (amsgrad) takes the maximum of the corrected v. Keras (Adam,
    amsgrad) has eps = 1e-7 and takes it before the bias correction.
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    u = np.maximum(u, v)
    return lr / (1 - beta1**t) * m / (np.sqrt(1 / (1 - beta2**t) * u) + eps), m, v, u

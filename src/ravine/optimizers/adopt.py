"""ADOPT."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.formulas.elementwise import rule


@rule(
    bounds={"beta1": "[0, 1)", "beta2": "[0, 1)", "eps": "(0, inf)"},
    optax="optax.contrib.adopt(lr, b1=beta1, b2=beta2, eps=eps)",
)
def adopt(
    g: Any, m: Any, v: Any, t: Any, *, lr: Any = 0.001, beta1: Any = 0.9, beta2: Any = 0.9999, eps: Any = 1e-6
) -> Any:
    """ADOPT: Adam whose gradient is divided by the mean square of those before it, so that any beta2 converges.

        u_t = min(max(g / max(sqrt(v_(t-1)), eps), -c_t), c_t)
        m_t = beta1 m_(t-1) + (1 - beta1) u_t
        w   = w - lr m_t
        v_t = beta2 v_(t-1) + (1 - beta2) g^2

    with c_t = (t - 1)^(1/4). At the first step no weight moves, since c_1 = 0, and v_1 = g^2.

    Source: Taniguchi et al., 2024, "ADOPT: Modified Adam can converge with any beta2 with the optimal rate", algorithm
    2, with the clipping of the authors' own code.
    Defaults: those of the source: lr 0.001, beta1 0.9, beta2 0.9999, eps 1e-6.
    Elsewhere: the same in optax (contrib.adopt). Neither PyTorch nor Keras has it.
    """
    bound = (t - 1) ** 0.25
    u = np.clip(g / np.maximum(np.sqrt(v), eps), -bound, bound)
    m = beta1 * m + (1 - beta1) * u
    share = 1.0 if t == 1 else 1 - beta2
    return lr * m, m, (1 - share) * v + share * g * g

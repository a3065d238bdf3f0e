"""RMSProp."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.formulas.elementwise import rule


def _lazy(s: Any, n: Any, *, rho: Any) -> Any:
    """Decay the average; the weight stands still."""
    return 0, rho**n * s


@rule(
    lazy=_lazy,
    bounds={"rho": "[0, 1)", "eps": "(0, inf)"},
    torch="torch.optim.RMSprop(weights, lr=lr, alpha=rho, eps=eps)",
    optax="optax.rmsprop(lr, decay=rho, eps=eps, eps_in_sqrt=False)",
)
def rmsprop(g: Any, s: Any, *, lr: Any = 0.001, rho: Any = 0.9, eps: Any = 1e-8) -> Any:
    """RMSProp: the gradient divided by a running root mean square of its recent values.

        s_t = rho s_(t-1) + (1 - rho) g^2
        w   = w - lr g / (sqrt(s_t) + eps)

    Source: Tieleman and Hinton, 2012, lecture 6.5.
    Defaults: rho 0.9, the lecture's; lr 0.001 and eps 1e-8.
    Elsewhere: PyTorch (RMSprop) is the same with rho = 0.99 (its alpha) and lr 0.01. Keras (RMSprop) has eps = 1e-7 and
    optax (rmsprop) eps = 1e-8, both inside the root.
    """
    s = rho * s + (1 - rho) * g * g
    return lr * g / (np.sqrt(s) + eps), s

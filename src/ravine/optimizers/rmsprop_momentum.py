"""RMSProp with momentum."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.formulas.elementwise import rule


def _lazy(s: Any, b: Any, n: Any, *, lr: Any, rho: Any, alpha: Any) -> Any:
    """Sum the drift lr (alpha b + alpha^2 b + ... + alpha^n b), a geometric series, and decay the average."""
    return lr * alpha * (1 - alpha**n) / (1 - alpha) * b, rho**n * s, alpha**n * b


@rule(
    lazy=_lazy,
    bounds={"rho": "[0, 1)", "alpha": "[0, 1)", "eps": "(0, inf)"},
    torch="torch.optim.RMSprop(weights, lr=lr, alpha=rho, eps=eps, momentum=alpha)",
    optax="optax.rmsprop(lr, decay=rho, eps=eps, eps_in_sqrt=False, momentum=alpha)",
    contains={"rmsprop": {"alpha": 0.0}},
)
def rmsprop_momentum(
    g: Any, s: Any, b: Any, *, lr: Any = 0.001, rho: Any = 0.9, alpha: Any = 0.9, eps: Any = 1e-8
) -> Any:
    """RMSProp with momentum: a buffer of gradients, each divided by the running root mean square of its time.

        s_t = rho s_(t-1) + (1 - rho) g^2
        b_t = alpha b_(t-1) + g / (sqrt(s_t) + eps)
        w   = w - lr b_t

    Source: Tieleman and Hinton, 2012, lecture 6.5, which names momentum as an addition, in the form of PyTorch.
    Defaults: those of our rmsprop, lr 0.001, rho 0.9 and eps 1e-8; alpha 0.9.
    Elsewhere: PyTorch (RMSprop, momentum) is the same with rho = 0.99 (its alpha), lr 0.01 and alpha = 0 (its
    momentum). optax (rmsprop, momentum) with eps_in_sqrt=False has the rate inside the buffer: the same path as long as
    the rate is constant. Keras (RMSprop, momentum) has that too, and eps = 1e-7 inside the root.
    """
    s = rho * s + (1 - rho) * g * g
    b = alpha * b + g / (np.sqrt(s) + eps)
    return lr * b, s, b

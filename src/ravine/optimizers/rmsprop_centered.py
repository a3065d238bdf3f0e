"""RMSProp over the standard deviation."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.formulas.elementwise import rule


def _lazy(s: Any, m: Any, n: Any, *, rho: Any) -> Any:
    """Decay the averages; the weight stands still."""
    return 0, rho**n * s, rho**n * m


@rule(
    lazy=_lazy,
    bounds={"rho": "[0, 1)", "eps": "(0, inf)"},
    torch="torch.optim.RMSprop(weights, lr=lr, alpha=rho, eps=eps, centered=True)",
    optax="optax.rmsprop(lr, decay=rho, eps=eps, eps_in_sqrt=False, centered=True)",
)
def rmsprop_centered(g: Any, s: Any, m: Any, *, lr: Any = 0.001, rho: Any = 0.9, eps: Any = 1e-8) -> Any:
    """Centered RMSProp: the gradient divided by a running standard deviation of its recent values.

        s_t = rho s_(t-1) + (1 - rho) g^2
        m_t = rho m_(t-1) + (1 - rho) g
        w   = w - lr g / (sqrt(s_t - m_t^2) + eps)

    In exact arithmetic the variance s - m^2 is never negative. Rounding can make it negative where gradients hardly
    change; it then counts as 0.

    Source: Graves, 2013, equations 38 to 41, which have momentum besides.
    Defaults: those of our rmsprop: lr 0.001, rho 0.9, eps 1e-8.
    Elsewhere: the same in PyTorch (RMSprop, centered) with rho = 0.99 (its alpha) and lr 0.01, and in optax (rmsprop,
    centered) with eps_in_sqrt=False, but both give NaN where rounding makes the variance negative. Keras (RMSprop,
    centered), as the source, has eps inside the root.
    """
    s = rho * s + (1 - rho) * g * g
    m = rho * m + (1 - rho) * g
    return lr * g / (np.sqrt(np.maximum(s - m * m, 0)) + eps), s, m

"""Adadelta."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.formulas.elementwise import rule


def _lazy(s: Any, u: Any, n: Any, *, rho: Any) -> Any:
    """Decay the averages; the weight stands still."""
    return 0, rho**n * s, rho**n * u


@rule(
    lazy=_lazy,
    bounds={"rho": "[0, 1)", "eps": "(0, inf)"},
    torch="torch.optim.Adadelta(weights, lr=lr, rho=rho, eps=eps)",
    optax="optax.adadelta(lr, rho=rho, eps=eps)",
)
def adadelta(g: Any, s: Any, u: Any, *, lr: Any = 1.0, rho: Any = 0.95, eps: Any = 1e-6) -> Any:
    """Adadelta: RMSProp whose rate is a running root mean square of its own recent steps.

        s_t = rho s_(t-1) + (1 - rho) g^2
        d_t = sqrt(u_(t-1) + eps) g / sqrt(s_t + eps)
        u_t = rho u_(t-1) + (1 - rho) d_t^2
        w   = w - lr d_t

    Source: Zeiler, 2012, algorithm 1, which has no lr.
    Defaults: lr 1, at which the rule is the source's; rho 0.95 and eps 1e-6, the source's.
    Elsewhere: the same in PyTorch (Adadelta) and optax (adadelta), both with rho = 0.9, and in Keras (Adadelta), with
    eps = 1e-7 and lr 0.001.
    """
    s = rho * s + (1 - rho) * g * g
    d = np.sqrt(u + eps) / np.sqrt(s + eps) * g
    u = rho * u + (1 - rho) * d * d
    return lr * d, s, u

"""AdaGrad."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.formulas.elementwise import rule


@rule(
    inert=True,
    bounds={"eps": "(0, inf)"},
    torch="torch.optim.Adagrad(weights, lr=lr, initial_accumulator_value=eps, eps=0)",
    optax="optax.adagrad(lr, initial_accumulator_value=0, eps=eps)",
)
def adagrad(g: Any, G: Any, *, lr: Any = 0.01, eps: Any = 1e-8) -> Any:
    """AdaGrad: each weight's rate shrinks with the squares of all its gradients so far.

        G_t = G_(t-1) + g^2
        w   = w - lr g / sqrt(G_t + eps)

    Source: Duchi, Hazan and Singer, 2011; Yotkov, Gradient-Based Optimisation, algorithm 2, with eps inside the root.
    Defaults: lr 0.01 and eps 1e-8, Yotkov's.
    Elsewhere: PyTorch (Adagrad) has eps = 1e-10 outside the root, sqrt(G) + eps, and can decay lr. Keras (Adagrad) has
    eps = 1e-7 inside the root and G_0 = 0.1. optax (adagrad) has eps = 1e-7 inside the root, G_0 = 0.1, and no step
    where G is 0.
    """
    G = G + g * g
    return lr * g / np.sqrt(G + eps), G

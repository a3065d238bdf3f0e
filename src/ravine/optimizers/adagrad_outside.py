"""AdaGrad with eps outside the root."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.formulas.elementwise import rule


@rule(
    inert=True,
    bounds={"eps": "(0, inf)", "initial_accumulator": "[0, inf)"},
    torch="torch.optim.Adagrad(weights, lr=lr, initial_accumulator_value=initial_accumulator, eps=eps)",
)
def adagrad_outside(g: Any, G: Any, *, lr: Any = 0.01, eps: Any = 1e-10, initial_accumulator: Any = 0.0) -> Any:
    """AdaGrad with eps outside the root: the constant is added to the root of the sum and not to the sum.

        G_t = G_(t-1) + g^2
        w   = w - lr g / (sqrt(G_0 + G_t) + eps)

    G_0 is the initial accumulator; the sum itself starts at 0.

    Source: Duchi, Hazan and Singer, 2011, figure 1, whose delta stands outside the root.
    Defaults: those of PyTorch: lr 0.01, eps 1e-10, initial accumulator 0.
    Elsewhere: the same in PyTorch (Adagrad), which can also decay lr. Keras (Adagrad), optax (adagrad) and our adagrad
    have eps inside the root.
    """
    G = G + g * g
    return lr * g / (np.sqrt(initial_accumulator + G) + eps), G

"""Lion."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.formulas.elementwise import rule
from ravine.search import one_minus_log


@rule(
    bounds={"beta1": "[0, 1)", "beta2": "[0, 1)"},
    optax="optax.lion(lr, b1=beta1, b2=beta2, weight_decay=0)",
    # beta2 is the momentum: no mean of squares as that of Adam, which stays at its default.
    search={"beta2": one_minus_log(0.001, 0.5)},
    contains={"signsgd": {"beta1": 0.0}},
)
def lion(g: Any, m: Any, *, lr: Any = 0.0001, beta1: Any = 0.9, beta2: Any = 0.99) -> Any:
    """Lion: the sign of a momentum into which the new gradient is mixed twice, with two weights.

        w   = w - lr sign(beta1 m_(t-1) + (1 - beta1) g)
        m_t = beta2 m_(t-1) + (1 - beta2) g

    The source's decoupled decay of the weights is the stage weight_decay.

    Source: Chen, Liang, Huang and others, 2023, algorithm 2.
    Defaults: beta1 0.9 and beta2 0.99, the source's; lr 0.0001.
    Elsewhere: the same in optax (lion), with weight_decay = 0.001, and in Keras (Lion), with lr 0.001. PyTorch has
    none.
    """
    return lr * np.sign(beta1 * m + (1 - beta1) * g), beta2 * m + (1 - beta2) * g

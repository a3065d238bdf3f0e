"""Yogi."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.formulas.elementwise import rule


def _accumulator(*, initial_accumulator: Any) -> Any:
    return initial_accumulator


@rule(
    start={"v": _accumulator},
    bounds={"beta1": "[0, 1)", "beta2": "[0, 1)", "eps": "(0, inf)", "initial_accumulator": "[0, inf)"},
)
def yogi(
    g: Any,
    m: Any,
    v: Any,
    t: Any,
    *,
    lr: Any = 0.01,
    beta1: Any = 0.9,
    beta2: Any = 0.999,
    eps: Any = 0.001,
    initial_accumulator: Any = 1e-6,
) -> Any:
    """Yogi: Adam whose mean square moves by the square of the gradient alone, and so forgets a large one slowly.

        m_t = beta1 m_(t-1) + (1 - beta1) g
        v_t = v_(t-1) - (1 - beta2) sign(v_(t-1) - g^2) g^2
        w   = w - lr (m_t / (1 - beta1^t)) / (sqrt(v_t / (1 - beta2^t)) + eps)

    v_0 is the initial accumulator, m_0 is 0.

    Source: Zaheer, Reddi, Sachan, Kale and Kumar, 2018, algorithm 2, which has no bias corrections.
    Defaults: those of optax, with lr 0.01: beta1 0.9, beta2 0.999, eps 0.001, initial_accumulator 1e-6.
    Elsewhere: optax (yogi) starts m too at the initial accumulator, so that weights that never had a gradient move; it
    is otherwise the same. PyTorch and Keras have none.
    """
    m = beta1 * m + (1 - beta1) * g
    v = v - (1 - beta2) * np.sign(v - g * g) * g * g
    return lr / (1 - beta1**t) * m / (np.sqrt(1 / (1 - beta2**t) * v) + eps), m, v

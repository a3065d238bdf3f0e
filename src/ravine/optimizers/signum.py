"""Momentum by signs."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.formulas.elementwise import rule


@rule(bounds={"beta": "[0, 1)"}, optax="optax.signum(lr, beta=beta)", contains={"signsgd": {"beta": 0.0}})
def signum(g: Any, m: Any, *, lr: Any = 0.001, beta: Any = 0.9) -> Any:
    """Signum: a step of the same length for every weight, against the sign of its momentum.

        m_t = beta m_(t-1) + (1 - beta) g
        w   = w - lr sign(m_t)

    Source: Bernstein, Wang, Azizzadenesheli and Anandkumar, 2018, algorithm 2.
    Defaults: lr 0.001, chosen here: it is the length of every step; beta 0.9.
    Elsewhere: the same in optax (signum). PyTorch and Keras have none.
    """
    m = beta * m + (1 - beta) * g
    return lr * np.sign(m), m

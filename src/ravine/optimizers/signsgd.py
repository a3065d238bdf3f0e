"""Gradient descent by signs."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.formulas.elementwise import rule


@rule(inert=True, optax="optax.sign_sgd(lr)")
def signsgd(g: Any, *, lr: Any = 0.001) -> Any:
    """SignSGD: a step of the same length for every weight, against the sign of its gradient.

        w = w - lr sign(g)

    A weight whose gradient is 0 stands still.

    Source: Bernstein, Wang, Azizzadenesheli and Anandkumar, 2018, algorithm 1.
    Defaults: lr 0.001, chosen here: it is the length of every step.
    Elsewhere: the same in optax (sign_sgd). PyTorch and Keras have none.
    """
    return lr * np.sign(g)

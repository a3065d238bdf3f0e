"""Rprop."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.formulas.elementwise import rule


@rule(
    start={"r": 1.0},
    bounds={"eta_minus": "(0, 1)", "eta_plus": "(1, inf)", "min_size": "(0, 1]", "max_size": "[1, inf)"},
    full_batch=True,
    torch="torch.optim.Rprop(weights, lr=lr, etas=(eta_minus, eta_plus), step_sizes=(lr * min_size, lr * max_size))",
)
def rprop(
    g: Any,
    p: Any,
    r: Any,
    *,
    lr: Any = 0.01,
    eta_minus: Any = 0.5,
    eta_plus: Any = 1.2,
    min_size: Any = 0.0001,
    max_size: Any = 5000.0,
) -> Any:
    """Rprop: a step size for each weight that grows while its gradient keeps its sign; for whole data sets at once.

        r_t = min(eta_plus r_(t-1), max_size)   where g p_(t-1) > 0
        r_t = max(eta_minus r_(t-1), min_size)  where g p_(t-1) < 0
        r_t = r_(t-1)                           where g p_(t-1) = 0
        p_t = 0                                 where g p_(t-1) < 0
        p_t = sign(g)                           elsewhere
        w   = w - lr r_t p_t

    where p is the sign of the last gradient, or 0 after a change of sign, and r the size of the step.

    Sizes are counted in units of lr and start at r_0 = 1, so that no weight moves at lr = 0, and a schedule acts on
    all of them. Mini-batches change signs by chance, which shrinks the sizes whatever the slope is.

    Source: Riedmiller and Braun, 1993; without its return to the old weight after a change of sign, which is iRprop-,
    Igel and Huesken, 2000.
    Defaults: those of PyTorch: lr 0.01, etas 0.5 and 1.2, sizes between 0.000001 and 50, which are 0.0001 and 5000
    times lr.
    Elsewhere: PyTorch (Rprop) is the same under a constant rate, with bounds of the size that are not multiplied by lr;
    lr is only its first size, and a later change of lr has no effect. optax (rprop) takes a step by the gradient of the
    step before. Keras has none.
    """
    turn = np.sign(g) * p
    r = np.where(turn > 0, eta_plus * r, np.where(turn < 0, eta_minus * r, r))
    r = np.clip(r, min_size, max_size)
    p = np.where(turn < 0, 0, np.sign(g))
    return lr * r * p, p, r

"""Momentum in the velocity form."""

from __future__ import annotations

from typing import Any

from ravine.formulas.elementwise import rule


def _lazy(v: Any, n: Any, *, alpha: Any) -> Any:
    """Sum the drift alpha v + alpha^2 v + ... + alpha^n v, a geometric series."""
    return alpha * (1 - alpha**n) / (1 - alpha) * v, alpha**n * v


@rule(
    lazy=_lazy,
    bounds={"alpha": "[0, 1)"},
    torch="torch.optim.SGD(weights, lr=lr, momentum=alpha)",
    optax="optax.sgd(lr, momentum=alpha)",
    contains={"sgd": {"alpha": 0.0}},
)
def momentum(g: Any, v: Any, *, lr: Any = 0.01, alpha: Any = 0.9) -> Any:
    """Momentum: a velocity that remembers past gradients, in the velocity form.

        v_t = alpha v_(t-1) + lr g
        w   = w - v_t

    Source: Polyak, 1964; Sutskever, Martens, Dahl and Hinton, 2013; Yotkov, Gradient-Based Optimisation, eq. 6.
    Defaults: lr 0.01; alpha 0.9, Yotkov's.
    Elsewhere: PyTorch (SGD) and optax (sgd) keep b_t = mu b_(t-1) + g and step by lr b_t. With a constant rate that is
    the same path, v = lr b; when the rate changes, the velocity form keeps steps taken at the old rate and theirs
    rescales them. Keras (SGD) has the velocity form, with the sign of v turned round.
    """
    v = alpha * v + lr * g
    return v, v

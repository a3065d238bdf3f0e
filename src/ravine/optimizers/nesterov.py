"""Nesterov's accelerated gradient in the velocity form."""

from __future__ import annotations

from typing import Any

from ravine.formulas.elementwise import rule


def _lazy(v: Any, n: Any, *, alpha: Any) -> Any:
    """Sum the drift alpha^2 v + ... + alpha^(n+1) v, a geometric series."""
    return alpha**2 * (1 - alpha**n) / (1 - alpha) * v, alpha**n * v


@rule(
    lazy=_lazy,
    bounds={"alpha": "[0, 1)"},
    torch="torch.optim.SGD(weights, lr=lr, momentum=alpha, nesterov=alpha > 0)",
    optax="optax.sgd(lr, momentum=alpha, nesterov=True)",
    contains={"sgd": {"alpha": 0.0}},
)
def nesterov(g: Any, v: Any, *, lr: Any = 0.01, alpha: Any = 0.9) -> Any:
    """Nesterov momentum: momentum whose gradient is taken where the velocity is about to lead.

        v_t = alpha v_(t-1) + lr g(w)
        w   = w - (alpha v_t + lr g(w))

    Here w stands for the point looked ahead to, theta - alpha v, at which the gradient is taken; that change of
    variable makes Nesterov's method a rule of one gradient at the present weights.

    Source: Nesterov, 1983; Sutskever, Martens, Dahl and Hinton, 2013, section 2, after the change of variable of
    Bengio, Boulanger-Lewandowski and Pascanu, 2013.
    Defaults: lr 0.01, alpha 0.9.
    Elsewhere: Keras (SGD, nesterov) is the same. PyTorch and optax (sgd, nesterov) keep b_t = mu b_(t-1) + g and step
    by lr (g + mu b_t): the same path under a constant rate, another one when the rate changes.
    """
    v = alpha * v + lr * g
    return alpha * v + lr * g, v

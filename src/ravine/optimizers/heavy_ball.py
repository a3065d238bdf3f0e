"""Momentum in the buffered form."""

from __future__ import annotations

from typing import Any

from ravine.formulas.elementwise import rule


def _lazy(b: Any, n: Any, *, lr: Any, alpha: Any) -> Any:
    """Sum the drift lr (alpha b + alpha^2 b + ... + alpha^n b), a geometric series."""
    return lr * alpha * (1 - alpha**n) / (1 - alpha) * b, alpha**n * b


@rule(
    lazy=_lazy,
    bounds={"alpha": "[0, 1)", "dampening": "[0, 1]"},
    torch="torch.optim.SGD(weights, lr=lr, momentum=alpha, dampening=dampening)",
    contains={"sgd": {"alpha": 0.0}},
)
def heavy_ball(g: Any, b: Any, t: Any, *, lr: Any = 0.01, alpha: Any = 0.9, dampening: Any = 0.0) -> Any:
    """Heavy ball: momentum that remembers gradients and not steps, so that a new rate acts on the whole of it.

        b_1 = g
        b_t = alpha b_(t-1) + (1 - dampening) g
        w   = w - lr b_t

    Where alpha is 0 there is no buffer and nothing to dampen: the rule is then plain gradient descent.

    Source: Polyak, 1964, in the form of PyTorch's SGD, which the dampening comes from.
    Defaults: lr 0.01 and alpha 0.9, as in our momentum; dampening 0.
    Elsewhere: the same in PyTorch (SGD). optax (sgd) has no dampening and is the same without it. Keras (SGD) and our
    momentum have the rate inside the velocity: without dampening the same path as long as the rate is constant.
    """
    share = 1.0 if t == 1 or alpha == 0 else 1 - dampening
    b = alpha * b + share * g
    return lr * b, b

"""Nesterov's accelerated gradient in the buffered form."""

from __future__ import annotations

from typing import Any

from ravine.formulas.elementwise import rule


def _lazy(b: Any, n: Any, *, lr: Any, alpha: Any) -> Any:
    """Sum the drift lr (alpha^2 b + ... + alpha^(n+1) b), a geometric series."""
    return lr * alpha**2 * (1 - alpha**n) / (1 - alpha) * b, alpha**n * b


@rule(
    lazy=_lazy,
    bounds={"alpha": "[0, 1)"},
    torch="torch.optim.SGD(weights, lr=lr, momentum=alpha, nesterov=alpha > 0)",
    optax="optax.sgd(lr, momentum=alpha, nesterov=True)",
    contains={"sgd": {"alpha": 0.0}},
)
def nesterov_buffered(g: Any, b: Any, *, lr: Any = 0.01, alpha: Any = 0.9) -> Any:
    """Nesterov momentum, buffered: it remembers gradients and not steps, so that a new rate acts on the whole of it.

        b_t = alpha b_(t-1) + g
        w   = w - lr (g + alpha b_t)

    Source: Nesterov, 1983; Sutskever, Martens, Dahl and Hinton, 2013, section 2, in the form of PyTorch's SGD.
    Defaults: lr 0.01, alpha 0.9.
    Elsewhere: the same in PyTorch (SGD, nesterov), which needs alpha above 0, and in optax (sgd, nesterov). Keras (SGD,
    nesterov) and our nesterov have the rate inside the velocity: the same path as long as the rate is constant.
    """
    b = alpha * b + g
    return lr * (g + alpha * b), b

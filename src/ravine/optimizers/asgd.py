"""Averaged SGD."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.formulas.elementwise import rule


def _weights(w: Any) -> Any:
    return w


def _mean(a: Any, w: Any, t: Any) -> Any:
    return w if t == 0 else a


@rule(
    start={"a": _weights},
    evaluated=_mean,
    bounds={"decay": "[0, inf)", "alpha": "[0, inf)", "begin": "[0, inf)"},
    torch="torch.optim.ASGD(weights, lr=lr, lambd=decay, alpha=alpha, t0=begin)",
    # Without decay, and before the mean begins, which is later than any run ends.
    contains={"sgd": {"decay": 0.0, "begin": 1e15}},
)
def asgd(
    g: Any, a: Any, w: Any, t: Any, *, lr: Any = 0.01, decay: Any = 0.0001, alpha: Any = 0.75, begin: int = 1_000_000
) -> Any:
    """Averaged SGD: a falling rate, a little decay, and the mean of the weights from some step on.

        r_t = lr / (1 + decay lr (t - 1))^alpha
        w   = w - r_t (g + decay w)
        a_t = a_(t-1) + (w - a_(t-1)) / max(1, t - 1 - begin)

    The mean a is evaluated and stored; it is w up to step begin + 2.

    Source: Polyak and Juditsky, 1992; Xu, 2011, "Towards optimal one pass large scale learning with averaged stochastic
    gradient descent", with its rate.
    Defaults: those of PyTorch: lr 0.01, decay 0.0001, alpha 0.75, begin 1000000.
    Elsewhere: the same in PyTorch (ASGD), which calls decay lambd and begin t0, and keeps the mean in its
    state, from which the user has to take it.
    Neither optax nor Keras has it.
    """
    eta = lr / (1 + decay * lr * (t - 1)) ** alpha
    step = eta * (g + decay * w)
    share = 1 / np.maximum(1, t - 1 - begin)
    return step, (1 - share) * a + share * (w - step)

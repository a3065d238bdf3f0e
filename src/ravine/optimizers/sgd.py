"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from ravine.formulas.elementwise import rule


@rule(inert=True, torch="torch.optim.SGD(weights, lr=lr)", optax="optax.sgd(lr)")
def sgd(g: Any, *, lr: Any = 0.1) -> Any:
    """Stochastic gradient descent: a step against the gradient of the mini-batch.

        w = w - lr g

    Source: Robbins and Monro, 1951; Yotkov, Gradient-Based Optimisation, algorithm 1, where g is the mean gradient over
    the batch.
    Defaults: lr 0.1.
    Elsewhere: the same in PyTorch (SGD), Keras (SGD) and optax (sgd), all with momentum 0. scikit-learn's solver
    "sgd" has Nesterov momentum 0.9 unless told otherwise; its default is "adam".
    """
    return lr * g

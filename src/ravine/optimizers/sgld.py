"""Stochastic gradient Langevin dynamics."""

from __future__ import annotations

from typing import Any

from ravine.formulas.elementwise import rule


@rule(bounds={"temperature": "[0, inf)"}, contains={"sgd": {"temperature": 0.0}})
def sgld(g: Any, noise: Any, *, lr: Any = 0.1, temperature: Any = 1e-6) -> Any:
    """Stochastic gradient Langevin dynamics: gradient descent with noise, which samples weights and never settles.

        w = w - lr g + sqrt(2 lr temperature) z

    where z is the noise, standard normal numbers. With a small lr, w comes to be distributed as exp(-f / temperature),
    f being the mean loss: at temperature 1 / N, of N samples, that is the posterior of the weights under a flat prior.
    At temperature 0 it is sgd.

    Source: Welling and Teh, 2011, "Bayesian Learning via Stochastic Gradient Langevin Dynamics", equation 4, with the
    sum over the samples written as N times their mean: its step eps / 2 is lr / N here, at temperature 1 / N.
    Defaults: lr 0.1, as sgd's; temperature 1e-6 is ours, a seventeenth of MNIST's 1 / N, under which the network still
    learns. The source lowers lr towards zero, which is a schedule here.
    Elsewhere: optax has noisy_sgd, whose noise has a variance of its own, eta / (1 + t)^gamma; PyTorch and Keras have
    none.
    """
    return lr * g - (2 * lr * temperature) ** 0.5 * noise

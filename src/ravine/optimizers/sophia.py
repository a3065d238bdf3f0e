"""Sophia with Hutchinson's estimator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ravine.arrays import Array
from ravine.formulas.formula import State
from ravine.formulas.layers import flattened, shaped
from ravine.formulas.matrix import matrix_rule
from ravine.formulas.noise import Noise
from ravine.formulas.optimizer import LossOfWeights
from ravine.search import log


def curvature(loss: LossOfWeights, weights: Sequence[Array], noise: Noise) -> Array:
    """Return u H u, number by number, for the Hessian H of a loss and the signs u of the noise, (n,).

    Its mean over all u is the diagonal of H. H u is a central difference of gradients, whose step is the cube root of
    the machine epsilon.
    """
    w = flattened(weights)
    signs = np.copysign(1, flattened(noise())).astype(w.dtype)
    distance = float(np.finfo(w.dtype).eps) ** (1 / 3)
    ahead, behind = (flattened(loss(shaped(w + side * distance * signs, weights))[1]) for side in (1, -1))
    product: Array = signs * (ahead - behind) / (2 * distance)
    return product


@matrix_rule(
    bounds={
        "beta1": "[0, 1)",
        "beta2": "[0, 1)",
        "gamma": "(0, inf)",
        "eps": "(0, inf)",
        "hessian_frequency": "[1, inf)",
    },
    # gamma is compared with the size of the Hessian, and so depends on the problem as lr does.
    search={"gamma": log(1e-4, 1)},
)
def sophia(
    gradients: Sequence[Array],
    weights: Sequence[Array],
    state: State,
    t: int,
    loss: LossOfWeights,
    noise: Noise,
    *,
    lr: Any = 0.0003,
    beta1: Any = 0.96,
    beta2: Any = 0.99,
    gamma: Any = 0.01,
    eps: Any = 1e-12,
    hessian_frequency: int = 10,
) -> Any:
    """Sophia: momentum over an estimate of the Hessian's diagonal, with a bound on the step of each weight.

        m_t = beta1 m_(t-1) + (1 - beta1) g
        h_t = beta2 h_(t-1) + (1 - beta2) u (f'(w + c u) - f'(w - c u)) / (2 c)
        w   = w - lr min(max(m_t / max(gamma h_t, eps), -1), 1)

    where u are random signs, those of the noise; u (H u) has the diagonal of H as its mean. c is the cube root of the
    machine epsilon, about 0.005 in float32. h changes at the first step and at every hessian_frequency-th
    after it, which costs two more gradients of the batch. A weight without curvature takes the longest step, lr.

    Source: Liu et al., 2023, "Sophia: A Scalable Stochastic Second-order Optimizer for Language Model Pre-training",
    as Sophia-H; the source has H u from automatic differentiation, and the stage weight_decay besides.
    Defaults: those of the source: beta1 0.96, beta2 0.99, gamma 0.01, eps 1e-12, hessian_frequency 10; lr 0.0003 is
    ours.
    Elsewhere: optax (contrib.sophia) corrects m for its start at zero, takes h of the step before, and has
    beta1 = 0.965 and eps = 1e-8. PyTorch and Keras have none.
    """
    g, zeros = flattened(gradients), np.zeros_like(flattened(weights))
    m = beta1 * state.get("m", zeros) + (1 - beta1) * g
    h = state.get("h", zeros)
    if (t - 1) % hessian_frequency == 0:
        h = beta2 * h + (1 - beta2) * curvature(loss, weights, noise)
    return shaped(lr * np.clip(m / np.maximum(gamma * h, eps), -1, 1), weights), {"m": m, "h": h}

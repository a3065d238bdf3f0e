"""Shampoo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ravine.arrays import Array
from ravine.formulas.formula import State
from ravine.formulas.linear_algebra import eigenvectors
from ravine.formulas.matrix import matrix_rule


def inverse_root(statistics: Array, eps: float, root: int) -> Array:
    """Return (statistics + eps I)^(-1/root), for a symmetric matrix without negative eigenvalues."""
    values, vectors = eigenvectors(statistics)
    return vectors * (np.maximum(values, 0) + eps) ** (-1 / root) @ vectors.T


@matrix_rule(by_layer=True, bounds={"eps": "(0, inf)", "precondition_frequency": "[1, inf)"})
def shampoo(
    gradients: Sequence[Array],
    weights: Sequence[Array],
    state: State,
    t: int,
    *,
    lr: Any = 0.1,
    eps: Any = 1e-4,
    precondition_frequency: int = 20,
) -> Any:
    """Shampoo: AdaGrad with a full matrix for the rows of the gradient and one for its columns.

        L_t = L_(t-1) + G G^T
        R_t = R_(t-1) + G^T G
        W   = W - lr (L_t + eps I)^(-1/4) G (R_t + eps I)^(-1/4)

    and for biases

        H_t = H_(t-1) + g g^T
        b   = b - lr (H_t + eps I)^(-1/2) g

    with roots that are computed at each of the first precondition_frequency steps, in which they change the most, and
    then at every precondition_frequency-th.

    Source: Gupta, Koren and Singer, 2018, algorithm 1, and algorithm 2 for the bias, a tensor of order 1. In them
    the roots are computed at every step, as with precondition_frequency = 1.
    Defaults: lr 0.1 and eps 0.0001 are ours; 20 is the least of the 20 to 100 steps between roots in the source's
    experiments, which have momentum 0.9 besides.
    Elsewhere: neither PyTorch nor optax nor Keras has it.
    """
    steps, after = [], {}
    fresh = t <= precondition_frequency or t % precondition_frequency == 0
    for k, g in enumerate(gradients):
        sides = {"left": g @ g.T, "right": g.T @ g} if g.ndim == 2 else {"left": np.outer(g, g)}
        step = lr * g
        for side, product in sides.items():
            total, root = f"{side}.{k}", f"{side}_root.{k}"
            after[total] = product + state[total] if state else product
            after[root] = inverse_root(after[total], eps, 2 * g.ndim) if fresh else state[root]
            step = after[root] @ step if side == "left" else step @ after[root]
        steps.append(step)
    return steps, after

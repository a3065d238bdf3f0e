"""Muon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ravine.arrays import Array
from ravine.formulas.formula import State
from ravine.formulas.matrix import matrix_rule
from ravine.optimizers.adam import adam

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
STEPS = 5


def orthogonalized(matrix: Array) -> Array:
    """Return U S' V^T for a matrix U S V^T, with all of S' near 1, by five Newton-Schulz steps.

    A singular value below about 0.001 |S| does not come near 1 in five steps, and a matrix of zeros stays one.
    """
    a, b, c = COEFFICIENTS
    x: Array = matrix.T if len(matrix) > matrix.shape[1] else matrix
    x = x / (np.linalg.norm(x) + 1e-7)
    for _ in range(STEPS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if len(matrix) > matrix.shape[1] else x


@matrix_rule(by_layer=True, bounds={"momentum": "[0, 1)", "adam_rate": "[0, inf)"})
def muon(
    gradients: Sequence[Array],
    weights: Sequence[Array],
    state: State,
    t: int,
    *,
    lr: Any = 0.02,
    momentum: Any = 0.95,
    adam_rate: Any = 0.05,
) -> Any:
    """Muon: momentum whose matrix is made orthogonal, so that it takes a step of the same size in every direction.

        M_t = momentum M_(t-1) + (1 - momentum) G
        W   = W - lr sqrt(max(1, o / i)) NS(momentum M_t + (1 - momentum) G)

    where W has shape (i, o), and NS(X) starts at X / |X| and takes five steps

        X = a X + (b X X^T + c (X X^T)^2) X

    with a, b, c = 3.4445, -4.7750, 2.0315: U S V^T becomes U S' V^T, with S' from about 0.7 to 1.2 wherever S is not
    tiny.

    Source: Jordan et al., 2024, "Muon: An optimizer for hidden layers in neural networks". The source has muon for the
    hidden layers alone, and another optimizer for the first and the last; here every matrix gets muon. Biases take
    Adam's steps at the rate adam_rate lr.
    Defaults: lr 0.02 and momentum 0.95 are those of the source; adam_rate 0.05 gives biases Adam's usual 0.001.
    Elsewhere: PyTorch (Muon) has these equations with lr 0.001, and in addition the stage weight_decay = 0.1; it
    orthogonalizes in bfloat16, and takes matrices only. optax (contrib.muon) corrects both terms for their start at
    zero, each by another factor, and gives biases NAdam's steps at the whole rate. Keras (Muon) sums
    M_t = momentum M_(t-1) + G, and has 0.2 sqrt(max(i, o)) in place of sqrt(max(1, o / i)).
    """
    steps, after = [], {}
    for k, g in enumerate(gradients):
        m = state.get(f"m.{k}", np.zeros_like(g))
        if g.ndim == 1:
            hyper = adam.hyperparameters({"lr": lr * adam_rate})
            step, m, after[f"v.{k}"] = adam(g, m, state.get(f"v.{k}", np.zeros_like(g)), t, **hyper)
        else:
            m = momentum * m + (1 - momentum) * g
            scale = max(1, g.shape[1] / len(g)) ** 0.5
            step = lr * scale * orthogonalized(momentum * m + (1 - momentum) * g)
        steps.append(step)
        after[f"m.{k}"] = m
    return steps, after

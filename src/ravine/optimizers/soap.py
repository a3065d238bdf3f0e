"""SOAP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ravine.arrays import Array
from ravine.formulas.formula import State
from ravine.formulas.linear_algebra import eigenvectors, orthonormal
from ravine.formulas.matrix import matrix_rule


@matrix_rule(
    by_layer=True,
    bounds={
        "beta1": "[0, 1)",
        "beta2": "[0, 1)",
        "eps": "(0, inf)",
        "precondition_frequency": "[1, inf)",
    },
)
def soap(
    gradients: Sequence[Array],
    weights: Sequence[Array],
    state: State,
    t: int,
    *,
    lr: Any = 0.003,
    beta1: Any = 0.95,
    beta2: Any = 0.95,
    eps: Any = 1e-8,
    precondition_frequency: int = 10,
) -> Any:
    """SOAP: Adam in the basis in which Shampoo's two matrices are diagonal, or nearly so.

        G'  = P^T G Q
        M_t = beta1 M_(t-1) + (1 - beta1) G
        V_t = beta2 V_(t-1) + (1 - beta2) G'^2
        N'  = (P^T M_t Q / (1 - beta1^(t-1))) / (sqrt(V_t / (1 - beta2^(t-1))) + eps)
        W   = W - lr P N' Q^T
        L_t = beta2 L_(t-1) + (1 - beta2) G G^T
        R_t = beta2 R_(t-1) + (1 - beta2) G^T G

    At the first step P and Q become the eigenvectors of L and R, and no weight moves. At every
    precondition_frequency-th they are put in the order of falling P^T L P, and V with them, and become the orthogonal
    factors of L P and R Q: a power iteration towards the new eigenvectors. Biases take Adam's steps.

    Source: Vyas et al., 2024, algorithms 3 and 4; the first step and the order are those of the authors' own code.
    Defaults: those of the authors' own code: lr 0.003, beta1 and beta2 0.95, eps 1e-8, precondition_frequency 10;
    there with the stage weight_decay = 0.01.
    Elsewhere: the authors' own code adds eps before the correction of V, and counts precondition_frequency from the
    second step. Neither PyTorch nor optax nor Keras has it.
    """
    steps, after = [], {}
    for k, g in enumerate(gradients):
        # M is kept in the basis, so that it need not be turned at every step.
        m, v = (state.get(f"{name}.{k}", np.zeros_like(g)) for name in "mv")
        sides = [("left", g @ g.T), ("right", g.T @ g)] if g.ndim == 2 else []
        bases = [state[f"{side}_basis.{k}"] for side, _ in sides] if t > 1 else []
        if t == 1:
            step = np.zeros_like(g)
        else:
            turned = _turned(g, bases)
            m = beta1 * m + (1 - beta1) * turned
            v = beta2 * v + (1 - beta2) * turned**2
            ratio = m / (1 - beta1 ** (t - 1)) / (np.sqrt(v / (1 - beta2 ** (t - 1))) + eps)
            step = lr * _turned(ratio, [basis.T for basis in bases])
        after.update({f"{side}.{k}": _mean(state.get(f"{side}.{k}"), product, beta2) for side, product in sides})
        if t == 1:
            bases = [eigenvectors(after[f"{side}.{k}"])[1] for side, _ in sides]
        elif t % precondition_frequency == 0:
            m = _turned(m, [basis.T for basis in bases])
            for axis, (side, _) in enumerate(sides):
                image = after[f"{side}.{k}"] @ bases[axis]
                order = np.argsort(-(bases[axis] * image).sum(axis=0), kind="stable")
                bases[axis], v = orthonormal(image[:, order]), np.take(v, order, axis=axis)
            m = _turned(m, bases)
        after.update({f"{side}_basis.{k}": basis for (side, _), basis in zip(sides, bases, strict=True)})
        after[f"m.{k}"], after[f"v.{k}"] = m, v
        steps.append(step)
    return steps, after


def _mean(before: Array | None, product: Array, beta2: float) -> Array:
    """Return a running mean, which starts at zero."""
    new: Array = (1 - beta2) * product
    return new if before is None else beta2 * before + new


def _turned(x: Array, bases: Sequence[Array]) -> Any:
    """Return a matrix in given bases of its rows and its columns; a vector, which has none, as it is."""
    return bases[0].T @ x @ bases[1] if bases else x

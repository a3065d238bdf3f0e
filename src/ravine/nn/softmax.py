"""Softmax and cross-entropy (the paper's eq. 1 and 3), in the shifted form and in the text-book one."""

from __future__ import annotations

import numpy as np

from ravine.arrays import Array

SOFTMAX_FORMS = ("shifted", "naive")
"""shifted: e^(z - max z) / sum, never overflows. naive: e^z / sum as written in eq. 3; inf / inf = nan for large z."""


def _exponentials(logits: Array, form: str) -> tuple[Array, Array]:
    """Return e^(z - s) and z - s, with s the row's largest real part if shifted, else 0."""
    z = logits - logits.real.max(axis=-1, keepdims=True) if form == "shifted" else logits
    return np.exp(z), z


def softmax(logits: Array, form: str = "shifted") -> Array:
    """Return P_bo = e^(z_bo) / sum_o e^(z_bo) (eq. 3) for logits z of shape (b, o), any float or complex dtype.

    >>> softmax(np.array([[0.0, 0.0]])).tolist()
    [[0.5, 0.5]]
    """
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        e, _ = _exponentials(logits, form)
        shares: Array = e / e.sum(axis=-1, keepdims=True)
        return shares


def cross_entropy(logits: Array, labels: Array, form: str = "shifted") -> Array:
    """Return L_b = -log P_(b, labels_b), shape (b,), eq. 1 with a one-hot target, for logits (b, o) and labels (b,).

    The shifted form takes the logarithm before the division, log sum_o e^(z_o - s) - (z_y - s), and is finite for all
    finite logits. The naive form is -log(P_y) to the letter, so it is inf where P_y underflows and nan where e^z
    overflows.
    """
    rows = np.arange(len(labels))
    with np.errstate(over="ignore", invalid="ignore", under="ignore", divide="ignore"):
        e, z = _exponentials(logits, form)
        total = e.sum(axis=-1)
        loss: Array = np.log(total) - z[rows, labels] if form == "shifted" else -np.log(e[rows, labels] / total)
        return loss

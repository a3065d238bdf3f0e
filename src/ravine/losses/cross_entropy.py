"""Softmax and cross-entropy, in the shifted form and in the text-book one, and smoothed labels.

With label smoothing s the target of a sample of class y is t_o = (1 - s) [o = y] + s / C over the C classes; without, s
is 0, and the target is one-hot. Source: Szegedy et al., "Rethinking the Inception architecture for computer vision",
arXiv:1512.00567 (2016), section 7.
"""

from __future__ import annotations

import math

import numpy as np

from ravine.arrays import Array
from ravine.formulas.loss import Loss

SOFTMAX_FORMS = ("shifted", "naive")
"""shifted: e^(z - max z) / sum, never overflows. naive: e^z / sum, as written; inf / inf = nan for large z."""


def softmax(logits: Array, form: str = "shifted") -> Array:
    """Return P_bo = e^(z_bo) / sum_o e^(z_bo) for logits z of shape (b, o), any float or complex dtype.

    >>> softmax(np.array([[0.0, 0.0]])).tolist()
    [[0.5, 0.5]]
    """
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        e = np.exp(_shifted(logits) if form == "shifted" else logits)
        shares: Array = e / e.sum(axis=-1, keepdims=True)
        return shares


def cross_entropy(logits: Array, labels: Array, form: str = "shifted", smoothing: float = 0.0) -> Array:
    """Return L_b = -sum_o t_bo log P_bo, shape (b,), for logits (b, o) and labels (b,); -log P_(b, labels_b) for s = 0.

    The shifted form is log(1 + r) - sum_o t_o (z_o - max z), with r the sum of e^(z - max z) over all o but the
    largest. No term is negative, so none cancels another. It is finite for all finite logits, and keeps all its digits
    when the label is nearly certain and the loss nearly 0. The naive form is -log(P_y) as written: inf where P_y
    underflows, nan where e^z overflows; it takes no smoothing.
    """
    rows = np.arange(len(labels))
    with np.errstate(over="ignore", invalid="ignore", under="ignore", divide="ignore"):
        if form == "naive":
            naive: Array = -np.log(softmax(logits, form)[rows, labels])
            return naive
        z = _shifted(logits)
        e = np.exp(z)
        e[rows, logits.real.argmax(axis=-1)] = 0
        expected = z[rows, labels]
        if smoothing:
            s = z.real.dtype.type(smoothing)
            expected = (1 - s) * expected + (s / z.shape[-1] * z).sum(axis=-1)
        loss: Array = np.log1p(e.sum(axis=-1)) - expected
        return loss


CROSS_ENTROPY = Loss("cross-entropy", None, cross_entropy, targets="[0, inf)")
"""Softmax and cross-entropy, over classes."""


def least_cross_entropy(classes: int, smoothing: float) -> float:
    """Return the least loss that a sample can have: the entropy of its target, which is 0 without smoothing.

    >>> least_cross_entropy(10, 0.0), round(least_cross_entropy(10, 0.1), 4)
    (0.0, 0.5003)
    """
    other = smoothing / classes
    if other == 0:
        return 0.0
    own = 1 - smoothing + other
    return -own * math.log(own) - (classes - 1) * other * math.log(other)


def output_delta(logits: Array, labels: Array, form: str = "shifted", smoothing: float = 0.0) -> Array:
    """Return dL_b/dz_bo = P_bo - t_bo, shape (b, o).

    P - 1 of the label's own class is computed as minus the sum of the others. It is the same number, but keeps its
    digits if P is nearly 1.
    """
    rows = np.arange(len(labels))
    delta = softmax(logits, form)
    delta[rows, labels] = 0
    delta[rows, labels] = -delta.sum(axis=-1)
    if smoothing:
        s = logits.real.dtype.type(smoothing)
        delta -= s / logits.shape[-1]
        delta[rows, labels] += s
    return delta


def _shifted(logits: Array) -> Array:
    """Return the logits minus the largest of their row; among complex logits, that is the one of largest real part.

    Softmax is the same for every shift, also a complex one, so the complex step stays exact.
    """
    top = logits.real.argmax(axis=-1)[..., None]
    z: Array = logits - np.take_along_axis(logits, top, axis=-1)
    return z

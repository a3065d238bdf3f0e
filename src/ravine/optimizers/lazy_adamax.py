"""AdaMax in which weights without a gradient wait."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.formulas.elementwise import rule


@rule(inert=True, bounds={"beta1": "[0, 1)", "beta2": "[0, 1)", "eps": "(0, inf)"})
def lazy_adamax(
    g: Any, m: Any, u: Any, t: Any, *, lr: Any = 0.002, beta1: Any = 0.9, beta2: Any = 0.999, eps: Any = 1e-8
) -> Any:
    """Lazy AdaMax: AdaMax in which a weight whose gradient is 0 keeps its state and takes no step; for sparse data.

        m_t = beta1 m_(t-1) + (1 - beta1) g      where g is not 0
        u_t = max(beta2 u_(t-1), |g| + eps)      where g is not 0
        w   = w - lr (m_t / (1 - beta1^t)) / u_t  where g is not 0

    Elsewhere w, m and u stay as they are; t counts all steps.

    This is other mathematics than AdaMax, whose m and u decay, and whose weights move on, without a gradient; it is no
    lazy update of AdaMax, which would catch up later. If no gradient is 0, it is AdaMax. On sparse data a step costs as
    the nonzeros do, and a weight is moved only by the samples that it takes part in.

    Source: Adamax of TensorFlow's Keras on sparse gradients, which does so with rows of weights; AdaMax itself is
    Kingma and Ba, 2015, algorithm 2.
    Defaults: those of AdaMax: lr 0.002, beta1 0.9, beta2 0.999, eps 1e-8.
    Elsewhere: TensorFlow's Keras (Adamax) goes by rows: all weights of a row that a sparse gradient names take AdaMax's
    step, those with gradient 0 too, and the other rows wait; it adds eps = 1e-7 to u in the step alone, and its lr is
    0.001. PyTorch (Adamax) refuses sparse gradients.
    """
    m = np.where(g == 0, m, beta1 * m + (1 - beta1) * g)
    u = np.where(g == 0, u, np.maximum(beta2 * u, abs(g) + eps))
    return np.where(g == 0, 0, lr / (1 - beta1**t) * m / u), m, u

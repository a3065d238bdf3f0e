"""Adam in which weights without a gradient wait."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.formulas.elementwise import rule


@rule(inert=True, bounds={"beta1": "[0, 1)", "beta2": "[0, 1)", "eps": "(0, inf)"})
def lazy_adam(
    g: Any, m: Any, v: Any, t: Any, *, lr: Any = 0.001, beta1: Any = 0.9, beta2: Any = 0.999, eps: Any = 1e-8
) -> Any:
    """LazyAdam: Adam in which a weight whose gradient is 0 keeps its averages and takes no step; for sparse data.

        m_t = beta1 m_(t-1) + (1 - beta1) g    where g is not 0
        v_t = beta2 v_(t-1) + (1 - beta2) g^2  where g is not 0
        w   = w - lr (m_t / (1 - beta1^t)) / (sqrt(v_t / (1 - beta2^t)) + eps)  where g is not 0

    Elsewhere w, m and v stay as they are; t counts all steps.

    This is other mathematics than Adam, whose averages decay, and whose weights move on, without a gradient; it is no
    lazy update of Adam, which would catch up later. If no gradient is 0, it is Adam. On sparse data a step costs as
    the nonzeros do, and a weight is moved only by the samples that it takes part in.

    Source: LazyAdam of TensorFlow and SparseAdam of PyTorch, which do so with rows of weights; Adam itself is Kingma
    and Ba, 2015, algorithm 1.
    Defaults: those of Adam: lr 0.001, beta1 0.9, beta2 0.999, eps 1e-8.
    Elsewhere: PyTorch (SparseAdam) and TensorFlow Addons (LazyAdam) go by rows: all weights of a row that a sparse
    gradient names take Adam's step, those with gradient 0 too, and the other rows wait. Both take eps before the bias
    correction of v, "epsilon hat"; TensorFlow Addons has eps = 1e-7. Keras and optax have none.
    """
    m = np.where(g == 0, m, beta1 * m + (1 - beta1) * g)
    v = np.where(g == 0, v, beta2 * v + (1 - beta2) * g * g)
    step = lr / (1 - beta1**t) * m / (np.sqrt(1 / (1 - beta2**t) * v) + eps)
    return np.where(g == 0, 0, step), m, v

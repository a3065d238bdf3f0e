"""AdEMAMix."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.formulas.elementwise import rule
from ravine.search import one_minus_log


@rule(
    bounds={
        "beta1": "[0, 1)", "beta2": "[0, 1)", "beta3": "(0, 1)", "mix": "[0, inf)", "mix_warmup": "[1, inf)",
        "eps": "(0, inf)",
    },
    optax="optax.contrib.ademamix(lr, b1=beta1, b2=beta2, eps=eps, "
    "alpha=lambda k: mix * jnp.minimum((jnp.float64(k) + 1) / mix_warmup, 1), "
    "b3=lambda k: jnp.exp(jnp.log(beta1) * jnp.log(beta3) / ("
    "(1 - (x := jnp.minimum((jnp.float64(k) + 1) / mix_warmup, 1))) * jnp.log(beta3) + x * jnp.log(beta1))))",
    # The default of beta3 is for runs of 100,000 steps and more: in shorter ones the slow mean stays nearly empty.
    search={"beta3": one_minus_log(1e-5, 1e-2)},
    contains={"adam": {"mix": 0.0}},
)  # fmt: skip
def ademamix(
    g: Any, m: Any, s: Any, v: Any, t: Any,
    *, lr: Any = 0.001, beta1: Any = 0.9, beta2: Any = 0.999, beta3: Any = 0.9999, mix: Any = 5.0,
    mix_warmup: int = 1, eps: Any = 1e-8,
) -> Any:  # fmt: skip
    """AdEMAMix: Adam with a second, far slower mean of the gradients beside the first.

        m_t = beta1 m_(t-1) + (1 - beta1) g
        s_t = b_t s_(t-1) + (1 - b_t) g
        v_t = beta2 v_(t-1) + (1 - beta2) g^2
        w   = w - lr (m_t / (1 - beta1^t) + a_t s_t) / (sqrt(v_t / (1 - beta2^t)) + eps)

    where a_t rises to mix, and b_t from beta1 to beta3, over the first mix_warmup steps: with x = min(t / mix_warmup,
    1), a_t = x mix, and the half-life of b_t rises in proportion to x, ln b_t = ln beta1 ln beta3 / ((1 - x) ln beta3 +
    x ln beta1). At mix_warmup = 1 both have their last values from the start.

    Source: Pagliardini, Ablin and Grangier, 2024, "The AdEMAMix optimizer: better, faster, older", the equation named
    AdEMAMix and the schedules after it; its weight decay is the stage weight_decay.
    Defaults: those of the authors' own code: lr 0.001, beta1 0.9, beta2 0.999, beta3 0.9999, mix 5, eps 1e-8, no
    schedules.
    Elsewhere: the same in optax (contrib.ademamix), which calls mix alpha and is given its schedules.
    Neither PyTorch nor Keras has it.
    """
    x = np.minimum(t / mix_warmup, 1.0)
    first = np.log(np.maximum(beta1, 1e-30))
    slow = np.exp(first * np.log(beta3) / ((1 - x) * np.log(beta3) + x * first))
    m = beta1 * m + (1 - beta1) * g
    s = slow * s + (1 - slow) * g
    v = beta2 * v + (1 - beta2) * g * g
    return lr * (m / (1 - beta1**t) + x * mix * s) / (np.sqrt(1 / (1 - beta2**t) * v) + eps), m, s, v

"""AdamW."""

from __future__ import annotations

from ravine.formulas.compose import composed
from ravine.optimizers.adam import adam


@composed(
    adam,
    weight_decay=0.01,
    torch="torch.optim.AdamW(weights, lr=lr, betas=(beta1, beta2), eps=eps, weight_decay=weight_decay)",
    optax="optax.adamw(lr, b1=beta1, b2=beta2, eps=eps, weight_decay=weight_decay)",
    contains={"adam": {"weight_decay": 0.0}},
)
def adamw() -> None:
    """AdamW: Adam, and a decay of the weights that does not pass through its averages.

        m_t = beta1 m_(t-1) + (1 - beta1) g
        v_t = beta2 v_(t-1) + (1 - beta2) g^2
        w   = w - lr (m_t / (1 - beta1^t)) / (sqrt(v_t / (1 - beta2^t)) + eps) - lr weight_decay w

    It is adam with the stage weight_decay.

    Source: Loshchilov and Hutter, 2019, algorithm 2, where the schedule scales the decay and the rate alpha does not.
    Defaults: those of PyTorch: lr 0.001, beta1 0.9, beta2 0.999, eps 1e-8, weight_decay 0.01.
    Elsewhere: the same in PyTorch (AdamW) and in optax (adamw), there with weight_decay = 0.0001. Keras (AdamW) decays
    in the same way with 0.004, has eps = 1e-7 and takes it before the bias correction of v.
    """

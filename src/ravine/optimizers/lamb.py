"""LAMB."""

from __future__ import annotations

from ravine.formulas.compose import composed
from ravine.optimizers.adam import adam


@composed(
    adam,
    eps=1e-6,
    weight_decay=0.01,
    trust_ratio=1.0,
    optax="optax.chain(optax.scale_by_adam(b1=beta1, b2=beta2, eps=eps), optax.add_decayed_weights(weight_decay), "
    "optax.scale_by_trust_ratio(trust_coefficient=trust_ratio), optax.scale_by_learning_rate(lr))",
)
def lamb() -> None:
    """LAMB: AdamW whose step in each layer is as long as the layer's weights, times the rate.

        m_t = beta1 m_(t-1) + (1 - beta1) g
        v_t = beta2 v_(t-1) + (1 - beta2) g^2
        u_t = (m_t / (1 - beta1^t)) / (sqrt(v_t / (1 - beta2^t)) + eps) + weight_decay w
        w   = w - lr trust_ratio (|w| / |u_t|) u_t

    where the norms are those of a layer. It is adam with the stages weight_decay and trust_ratio.

    Source: You et al., 2020, "Large batch optimization for deep learning: training BERT in 76 minutes", algorithm 2,
    with phi(z) = z.
    Defaults: those of the source: beta1 0.9, beta2 0.999, eps 1e-6, weight_decay 0.01; lr 0.001 is Adam's.
    Elsewhere: the same in optax (lamb), without trust_ratio, which is 1 there, and for each array: a bias has its own
    norm. Keras (Lamb) has no decay. PyTorch has none.
    """

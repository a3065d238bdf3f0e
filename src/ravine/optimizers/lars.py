"""LARS."""

from __future__ import annotations

from ravine.formulas.compose import composed
from ravine.optimizers.momentum import momentum


@composed(
    momentum,
    before=("l2", "trust_ratio"),
    lr=1.0,
    l2=0.0001,
    trust_ratio=0.001,
    optax="optax.lars(lr, weight_decay=l2, trust_coefficient=trust_ratio, momentum=alpha)",
)
def lars() -> None:
    """LARS: momentum whose gradient in each layer has a length proportional to the norm of the layer's weights.

        u   = g + l2 w
        v_t = alpha v_(t-1) + lr trust_ratio (|w| / |u|) u
        w   = w - v_t

    where the norms are those of a layer. It is momentum behind the stages l2 and trust_ratio.

    Source: You, Gitman and Ginsburg, 2017, "Large batch training of convolutional networks", algorithm 1, where the
    denominator is |g| + l2 |w|.
    Defaults: trust_ratio 0.001 and l2 0.0001 are within the source's ranges; at lr 1 the gradient moves each layer by a
    thousandth of its length; alpha 0.9 is momentum's.
    Elsewhere: the same in optax (lars), for each array: a bias has its own norm. Neither PyTorch nor Keras has it.
    """

"""Decay of the weights beside the optimizer."""

from __future__ import annotations

from typing import Any

from ravine.formulas.stage import stage


@stage(order=50, bounds={"weight_decay": "[0, inf)"})
def weight_decay(step: Any, w: Any, *, lr: Any, weight_decay: Any) -> Any:
    """Let the weights decay at the learning rate, independent of the gradient.

        w = w - step - lr weight_decay w

    Source: Loshchilov and Hutter, 2019; decoupled weight decay, as PyTorch's AdamW has it.
    """
    return step + lr * weight_decay * w

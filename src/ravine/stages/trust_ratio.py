"""Steps whose length is proportional to the norm of the layer's weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.formulas.stage import stage


@stage(order=60, inert=True, bounds={"trust_ratio": "(0, inf)"})
def trust_ratio(step: Any, weight_norm: Any, step_norm: Any, *, lr: Any, trust_ratio: Any) -> Any:
    """Give the step of each layer a length that is proportional to the norm of the layer's weights.

        step = step trust_ratio lr |w of the layer| / |step of the layer|

    Where either norm is 0 the step stays as it is. A step already has the rate as a factor, and so the quotient has it
    too: at trust_ratio = 1 a layer moves by lr times its own length.

    Source: You, Gitman and Ginsburg, 2017, section 4, and You et al., 2020, "Large batch optimization for deep
    learning", algorithm 2 with phi(z) = z; as optax's scale_by_trust_ratio.
    """
    direction = step / np.where(step_norm > 0, step_norm, 1.0)
    scales = (weight_norm > 0) & (step_norm > 0)
    return np.where(scales, trust_ratio * lr * weight_norm * direction, step)

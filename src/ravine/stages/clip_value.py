"""Clipping each number of the gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.formulas.stage import stage


@stage(order=10, inert=True, bounds={"clip_value": "(0, inf)"})
def clip_value(g: Any, *, clip_value: Any) -> Any:
    """Clip each number of the gradient to [-clip_value, clip_value].

    g = min(max(g, -clip_value), clip_value)
    """
    return np.clip(g, -clip_value, clip_value)

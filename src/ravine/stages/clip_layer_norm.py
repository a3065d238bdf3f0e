"""Clipping the norm of each layer's gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.formulas.stage import stage


@stage(order=12, inert=True, bounds={"clip_layer_norm": "(0, inf)"})
def clip_layer_norm(g: Any, layer_norm: Any, *, clip_layer_norm: Any) -> Any:
    """Scale the gradient of each layer down to the norm clip_layer_norm where its Euclidean norm is larger.

    g = g min(1, clip_layer_norm / |g of the layer|)
    """
    return clip_layer_norm / np.maximum(layer_norm, clip_layer_norm) * g

"""Clipping the norm of the whole gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.formulas.stage import stage


@stage(order=11, inert=True, bounds={"clip_norm": "(0, inf)"})
def clip_norm(g: Any, norm: Any, *, clip_norm: Any) -> Any:
    """Scale the whole gradient down to the norm clip_norm where its Euclidean norm is larger.

        g = g min(1, clip_norm / |g|)

    Source: Pascanu, Mikolov and Bengio, 2013, algorithm 1.
    """
    return clip_norm / np.maximum(norm, clip_norm) * g

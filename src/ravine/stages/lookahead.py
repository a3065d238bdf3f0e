"""Lookahead."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.formulas.stage import stage


def _weights(w: Any) -> Any:
    return w


@stage(order=70, bounds={"lookahead": "[1, inf)", "lookahead_alpha": "(0, 1]"}, start={"slow": _weights})
def lookahead(step: Any, slow: Any, w: Any, t: Any, *, lookahead: int, lookahead_alpha: Any = 0.5) -> Any:
    """Every lookahead steps, go back part of the way to where the weights were as many steps before.

        every k steps:  slow = slow + alpha (w - slow);  w = slow

    Source: Zhang, Lucas, Hinton and Ba, 2019, algorithm 1, with k = lookahead and alpha = lookahead_alpha. The slow
    weights start where the fast ones do.
    """
    fast = w - step
    meets = t % lookahead == 0
    after = np.where(meets, slow + lookahead_alpha * (fast - slow), slow)
    return np.where(meets, w - after, step), after

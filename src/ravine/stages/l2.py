"""A penalty on the square of the weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.formulas.stage import stage


def _half_square(w: Any, *, l2: Any) -> float:
    return float(l2 / 2 * np.square(w, dtype=np.result_type(w, np.float64)).sum())


@stage(order=20, bounds={"l2": "[0, inf)"}, penalty=_half_square)
def l2(g: Any, w: Any, *, l2: Any) -> Any:
    """Add the gradient of the penalty l2 |w|^2 / 2 to the gradient.

        g = g + l2 w

    Most of PyTorch's optimizers call this weight_decay. In AdamW, Adafactor and Muon weight_decay is the stage of that
    name.
    """
    return g + l2 * w

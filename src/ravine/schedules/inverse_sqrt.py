"""Warm-up, then the inverse square root of the time."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.formulas.schedule import schedule


@schedule(bounds={"start_factor": "[0, 1]", "warmup_share": "(0, 1)"}, warms_up=True)
def inverse_sqrt(share: Any, *, start_factor: Any = 0.1, warmup_share: Any = 0.04) -> Any:
    """Inverse square root: up in a straight line, then down as one over the root of the time.

        eta_k = eta_0 (s + (1 - s) a / w)  for a < w
        eta_k = eta_0 sqrt(w / a)          for a >= w
        a = k / N,   s = start_factor,   w = warmup_share

    Source: Vaswani et al., 2017, eq. 3, which is eta_0 (d_model warmup_steps)^(1/2) times this, with s = 0.
    Defaults: warmup_share 0.04, the source's 4,000 of 100,000 steps; start_factor 0.1, where the source starts at its
    first step, since the first epoch of a schedule by epoch would stand still at zero.
    Elsewhere: PyTorch has none; as a LambdaLR it is the same.
    """
    climb = start_factor + (1 - start_factor) * share / warmup_share
    return np.where(share < warmup_share, climb, np.sqrt(warmup_share / np.maximum(share, warmup_share)))

"""Cyclical rates."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.formulas.schedule import schedule


@schedule(bounds={"cycles": "[1, inf)", "base_factor": "[0, 1]"}, warms_up=True)
def triangular(share: Any, *, cycles: int = 1, base_factor: Any = 0.25) -> Any:
    """Triangular: up to the rate and down again in straight lines, `cycles` times.

        eta_k = eta_0 (b + (1 - b) (1 - |2 (c a - floor(c a)) - 1|))
        a = k / N,   b = base_factor,   c = cycles

    Source: Smith, 2017, the policy "triangular", which takes the lowest rate as a third or a fourth of the highest.
    Defaults: cycles 1; base_factor 0.25.
    Elsewhere: PyTorch (CyclicLR, mode "triangular") is the same with max_lr = lr, base_lr = base_factor lr and a
    step_size_up of half a cycle.
    """
    turns = cycles * share
    return base_factor + (1 - base_factor) * (1 - np.abs(2 * (turns - np.floor(turns)) - 1))

"""The one-cycle policy."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.formulas.schedule import schedule


@schedule(
    bounds={"pct_start": "(0, 1)", "div_factor": "[1, inf)", "final_div_factor": "[1, inf)"},
    warms_up=True,
)
def one_cycle(share: Any, *, pct_start: Any = 0.3, div_factor: Any = 25.0, final_div_factor: Any = 1e4) -> Any:
    """One cycle: up to the rate, and down to far below where it began, each along half a cosine.

        eta_k = eta_s + (eta_0 - eta_s) (1 - cos(pi a / p)) / 2              for a <= p
        eta_k = eta_N + (eta_0 - eta_N) (1 + cos(pi (a - p) / (1 - p))) / 2  for a > p
        eta_s = eta_0 / div_factor,   eta_N = eta_s / final_div_factor,   p = pct_start,   a = k / N

    Source: Smith and Topin, 2018, who go up and down in straight lines, and lower the momentum while the rate rises.
    Defaults: PyTorch's: pct_start 0.3, div_factor 25, final_div_factor 1e4.
    Elsewhere: PyTorch (OneCycleLR) has the same curve between its first step and its last. It counts pct_start in steps
    from 1, so that its peak comes one step earlier, and changes the momentum too unless told otherwise.
    """
    start = 1 / div_factor
    end = start / final_div_factor
    climb = start + (1 - start) * (1 - np.cos(np.pi * share / pct_start)) / 2
    fall = end + (1 - end) * (1 + np.cos(np.pi * (share - pct_start) / (1 - pct_start))) / 2
    return np.where(share <= pct_start, climb, fall)

"""Cosines with warm restarts."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.formulas.schedule import schedule


@schedule(bounds={"first_cycle": "(0, inf)", "cycle_factor": "[1, inf)", "final_lr": "[0, inf)"})
def cosine_restarts(
    epoch: Any, lr: Any, *, first_cycle: Any = 1.0, cycle_factor: Any = 2.0, final_lr: Any = 0.0
) -> Any:
    """Cosine with restarts: half a cosine again and again, each `cycle_factor` times as long as the one before.

        eta_k = eta_e + (eta_0 - eta_e) (1 + cos(pi (k - S_i) / T_i)) / 2
        T_i = first_cycle cycle_factor^i,   S_i = T_0 + ... + T_(i-1) <= k < S_(i+1),   eta_e = final_lr

    Source: Loshchilov and Hutter, 2017, eq. 5.
    Defaults: first_cycle 1 epoch and cycle_factor 2, one of the source's choices; final_lr 0.
    Elsewhere: PyTorch (CosineAnnealingWarmRestarts) is the same with T_0 = first_cycle, T_mult = cycle_factor and
    eta_min = final_lr.
    """
    done = epoch / first_cycle
    if cycle_factor == 1:
        part = done - np.floor(done)
    else:
        # S_i / T_0 = (m^i - 1) / (m - 1); the logarithm may round to a neighbor, which the next lines mend.
        number = np.floor(np.log1p(done * (cycle_factor - 1)) / np.log(cycle_factor))
        number = number - (_start(number, cycle_factor) > done)
        number = number + (_start(number + 1, cycle_factor) <= done)
        part = (done - _start(number, cycle_factor)) / cycle_factor**number
    return final_lr + (lr - final_lr) * (1 + np.cos(np.pi * part)) / 2


def _start(number: Any, cycle_factor: Any) -> Any:
    """Return when a cycle starts, in lengths of the first."""
    return (cycle_factor**number - 1) / (cycle_factor - 1)

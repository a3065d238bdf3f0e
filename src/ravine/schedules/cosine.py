"""Half a cosine."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.formulas.schedule import schedule


@schedule(bounds={"final_lr": "[0, inf)"})
def cosine(epoch: Any, epochs: Any, lr: Any, *, final_lr: Any = 0.0) -> Any:
    """Cosine: half a cosine from the rate to `final_lr`, flat at both ends.

        eta_k = eta_N + (eta_0 - eta_N) (1 + cos(pi k / N)) / 2

    Source: Loshchilov and Hutter, 2017, eq. 5, without restarts.
    Defaults: final_lr 0.
    Elsewhere: PyTorch (CosineAnnealingLR) is the same with T_max = N and eta_min = final_lr.
    """
    return final_lr + (lr - final_lr) * (1 + np.cos(np.pi * epoch / epochs)) / 2

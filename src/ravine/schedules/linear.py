"""Linear decay."""

from __future__ import annotations

from typing import Any

from ravine.formulas.schedule import schedule


@schedule(bounds={"final_lr": "[0, inf)"})
def linear(share: Any, lr: Any, *, final_lr: Any) -> Any:
    """Linear: a straight line from the rate to `final_lr`.

        eta_k = eta_0 (1 - a) + a eta_N,   a = k / N

    k is counted from 0, so the first epoch runs at eta_0, and the last at eta_N + (eta_0 - eta_N) / N, which is
    not yet eta_N.
    Source: the paper's eq. 5.
    Defaults: none for final_lr, which must be given.
    Elsewhere: PyTorch (LinearLR) is the same with start_factor 1, end_factor final_lr / lr and total_iters N.
    """
    return lr * (1 - share) + share * final_lr

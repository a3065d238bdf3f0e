"""A rate that falls by a factor every epoch."""

from __future__ import annotations

from typing import Any

from ravine.formulas.schedule import schedule


@schedule(bounds={"decay_factor": "(0, inf)"})
def exponential(epoch: Any, *, decay_factor: Any = 0.9) -> Any:
    """Exponential: the rate is multiplied by the same factor every epoch.

        eta_k = eta_0 decay_factor^k

    Source: Senior, Heigold, Ranzato and Yang, 2013.
    Defaults: decay_factor 0.9.
    Elsewhere: PyTorch (ExponentialLR) is the same with gamma = decay_factor.
    """
    return decay_factor**epoch

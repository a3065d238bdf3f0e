"""A rate that falls in steps."""

from __future__ import annotations

from typing import Any

from ravine.formulas.schedule import schedule


@schedule(bounds={"decay_factor": "(0, inf)", "decay_every": "[1, inf)"})
def step(epoch: Any, *, decay_factor: Any = 0.1, decay_every: int = 5) -> Any:
    """Step: the rate is multiplied by a factor once every `decay_every` epochs.

        eta_k = eta_0 decay_factor^floor(k / decay_every)

    Source: used since Krizhevsky, Sutskever and Hinton, 2012, who divide by 10 when the error stands still.
    Defaults: decay_factor 0.1, decay_every 5.
    Elsewhere: PyTorch (StepLR) is the same with gamma = decay_factor and step_size = decay_every.
    """
    return decay_factor ** (epoch // decay_every)

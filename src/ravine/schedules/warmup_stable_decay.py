"""Warm-up, a long plateau, and a short decay."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.formulas.schedule import schedule


@schedule(
    bounds={"start_factor": "[0, 1]", "warmup_share": "(0, 1)", "decay_share": "(0, 1)"},
    warms_up=True,
)
def warmup_stable_decay(
    share: Any, *, start_factor: Any = 0.1, warmup_share: Any = 0.05, decay_share: Any = 0.1
) -> Any:
    """Warm-up, stable, decay: up in a straight line, level for most of the run, then down to zero.

        eta_k = eta_0 min(s + (1 - s) a / w, 1, (1 - a) / d)
        a = k / N,   s = start_factor,   w = warmup_share,   d = decay_share

    Source: Hu et al., 2024 (MiniCPM), section 4.2, whose decay takes a tenth of the run and may have any falling form;
    here it is a straight line.
    Defaults: decay_share 0.1, the source's; warmup_share 0.05; start_factor 0.1, where the source starts at zero, since
    the first epoch of a schedule by epoch would then stand still.
    Elsewhere: PyTorch has it as a SequentialLR of LinearLR, ConstantLR and LinearLR.
    """
    climb = start_factor + (1 - start_factor) * share / warmup_share
    return np.minimum(np.minimum(climb, 1.0), (1 - share) / decay_share)

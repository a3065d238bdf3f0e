"""A constant rate."""

from __future__ import annotations

from typing import Any

from ravine.formulas.schedule import schedule


@schedule
def constant(share: Any) -> Any:
    """Constant: the rate stays.

        eta_k = eta_0

    Source: Cauchy, 1847, as every method of gradients began.
    Defaults: no settings.
    Elsewhere: PyTorch needs no scheduler for it; its ConstantLR is a rate that is smaller at first.
    """
    return 1.0

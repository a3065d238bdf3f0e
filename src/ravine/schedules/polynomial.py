"""Polynomial decay."""

from __future__ import annotations

from typing import Any

from ravine.formulas.schedule import schedule


@schedule(bounds={"power": "(0, inf)"})
def polynomial(share: Any, *, power: Any = 1.0) -> Any:
    """Polynomial: a power of the share of training that is left.

        eta_k = eta_0 (1 - a)^power,   a = k / N

    Source: Chen, Papandreou, Kokkinos, Murphy and Yuille, 2018, section 4.1, who take power 0.9.
    Defaults: power 1, as in PyTorch.
    Elsewhere: PyTorch (PolynomialLR) is the same with total_iters = N.
    """
    return (1 - share) ** power

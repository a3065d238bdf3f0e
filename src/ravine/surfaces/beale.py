"""Beale's function."""

from __future__ import annotations

from typing import Any

from ravine.formulas.surface import surface

TERMS = ((1.5, 1), (2.25, 2), (2.625, 3))
"""The constant and the power of y of each residual."""


def _gradient(x: Any, y: Any) -> tuple[Any, Any]:
    residuals = [(c - x * (1 - y**k), k) for c, k in TERMS]
    return sum(-2 * r * (1 - y**k) for r, k in residuals), sum(2 * r * k * x * y ** (k - 1) for r, k in residuals)


@surface(
    start=(1.0, 1.0),
    view=((-0.5, 4.0), (-1.0, 1.5)),
    minima=[(3.0, 0.5)],
    lowest=0.0,
    gradient=_gradient,
)
def beale(x: Any, y: Any) -> Any:
    """A flat valley between steep walls.

        f = (1.5 - x (1 - y))^2 + (2.25 - x (1 - y^2))^2 + (2.625 - x (1 - y^3))^2

    Source: Beale, 1958; start of Moré, Garbow and Hillstrom, 1981.
    """
    return sum((c - x * (1 - y**k)) ** 2 for c, k in TERMS)

"""Himmelblau's function."""

from __future__ import annotations

from typing import Any

from ravine.formulas.surface import surface


def _gradient(x: Any, y: Any) -> tuple[Any, Any]:
    p, q = x**2 + y - 11, x + y**2 - 7
    return 4 * x * p + 2 * q, 2 * p + 4 * y * q


@surface(
    start=(0.0, -1.0),
    view=((-5.0, 5.0), (-5.0, 5.0)),
    minima=[
        (3.0, 2.0),
        (-2.805118086952745, 3.131312518250573),
        (-3.779310253377747, -3.283185991286170),
        (3.584428340330492, -1.848126526964404),
    ],
    lowest=0.0,
    gradient=_gradient,
)
def himmelblau(x: Any, y: Any) -> Any:
    """Four minima around a hill: which optimizer falls into which?

        f = (x^2 + y - 11)^2 + (x + y^2 - 7)^2

    Source: Himmelblau, 1972.
    """
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2

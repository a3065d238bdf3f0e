"""A saddle with a bottom."""

from __future__ import annotations

from math import sqrt
from typing import Any

from ravine.formulas.surface import surface


def _gradient(x: Any, y: Any) -> tuple[Any, Any]:
    return 2 * x, y**3 - 2 * y


@surface(
    start=(-1.5, 0.001),
    view=((-2.0, 2.0), (-1.0, 2.0)),
    minima=[(0.0, sqrt(2)), (0.0, -sqrt(2))],
    lowest=-1.0,
    gradient=_gradient,
)
def saddle(x: Any, y: Any) -> Any:
    """x^2 - y^2 with a bottom: the saddle at (0, 0) holds an optimizer that comes along its ridge.

    f = x^2 - y^2 + y^4 / 4
    """
    return x**2 - y**2 + y**4 / 4

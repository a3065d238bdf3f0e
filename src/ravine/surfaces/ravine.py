"""The ravine."""

from __future__ import annotations

from typing import Any

from ravine.formulas.surface import surface

STEEP = 75.0
"""The steepness across, divided by the steepness along."""


def _gradient(x: Any, y: Any) -> tuple[Any, Any]:
    return x, STEEP * y


@surface(
    start=(-8.0, 1.2),
    view=((-10.0, 4.0), (-1.5, 1.5)),
    minima=[(0.0, 0.0)],
    lowest=0.0,
    gradient=_gradient,
)
def ravine(x: Any, y: Any) -> Any:
    """A quadratic with condition number 75: steep across, shallow along; gradient descent zig-zags.

    f = (x^2 + 75 y^2) / 2
    """
    return (x * x + STEEP * y * y) / 2

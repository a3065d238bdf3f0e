"""Rosenbrock's function."""

from __future__ import annotations

from typing import Any

from ravine.formulas.surface import surface


def _gradient(x: Any, y: Any) -> tuple[Any, Any]:
    return -2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)


@surface(
    start=(-1.2, 1.0),
    view=((-2.0, 2.0), (-1.0, 3.0)),
    minima=[(1.0, 1.0)],
    lowest=0.0,
    gradient=_gradient,
)
def rosenbrock(x: Any, y: Any) -> Any:
    """A ravine that bends.

        f = (1 - x)^2 + 100 (y - x^2)^2

    Source: Rosenbrock, 1960, with its start.
    """
    return (1 - x) ** 2 + 100 * (y - x * x) ** 2

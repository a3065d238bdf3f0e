"""The part of a surface that is shown."""

from __future__ import annotations

from ravine.formulas.surface import Position, Surface


def limits_of(surface: Surface, start: Position | None) -> tuple[Position, Position]:
    """Return the limits of x and of y that a map shows: the surface's view, widened until it holds the start."""
    x, y = (
        (min(low, at - 0.05 * (high - low)), max(high, at + 0.05 * (high - low)))
        for (low, high), at in zip(surface.view, start or surface.start, strict=True)
    )
    return x, y

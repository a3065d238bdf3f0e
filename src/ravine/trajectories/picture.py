"""Files of pictures, by their suffix."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ravine.errors import ConfigError, unknown
from ravine.formulas.surface import Surface
from ravine.trajectories.animate import animate
from ravine.trajectories.draw import draw
from ravine.trajectories.walk import Walk


def picture(suffix: str) -> Callable[[Surface, Sequence[Walk]], bytes]:
    """Return the function that draws a file of this suffix: .png, .svg, .pdf or .gif."""
    from ravine.pictures import KINDS

    kind = suffix.lower()
    if kind == ".gif":
        return animate
    if kind not in KINDS:
        raise ConfigError(unknown("kind of picture", suffix, [".gif", *KINDS]))
    return lambda surface, walks: KINDS[kind](draw(surface, walks), f"paths-{surface.name}")

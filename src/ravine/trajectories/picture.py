"""Files of pictures, by their suffix."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ravine.errors import ConfigError, unknown
from ravine.formulas.surface import Surface
from ravine.trajectories.animate import animate
from ravine.trajectories.draw import draw
from ravine.trajectories.walk import Walk


def picture(suffix: str) -> Callable[[Surface, Sequence[Walk]], bytes]:
    """Return the function that draws a file of this suffix: .png, .svg or .gif."""
    from ravine.pictures import png, svg

    kinds: dict[str, Callable[[Surface, Sequence[Walk]], bytes]] = {
        ".png": lambda surface, walks: png(draw(surface, walks)),
        ".svg": lambda surface, walks: svg(draw(surface, walks), f"paths-{surface.name}"),
        ".gif": animate,
    }
    if suffix.lower() not in kinds:
        raise ConfigError(unknown("kind of picture", suffix, kinds))
    return kinds[suffix.lower()]

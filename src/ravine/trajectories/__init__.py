"""The paths that optimizers take over a surface of two weights, and pictures of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ravine.formulas.optimizer import Optimizer
from ravine.formulas.shelves import SURFACES
from ravine.formulas.surface import Position, Surface
from ravine.trajectories.animate import animate
from ravine.trajectories.draw import draw, lowest_of
from ravine.trajectories.picture import picture
from ravine.trajectories.rates import RATES, best_rate
from ravine.trajectories.trace import trace
from ravine.trajectories.walk import Walk, walk, walks

if TYPE_CHECKING:
    from ravine.pictures import Figure

USUAL = ("sgd", "momentum", "adam")
"""The optimizers whose paths are drawn if the user names none."""


def draw_paths(
    optimizers: Sequence[str | Optimizer] = USUAL,
    surface: str | Surface = "ravine",
    *,
    steps: int = 100,
    lr: float | None = None,
    start: Position | None = None,
) -> Figure:
    """Draw the paths of optimizers down a surface, each at the rate that `walk` chooses unless one is given.

    ravine.draw_paths(["sgd", "momentum,alpha=0.5", "momentum"], "rosenbrock", steps=200)
    """
    found = SURFACES.find(surface)
    return draw(found, walks(optimizers, found, steps=steps, lr=lr, start=start))


__all__ = [
    "RATES",
    "USUAL",
    "Walk",
    "animate",
    "best_rate",
    "draw",
    "draw_paths",
    "lowest_of",
    "picture",
    "trace",
    "walk",
    "walks",
]

"""Pictures: how all of them look, the figure that they are drawn on, axes, legends, and files."""

from ravine.pictures.axes import logarithmic, over_epochs, shares
from ravine.pictures.figure import Figure, blank_figure, new_figure, new_grid, set_title
from ravine.pictures.files import KINDS, pdf, png, svg
from ravine.pictures.legend import own_legends, shared_legend
from ravine.pictures.style import (
    BLUE,
    COLORS,
    GREEN,
    INK,
    LINES,
    MARKERS,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    Axes,
    fading,
    look,
    own_style,
    ticker,
)

__all__ = [
    "BLUE",
    "COLORS",
    "GREEN",
    "INK",
    "KINDS",
    "LINES",
    "MARKERS",
    "ORANGE",
    "PURPLE",
    "SKY",
    "VERMILION",
    "Axes",
    "Figure",
    "blank_figure",
    "fading",
    "logarithmic",
    "look",
    "new_figure",
    "new_grid",
    "over_epochs",
    "own_legends",
    "own_style",
    "pdf",
    "png",
    "set_title",
    "shared_legend",
    "shares",
    "svg",
    "ticker",
]

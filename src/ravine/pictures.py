"""How every picture looks, and how it is written: ink on a clear ground, and colors that everybody can tell apart."""

from __future__ import annotations

import io
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# The palette of Okabe and Ito (2008), which people with any color vision can tell apart.
BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#56B4E9"

COLORS = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY)
MARKERS = ("o", "s", "^", "D", "v", "P")
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)))
"""Lines differ in marker and style as well, for print without color."""

INK = "#1b1b1b"
"""Of text, ticks and spines; a page may put its own color in the place of it."""

_STYLE: dict[Any, Any] = {
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlesize": "medium",
    "svg.fonttype": "none",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def new_figure(columns: int = 1, *, share_y: bool = False) -> tuple[Figure, list[Axes]]:
    """Return an empty figure and its panels, side by side."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(6.4, 4.2) if columns == 1 else (4.5 * columns, 3.6), layout="constrained")
        panels = figure.subplots(1, columns, squeeze=False, sharey=share_y)[0]
        for axes in panels:
            axes.spines[["top", "right"]].set_visible(False)
            axes.grid(alpha=0.3)
            axes.set_axisbelow(True)
    return figure, list(panels)


def png(figure: Figure) -> bytes:
    """Return a figure as PNG, on white."""
    content = io.BytesIO()
    with mpl.rc_context(_STYLE):
        figure.savefig(content, format="png", dpi=200, facecolor="white", metadata={"Software": None})
    return content.getvalue()


def svg(figure: Figure, name: str) -> bytes:
    """Return a figure as SVG, on a clear ground; the same figure and name give the same bytes."""
    content = io.BytesIO()
    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure.savefig(content, format="svg", transparent=True, metadata={"Date": None})
    return content.getvalue()

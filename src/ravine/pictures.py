"""How every picture looks, and how it is written: dark lines without a background, in colors that all can tell apart.

Pictures are the same whatever the user's matplotlibrc says. Other files import matplotlib from here: its import fails
if the environment variable MPLBACKEND names a backend that is not installed.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

_backend = os.environ.pop("MPLBACKEND", None)
_first = "matplotlib" not in sys.modules
_cache, _level = os.environ.get("MPLCONFIGDIR"), logging.getLogger("matplotlib").level
logging.getLogger("matplotlib").setLevel(logging.ERROR)  # what it says of its cache is said below, in one sentence
try:
    import matplotlib as mpl
    from matplotlib import ticker as ticker
    from matplotlib.axes import Axes as Axes
    from matplotlib.figure import Figure as Figure
finally:
    logging.getLogger("matplotlib").setLevel(_level)
    if _backend is not None:
        os.environ["MPLBACKEND"] = _backend
if os.environ.get("MPLCONFIGDIR") != _cache:  # matplotlib has taken a temporary folder
    logging.getLogger("ravine").warning(
        "matplotlib cannot keep its list of fonts, and makes it for this process alone; let the variable MPLCONFIGDIR "
        "name a folder that can be written"
    )
if _backend and _first:
    with suppress(ValueError):  # a backend serves windows on a screen, and ravine opens none
        mpl.rcParams["backend"] = _backend

# The palette of Okabe and Ito (2008), which people with any color vision can tell apart.
BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#56B4E9"

COLORS = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY)
MARKERS = ("o", "s", "^", "D", "v", "P")
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)))
"""Lines differ in marker and style as well, for print without color."""

INK = "#1b1b1b"
"""The color of text, ticks and spines; a page may replace it by its own."""

_STYLE: dict[Any, Any] = {
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlesize": "medium",
    "svg.fonttype": "none",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


@contextmanager
def own_style(**settings: Any) -> Iterator[None]:
    """Draw with matplotlib's own defaults and ours, not with the user's; it works as a decorator too."""
    with mpl.rc_context():
        defaults: dict[Any, Any] = {name: value for name, value in mpl.rcParamsDefault.items() if name != "backend"}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", mpl.MatplotlibDeprecationWarning)
            mpl.rcParams.update(defaults | _STYLE | settings)
        yield


@own_style()
def new_figure(columns: int = 1, *, share_y: bool = False) -> tuple[Figure, list[Axes]]:
    """Return an empty figure and its panels, side by side."""
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
    with own_style():
        figure.savefig(content, format="png", dpi=200, facecolor="white", metadata={"Software": None})
    return content.getvalue()


def svg(figure: Figure, name: str) -> bytes:
    """Return a figure as SVG, without a background; the same figure and name give the same bytes."""
    content = io.BytesIO()
    with own_style(**{"svg.hashsalt": name}):
        figure.savefig(content, format="svg", transparent=True, metadata={"Date": None})
    return content.getvalue()

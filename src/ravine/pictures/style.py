"""How every picture looks: dark lines on white, in colors that all can tell apart, whatever the user's matplotlib says.

Other files import matplotlib from this folder: its import fails if the environment variable MPLBACKEND names a backend
that is not installed.
"""

from __future__ import annotations

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
    from matplotlib import figure as figure
    from matplotlib import ticker as ticker
    from matplotlib.axes import Axes as Axes
    from matplotlib.colors import Colormap as Colormap
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.legend import Legend as Legend
    from matplotlib.transforms import Bbox as Bbox
    from matplotlib.transforms import ScaledTranslation as ScaledTranslation
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
LINES = ("-", "--", "-.", ":", (0, (9, 2)), (0, (3, 1, 1, 1, 1, 1)))
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

_KEPT = ("backend", "svg.hashsalt")
"""What does not change how a picture looks."""


@contextmanager
def own_style(**settings: Any) -> Iterator[None]:
    """Draw with matplotlib's own defaults and ours, not with the user's; it works as a decorator too."""
    with mpl.rc_context():
        defaults: dict[Any, Any] = {name: value for name, value in mpl.rcParamsDefault.items() if name not in _KEPT}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", mpl.MatplotlibDeprecationWarning)
            mpl.rcParams.update(defaults | _STYLE | settings)
        yield


def look(number: int) -> dict[str, Any]:
    """Return the look of the curve with a number, counted from 0: color, marker, and style of the line.

    Two of any 36 curves that follow each other differ in marker or style of the line, so also in print without color;
    two of one marker differ in color and in style.

    >>> look(0)["color"] == look(6)["color"], look(0)["marker"] == look(6)["marker"]
    (False, True)
    """
    turn, place = divmod(number, len(MARKERS))
    return {
        "color": COLORS[(place - turn) % len(COLORS)],
        "marker": MARKERS[place],
        "linestyle": LINES[(place + turn) % len(LINES)],
        "markersize": 4,
    }


def fading(color: str) -> Colormap:
    """Return the color map from white to a color."""
    return LinearSegmentedColormap.from_list(f"fading {color}", ["white", color])

"""Legends that cover no curve."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any, Literal

from ravine.pictures.figure import Figure
from ravine.pictures.style import Axes, Bbox, Legend, ScaledTranslation, own_style

Place = Literal["lower right", "best"]

_LOOK: dict[str, Any] = {"frameon": False, "fontsize": "small", "handlelength": 3}

_SAMPLE, _LETTER = 45, 5.2
"""The width of a legend without its words, and that of a letter, in points."""

_BELOW = 36
"""How far below the panel its legend begins, in points: there is room for the ticks and the name of the axis."""


@own_style()
def shared_legend(figure: Figure, panels: Sequence[Axes], *, inside: bool = True) -> None:
    """Name the curves of panels that all show the same ones.

    The names stand in the first panel that has a free place for them, otherwise below the panels, and the figure grows.
    Where panels show points, the marker of a name would look like one of them: then nothing may stand `inside`.
    """
    handles, names = panels[0].get_legend_handles_labels()
    if not names:
        return
    for axes in panels if inside else ():
        legend = _inside(axes, "best")
        if _fits(legend, axes):
            return
        legend.remove()
    names = _wrapped(names, figure.bbox.width / figure.dpi)
    columns = _columns(figure, handles, names)
    legend = figure.legend(handles, names, loc="outside lower center", ncols=columns, **_LOOK)
    _grow(figure, [legend])


@own_style()
def own_legends(figure: Figure, panels: Sequence[Axes]) -> None:
    """Name the curves of each panel inside it or, if that would cover a curve of one of them, below each panel."""
    named = [axes for axes in panels if axes.get_legend_handles_labels()[1]]
    places: tuple[Place, Place] = ("lower right", "best")
    for place in places:
        legends = [_inside(axes, place) for axes in named]
        if all(_fits(legend, axes) for legend, axes in zip(legends, named, strict=True)):
            return
    _grow(figure, [_below(figure, axes) for axes in named])


def _inside(axes: Axes, place: Place) -> Legend:
    """Put the legend of a panel inside it."""
    legend: Legend = axes.legend(loc=place, **_LOOK)
    legend.set_in_layout(False)  # one that is too large would squeeze the panel
    return legend


def _below(figure: Figure, axes: Axes) -> Legend:
    """Put the legend of a panel below it."""
    handles, names = axes.get_legend_handles_labels()
    return axes.legend(
        handles,
        _wrapped(names, axes.bbox.width / figure.dpi),
        loc="upper left",
        bbox_to_anchor=(0, 0),
        bbox_transform=axes.transAxes + ScaledTranslation(0, -_BELOW / 72, figure.dpi_scale_trans),
        borderaxespad=0,
        **_LOOK,
    )


def _fits(legend: Legend, axes: Axes) -> bool:
    """Tell whether a legend lies within its panel and covers no curve."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    box, panel = legend.get_window_extent(), axes.bbox
    inside = panel.x0 <= box.x0 and box.x1 <= panel.x1 and panel.y0 <= box.y0 and box.y1 <= panel.y1
    return inside and not any(_touches(line, box.padded(3)) for line in axes.lines)


def _touches(line: Any, box: Bbox) -> bool:
    path = line.get_transform().transform_path(line.get_path())
    # A path of a single point has no length that could cross the box.
    return bool(path.intersects_bbox(box, filled=False)) or box.count_contains(path.vertices) > 0


def _wrapped(names: Sequence[str], inches: float) -> list[str]:
    """Break names that are too long for a legend of some width."""
    letters = int((72 * inches - _SAMPLE) / _LETTER)
    return [textwrap.fill(name, letters, subsequent_indent="  ") for name in names]


def _columns(figure: Figure, handles: Sequence[Any], names: Sequence[str]) -> int:
    """Return the number of columns for a legend of the figure: as many as fit, evenly filled."""
    legend = figure.legend(handles, names, **_LOOK)
    fitting = int(figure.bbox.width // (1.05 * legend.get_window_extent().width))
    legend.remove()
    rows = math.ceil(len(names) / max(1, fitting))
    return math.ceil(len(names) / rows)


def _grow(figure: Figure, legends: Sequence[Legend]) -> None:
    """Make a figure higher by its highest legend, so that the panels keep their size."""
    highest = max(legend.get_window_extent().height for legend in legends)
    figure.set_figheight(figure.get_figheight() + highest / figure.dpi)

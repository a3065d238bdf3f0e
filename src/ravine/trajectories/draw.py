"""The picture of paths: a map of the surface, and how high above its minimum each path is.

Letters: w_t the point after t steps, f_min the lowest value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ravine.arrays import Array
from ravine.formulas.surface import Position, Surface
from ravine.trajectories.labels import apart
from ravine.trajectories.view import limits_of
from ravine.trajectories.walk import Walk

if TYPE_CHECKING:
    from ravine.pictures import Axes, Figure

_FLOOR = 1e-14
"""The smallest f - f_min that is drawn; smaller differences are round-off."""


def draw(surface: Surface, walks: Sequence[Walk]) -> Figure:
    """Draw a map of the surface with the paths on the left, and f - f_min against the step on the right."""
    from ravine.pictures import own_style

    with own_style():
        return draw_lines(surface, walks)[0]


def draw_lines(surface: Surface, walks: Sequence[Walk]) -> tuple[Figure, list[Any]]:
    """Return the picture, and of each path two lines: on the map, and of f - f_min."""
    from ravine.pictures import COLORS, LINES, MARKERS, new_figure

    figure, (left, right) = new_figure(2)
    figure.suptitle(_title(surface))
    _draw_map(left, surface, (float(walks[0].points[0, 0]), float(walks[0].points[0, 1])))
    lowest, what = lowest_of(surface, walks)
    gaps = [w.values - lowest for w in walks]
    bottom, top = _range(gaps)
    # Limits are set before the lines: those of a path that diverges would be beyond what can be drawn.
    longest = max(len(gap) for gap in gaps) - 1
    right.set(
        xlabel="step t",
        ylabel=r"$f(w_t) - f_{\min}$" + ("" if surface.lowest is not None else f", with {what}"),
        yscale="log",
        xlim=(0, max(1, longest)),
        ylim=(bottom, top),
    )
    ends = [float(np.clip(gap[-1], bottom, top)) for gap in gaps]
    places = apart([math.log(end / bottom) / math.log(top / bottom) for end in ends], min(0.075, 1 / len(ends)))
    lines = []
    for number, (w, gap, end, place) in enumerate(zip(walks, gaps, ends, places, strict=True)):
        color = COLORS[number % len(COLORS)]
        look: dict[str, Any] = {
            "color": color,
            "linestyle": LINES[number // len(COLORS) % len(LINES)],
            "linewidth": 1.2,
            "marker": MARKERS[number % len(MARKERS)],
            "markersize": 2.5,
        }
        (on_map,) = left.plot(*_until_lost(w.points, surface).T, **look)
        (on_curve,) = right.plot(gap, **look, markevery=(0.05 * (number % len(MARKERS)), 0.25))
        lines.append((on_map, on_curve))
        right.annotate(
            w.label if w.diverged_at is None else f"{w.label}:\ndiverged at step {w.diverged_at}",
            (len(gap) - 1, end),
            (1.06, place),
            textcoords="axes fraction",
            va="center",
            color=color,
            fontsize="small",
            arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.6, "shrinkB": 1, "relpos": (0, 0.5)},
            annotation_clip=False,
        )
    return figure, lines


def lowest_of(surface: Surface, walks: Sequence[Walk]) -> tuple[float, str]:
    """Return the lowest value of a surface, or that of some paths over it if it is not known; and words for it."""
    if surface.lowest is not None:
        return surface.lowest, "lowest"
    return min(float(w.values.min()) for w in walks), "the lowest seen"


def _title(surface: Surface) -> str:
    """Return name and formula; a formula that cannot be set as mathematics is set as text."""
    from matplotlib.mathtext import MathTextParser

    if not surface.formula:
        return surface.name
    written = f"$f = {surface.formula}$"
    try:
        MathTextParser("path").parse(written)
    except ValueError:
        written = f"f = {surface.formula}".replace("$", r"\$")
    return f"{surface.name}: {written}"


def _draw_map(axes: Axes, surface: Surface, start: Position) -> None:
    from ravine.pictures import INK

    limits = limits_of(surface, start)
    x, y = np.meshgrid(*(np.linspace(low, high, 241) for low, high in limits))
    heights = surface.f(x, y)
    above = heights - (heights.min() if surface.lowest is None else surface.lowest)
    low, high = np.quantile(above, 0.01), above.max()
    if 0 < low < high < np.inf:
        levels = np.geomspace(low, high, 14)
        axes.contour(x, y, above, levels=levels, colors=INK, linewidths=0.4, alpha=0.4, zorder=1)
    axes.grid(False)
    axes.set(xlim=limits[0], ylim=limits[1], xlabel="x", ylabel="y")
    for px, py in surface.minima:
        axes.plot(px, py, "*", color=INK, markersize=9, markeredgecolor="white", zorder=4)
    axes.plot(*start, "o", color=INK, markersize=5, markeredgecolor="white", zorder=4)
    axes.annotate("start", start, (-1, 6), textcoords="offset points", ha="right", fontsize="small", zorder=4)


def _until_lost(points: Array, surface: Surface) -> Array:
    """Cut a path where it is ten times the size of the map away from its start.

    The lines of a path that runs away to and fro would cover the map.
    """
    size = np.ptp(limits_of(surface, (points[0, 0], points[0, 1])), axis=1)
    lost = (np.abs(points - points[0]) > 10 * size).any(axis=1)
    return points[: lost.argmax() + 1] if lost.any() else points


def _range(gaps: Sequence[Array]) -> Position:
    """Return the limits of f - f_min: down to round-off, and as far up as a path may climb that comes down again."""
    positive = np.concatenate([gap[gap > 0] for gap in gaps])
    start = float(gaps[0][0])
    lowest = max(float(positive.min(initial=1.0)), _FLOOR)
    return lowest / 3, 30 * max(start, lowest)

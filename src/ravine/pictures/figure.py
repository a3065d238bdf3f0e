"""The figure that every picture is drawn on."""

from __future__ import annotations

import io
import math
import textwrap
from typing import Any

from ravine.pictures.style import Axes, Bbox, figure, own_style


class Figure(figure.Figure):
    """A matplotlib figure that looks the same whatever the user's settings are, and shows itself in a notebook.

    matplotlib applies some of the user's settings, such as text.usetex, only when a figure is drawn.
    """

    @own_style()
    def draw(self, renderer: Any) -> None:
        """Draw the figure; matplotlib calls this."""
        super().draw(renderer)

    @own_style()
    def savefig(self, fname: Any, **settings: Any) -> None:
        """Save the figure to a file, with matplotlib's arguments."""
        super().savefig(fname, **settings)

    @own_style()
    def get_tightbbox(self, *arguments: Any, **settings: Any) -> Bbox:
        """Measure the figure; a notebook asks for it before it shows one."""
        return super().get_tightbbox(*arguments, **settings)

    def _repr_png_(self) -> bytes:
        """Return the picture that a notebook shows."""
        content = io.BytesIO()
        self.savefig(content, format="png")
        return content.getvalue()


@own_style()
def new_figure(columns: int = 1, *, share_y: bool = False) -> tuple[Figure, list[Axes]]:
    """Return an empty figure and its panels, side by side."""
    made = Figure(figsize=(6.4, 4.2) if columns == 1 else (4.5 * columns, 3.6), layout="constrained")
    panels = made.subplots(1, columns, squeeze=False, sharey=share_y)[0]
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.3)
        axes.set_axisbelow(True)
    return made, list(panels)


@own_style()
def new_grid(count: int, columns: int) -> tuple[Figure, list[Axes]]:
    """Return an empty figure with so many panels in rows, which share their axes; a single one is of the usual size."""
    if count == 1:
        return new_figure()
    rows = math.ceil(count / columns)
    made = Figure(figsize=(2.3 * columns, 1.75 * rows + 0.4), layout="constrained")
    panels = [axes for row in made.subplots(rows, columns, squeeze=False, sharex=True, sharey=True) for axes in row]
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.3)
        axes.set_axisbelow(True)
    for axes in panels[count:]:
        axes.remove()
    for axes in panels[max(count - columns, 0) : count]:
        axes.tick_params(axis="x", labelbottom=True)  # no panel below it has the labels
    return made, panels[:count]


@own_style()
def blank_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """Return a figure of a size in inches, and its one panel, which has no grid: a picture fills it."""
    made = Figure(figsize=(width, height), layout="constrained")
    return made, made.subplots()


@own_style()
def set_title(made: Figure, title: str) -> None:
    """Write a title above the panels; lines that are too long are broken, and the figure grows by the further lines."""
    text = made.suptitle(title, fontsize="medium", parse_math=False)
    lines, whole, room = title.splitlines(), text.get_window_extent(), 0.97 * made.bbox.width
    # Letters differ in width: the search begins a little above the mean of the longest line.
    width = math.ceil(1.1 * max(map(len, lines)) * room / whole.width)
    while text.get_window_extent().width > room and width > 1:
        width -= 1
        text.set_text("\n".join(textwrap.fill(line, width) for line in lines))
    made.set_figheight(made.get_figheight() + (text.get_window_extent().height - whole.height) / made.dpi)

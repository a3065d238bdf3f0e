"""Legends cover no curve: measured on the drawn figure."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from ravine.pictures import look, new_figure, own_legends, shared_legend

LONG = "a label that has very many words, none of which says much, and which goes on and on, " * 3


def crossing(axes, count, names=None):
    """Draw so many curves all over a panel that no place is free."""
    x = np.linspace(0, 1, 200)
    for number in range(count):
        axes.plot(x, np.sin(50 * x + number), label=names[number] if names else f"row {number}", **look(number))


def in_points(figure):
    """Draw a figure, and return for each legend its box, and the boxes of the panels, in pixels."""
    figure.draw_without_rendering()
    legends = [*figure.legends, *(axes.get_legend() for axes in figure.axes if axes.get_legend())]
    return [legend.get_window_extent() for legend in legends], [axes.bbox for axes in figure.axes]


def along(values):
    """Return values between those of a line's points, many in a pixel."""
    return np.interp(np.linspace(0, len(values) - 1, 5000), np.arange(len(values)), values)


def covered(figure):
    """Return how many points of curves lie in the box of a legend, by pixels."""
    boxes, _ = in_points(figure)
    points = [
        axes.transData.transform(np.column_stack([along(each) for each in line.get_data()]))
        for axes in figure.axes
        for line in axes.lines
    ]
    return sum(box.count_contains(each) for box in boxes for each in points)


def is_whole(figure):
    boxes, _ = in_points(figure)
    page = figure.bbox
    return all(page.x0 <= b.x0 and b.x1 <= page.x1 and page.y0 <= b.y0 and b.y1 <= page.y1 for b in boxes)


@pytest.mark.parametrize(("columns", "count"), [(1, 12), (2, 2), (2, 12), (3, 24)])
def test_a_shared_legend(columns, count):
    figure, panels = new_figure(columns)
    height = figure.get_figheight()
    before = in_points(figure)[1][0].height
    for axes in panels:
        crossing(axes, count)
    shared_legend(figure, panels)
    assert covered(figure) == 0
    assert is_whole(figure)
    boxes, bounds = in_points(figure)
    (box,) = boxes
    assert not any(box.overlaps(bound) for bound in bounds)
    assert figure.get_figheight() > height
    assert bounds[0].height > 0.85 * before
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [f"row {number}" for number in range(count)]


def test_a_short_legend_stays_inside_where_there_is_room():
    figure, panels = new_figure(2)
    for axes in panels:
        axes.plot(np.linspace(0, 1, 50), np.linspace(1, 0.2, 50), label="one")
        axes.plot(np.linspace(0, 1, 50), np.linspace(1, 0.1, 50), label="two")
    height = figure.get_figheight()
    shared_legend(figure, panels)
    assert not figure.legends
    assert [axes.get_legend() is not None for axes in panels] == [True, False]
    assert figure.get_figheight() == height
    assert covered(figure) == 0


@pytest.mark.parametrize(("columns", "count"), [(2, 2), (2, 24), (3, 12)])
def test_legends_of_panels(columns, count):
    figure, panels = new_figure(columns, share_y=True)
    for axes in panels:
        crossing(axes, count)
    own_legends(figure, panels)
    assert covered(figure) == 0
    assert is_whole(figure)
    boxes, bounds = in_points(figure)
    assert len(boxes) == columns
    assert not any(box.overlaps(bound) for box in boxes for bound in bounds)
    assert all(axes.get_legend() for axes in panels)


def test_panels_whose_legends_fit_keep_them_inside():
    figure, panels = new_figure(3, share_y=True)
    for axes in panels:
        axes.plot(np.linspace(0, 1, 50), np.linspace(0.8, 1, 50), label="one")
        axes.set_ylim(0, 1)
    own_legends(figure, panels)
    boxes, bounds = in_points(figure)
    assert all(bound.x0 <= box.x0 and box.x1 <= bound.x1 for box, bound in zip(boxes, bounds, strict=True))
    assert covered(figure) == 0


@pytest.mark.parametrize("place", [shared_legend, own_legends])
def test_labels_that_are_too_long_are_broken(place):
    figure, panels = new_figure(2)
    for axes in panels:
        crossing(axes, 3, [f"{LONG}{number}" for number in range(3)])
    place(figure, panels)
    assert is_whole(figure)
    assert covered(figure) == 0


def test_a_single_point_is_not_covered():
    figure, panels = new_figure(1)
    for x in np.linspace(0, 1, 12):
        for y in np.linspace(0, 1, 12):
            panels[0].plot([x], [y], "o", label="_hidden" if x or y else "the points")
    shared_legend(figure, panels)
    box = in_points(figure)[0][0]
    assert not any(
        box.contains(*panels[0].transData.transform((line.get_xdata()[0], line.get_ydata()[0])))
        for line in panels[0].lines
    )


def test_nothing_to_name_makes_no_legend():
    figure, panels = new_figure(2)
    panels[0].add_patch(Rectangle((0, 0), 1, 1))
    shared_legend(figure, panels)
    own_legends(figure, panels)
    assert in_points(figure)[0] == []


def test_a_legend_of_points_stands_outside_even_if_there_is_room():
    figure, panels = new_figure()
    panels[0].plot([0, 1], [0, 0], "o", label="one")
    shared_legend(figure, panels, inside=False)
    assert panels[0].get_legend() is None
    assert len(figure.legends) == 1
    assert is_whole(figure)

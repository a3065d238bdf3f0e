"""Ticks that can be read: measured on the drawn figure, whatever the range of the values."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from ravine.pictures import logarithmic, new_figure, over_epochs, shares

RANGES = [
    (2.3, 2.3001),
    (2.3, 2.31),
    (0.3, 0.315),
    (0.1, 0.15),
    (0.15, 0.5),
    (0.3, 1.1),
    (0.1, 1.0),
    (0.11, 1.9),
    (0.02, 0.5),
    (0.021, 3.0),
    (0.0011, 9.9),
    (1e-5, 0.3),
    (1e-6, 1.0),
    (3e-12, 7.0),
    (1e-3, 1e30),
    (1e-300, 1e300),
    (0.5, 1.7e308),
]


def readable(axes, axis="y"):
    """Return the labels of an axis that lie within it, after checking that none lies on another."""
    figure = axes.figure
    figure.draw_without_rendering()
    ticks = axes.yaxis if axis == "y" else axes.xaxis
    low, high = sorted(ticks.get_view_interval())
    every = [*ticks.get_major_ticks(), *ticks.get_minor_ticks()]
    shown = [tick.label1 for tick in every if low <= tick.get_loc() <= high and tick.label1.get_text()]
    boxes = [label.get_window_extent() for label in shown]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    return [label.get_text() for label in shown]


def drawn(*values):
    figure, (axes, _) = new_figure(2)
    axes.plot(range(1, len(values) + 1), values)
    axes.figure = figure
    return axes


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_a_logarithmic_axis_of_any_range(low, high):
    axes = drawn(high, (low * high) ** 0.5 if low * high > 0 else 1.0, low)
    logarithmic([axes])
    labels = readable(axes)
    assert axes.get_yscale() == "log"
    assert 3 <= len(labels) <= 12
    assert len(set(labels)) == len(labels)
    bottom, top = axes.get_ylim()
    for label in labels:
        assert bottom * 0.999 <= float(label) <= top * 1.001
        assert len(label) <= 8


def test_round_numbers_where_they_are_enough():
    axes = drawn(1.0, 1e-6)
    logarithmic([axes])
    assert readable(axes) == ["1e-06", "1e-05", "0.0001", "0.001", "0.01", "0.1", "1"]
    axes = drawn(0.8, 0.015)
    logarithmic([axes])
    assert readable(axes) == ["0.02", "0.05", "0.1", "0.2", "0.5"]


@pytest.mark.parametrize("value", [1e-3, 0.1, 0.25, 2.302585, 1000.0])
def test_one_value_alone(value):
    axes = drawn(value)
    logarithmic([axes])
    labels = [float(label) for label in readable(axes)]
    assert min(labels) <= value * 1.2
    assert max(labels) >= value / 1.2
    assert len(labels) >= 2


@pytest.mark.parametrize("values", [[], [np.nan], [0.0], [-1.0, np.nan]])
def test_nothing_above_0_is_no_logarithm(values):
    axes = drawn(*values)
    logarithmic([axes])
    assert axes.get_yscale() == "linear"
    assert readable(axes) == []


def test_a_panel_without_curves_has_the_ticks_of_the_others():
    figure, panels = new_figure(2, share_y=True)
    panels[0].plot([1, 2], [1.0, 0.01])
    logarithmic(panels)
    assert len(readable(panels[0])) >= 3
    assert figure.axes[1].get_yscale() == "log"


@pytest.mark.parametrize(
    ("low", "high"), [(0.1, 0.985), (0.02, 0.3), (0.82, 0.89), (0.955, 0.9553), (0.97, 1.0), (0.0, 1.0), (0.6, 0.94)]
)
def test_shares_of_any_range(low, high):
    axes = drawn(low, high)
    shares([axes])
    labels = readable(axes)
    assert 2 <= len(labels) <= 10
    assert len(set(labels)) == len(labels)
    assert all(label.endswith("%") for label in labels)
    bottom, top = axes.get_ylim()
    assert bottom <= low < high <= top


@pytest.mark.parametrize("epochs", [1, 2, 3, 10, 50, 1000])
def test_epochs_are_whole_numbers(epochs):
    axes = drawn(*np.linspace(1, 0.1, epochs))
    over_epochs(axes, epochs)
    labels = readable(axes, "x")
    assert labels
    assert all(label.isdigit() and 1 <= int(label) <= epochs for label in labels)

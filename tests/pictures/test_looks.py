"""Looks of curves: each is told from all others, with color and without."""

from __future__ import annotations

import itertools

import pytest
from matplotlib.colors import to_rgb

from ravine.pictures import COLORS, LINES, look

MANY = 36

# Machado, Oliveira and Fernandes (2009), severity 1: what people without one kind of cone see, in linear RGB.
PROTANOPIA = ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998))
DEUTERANOPIA = ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881))
TRITANOPIA = ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900))


def in_print(number):
    """Return what is left of a look in print without color."""
    return look(number)["marker"], look(number)["linestyle"]


def test_no_two_of_many_look_alike_in_print_without_color():
    assert len({in_print(number) for number in range(MANY)}) == MANY >= 24


def test_two_with_one_marker_differ_in_color_and_line():
    for one, other in itertools.combinations(range(MANY), 2):
        first, second = look(one), look(other)
        if first["marker"] == second["marker"]:
            assert first["color"] != second["color"]
            assert first["linestyle"] != second["linestyle"]


def test_the_first_six_differ_in_everything():
    for key in ("color", "marker", "linestyle"):
        assert len({look(number)[key] for number in range(6)}) == 6


@pytest.mark.parametrize("seen", [PROTANOPIA, DEUTERANOPIA, TRITANOPIA], ids=["red", "green", "blue"])
def test_colors_differ_without_a_kind_of_cone(seen):
    def shown(color):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
        return [sum(m * c for m, c in zip(row, linear, strict=True)) for row in seen]

    for one, other in itertools.combinations(COLORS, 2):
        assert sum((a - b) ** 2 for a, b in zip(shown(one), shown(other), strict=True)) ** 0.5 > 0.1


def test_a_legend_shows_a_whole_period_of_each_line():
    """A sample is 3 letters of 8.33 points long; the patterns are in line widths of 1.5 points."""
    for line in LINES[4:]:
        assert 1.5 * sum(line[1]) <= 3 * 8.33

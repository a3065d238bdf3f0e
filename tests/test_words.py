"""Counts and durations in words."""

from __future__ import annotations

import re

import pytest

from ravine.words import duration, several


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 runs"), (1, "1 run"), (2, "2 runs"), (11, "11 runs"), (276_200, "276,200 runs")]
)
def test_counts(count, words):
    assert several(count, "run") == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 seconds"),
        (0.001, "less than 0.1 seconds"),
        (0.06, "0.1 seconds"),
        (0.96, "1 second"),
        (1.04, "1 second"),
        (1.06, "1.1 seconds"),
        (9.94, "9.9 seconds"),
        (9.96, "10 seconds"),
        (59.4, "59 seconds"),
        (59.6, "1 minute"),
        (60, "1 minute"),
        (62, "1 minute"),
        (66, "1.1 minutes"),
        (120, "2 minutes"),
        (599, "10 minutes"),
        (3569, "59 minutes"),
        (3571, "1 hour"),
        (3600, "1 hour"),
        (5400, "1.5 hours"),
        (360_000, "100 hours"),
    ],
)
def test_durations(seconds, words):
    assert duration(seconds) == words


def test_a_duration_has_the_largest_unit_that_fits_and_is_right_to_five_in_a_hundred():
    sizes = {"second": 1, "minute": 60, "hour": 3600}
    for step in range(1, 20_000):
        seconds = 1.7 * step
        number, unit = re.fullmatch(r"([\d.]+) (second|minute|hour)s?", duration(seconds)).groups()
        assert float(number) * sizes[unit] == pytest.approx(seconds, rel=0.05)
        assert float(number) < 60 or unit == "hour"
        assert duration(seconds).endswith("s") == (number != "1")

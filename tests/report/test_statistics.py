"""Means and intervals against printed tables of Student's distribution."""

from __future__ import annotations

import math

import pytest

from ravine.report.statistics import Mean, mean, student_quantile

# Two-sided 95 % points as every textbook prints them, to three decimals.
PRINTED = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 9: 2.262, 19: 2.093, 120: 1.980}


@pytest.mark.parametrize(("freedom", "quantile"), PRINTED.items())
def test_quantiles_are_those_of_the_tables(freedom, quantile):
    assert student_quantile(freedom) == pytest.approx(quantile, abs=5e-4)


def test_mean_of_several_values_has_students_interval():
    found = mean([0.96, 0.97, 0.98, 0.99])
    assert found is not None
    assert found.value == pytest.approx(0.975)
    deviation = math.sqrt((0.015**2 + 0.005**2) * 2 / 3)
    assert found.half_width == pytest.approx(3.182 * deviation / 2, rel=1e-3)
    assert found.count == 4


def test_one_value_has_no_interval_and_none_has_no_mean():
    assert mean([0.5]) == Mean(0.5, None, 1)
    assert mean([]) is None

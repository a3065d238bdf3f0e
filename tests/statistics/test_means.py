"""Means and intervals against printed tables of Student's distribution."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ravine.statistics.means import Mean, binomial_error, mean, prediction_half_width, student_quantile, zigzag

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


@pytest.mark.parametrize(
    ("values", "half"),
    [
        ([0.0, 1.0], 12.706 * math.sqrt(0.5) * math.sqrt(1.5)),
        ([2.0, 4.0, 6.0, 8.0, 10.0], 2.776 * math.sqrt(10) * math.sqrt(1.2)),
        ([3.0] * 4, 0.0),
    ],
)
def test_the_interval_of_one_more_value(values, half):
    assert prediction_half_width(values) == pytest.approx(half, rel=1e-3)


def test_one_value_says_nothing_of_the_next():
    assert prediction_half_width([0.98]) is None
    assert prediction_half_width([]) is None


def test_19_of_20_next_values_fall_into_the_interval():
    draws = np.random.default_rng(1).normal(3, 0.2, (4000, 6))
    inside = [abs(following - np.mean(first)) <= prediction_half_width(list(first)) for *first, following in draws]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.012)  # 3.5 standard errors


@pytest.mark.parametrize(
    ("share", "count", "error"), [(0.98, 10_000, 0.0014), (0.5, 100, 0.05), (0.1, 10_000, 0.003), (0, 9, 0), (1, 9, 0)]
)
def test_the_error_of_a_share(share, count, error):
    assert binomial_error(share, count) == pytest.approx(error)


def test_the_error_of_a_share_is_the_spread_of_many_samples():
    shares = np.random.default_rng(2).binomial(10_000, 0.976, 20_000) / 10_000
    assert binomial_error(0.976, 10_000) == pytest.approx(shares.std(), rel=0.02)


@pytest.mark.parametrize("slope", [0.0, 0.003, -7.0])
def test_a_straight_line_does_not_zigzag(slope):
    assert zigzag([0.9 + slope * k for k in range(12)]) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 1.0, 0.0], math.sqrt(2 / 3)),
        ([1.0, -1.0, 1.0, -1.0, 1.0], 2 * math.sqrt(2 / 3)),
        # A bend counts where it is: e = 0, -1, 0.
        ([0.0, 0.0, 0.0, 2.0, 4.0], math.sqrt(2 / 3 / 3)),
    ],
)
def test_zigzags_by_hand(values, expected):
    assert zigzag(values) == pytest.approx(expected)
    assert zigzag([5 - 2 * value for value in values]) == pytest.approx(2 * expected)


def test_noise_around_a_line_zigzags_by_its_standard_deviation():
    rng = np.random.default_rng(3)
    for deviation in (0.001, 0.5):
        curves = 0.9 + 0.002 * np.arange(10) + rng.normal(0, deviation, (5000, 10))
        found = math.sqrt(np.mean([zigzag(list(curve)) ** 2 for curve in curves]))
        assert found == pytest.approx(deviation, rel=0.03)


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0]])
def test_a_zigzag_takes_three_values(values):
    with pytest.raises(ValueError, match=f"three values or more; there are {len(values)}"):
        zigzag(values)

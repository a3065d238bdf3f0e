"""The number of pairs that decide, against simulations and printed tables."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from ravine.statistics.power import detectable, least_for_signs, needed, power


def simulated(difference, spread, count, level, repetitions=20_000):
    """Return how often Student's test finds a true difference and its sign, by drawing."""
    draws = np.random.default_rng(7).normal(difference, spread, (repetitions, count))
    t = draws.mean(axis=1) / (draws.std(axis=1, ddof=1) / math.sqrt(count))
    return float(np.mean(t > stats.t.isf(level / 2, count - 1)))


@pytest.mark.parametrize(
    ("difference", "spread", "count", "level"),
    [
        (0.004, 0.00424, 12, 0.05),
        (0.004, 0.00424, 12, 0.05 / 3),
        (1.0, 1.0, 6, 0.05),
        (0.3, 1.0, 100, 0.01),
        (0, 1, 9, 0.1),
        (1.0, 1e-4, 2, 2e-5),
        (0.5, 1.0, 2, 0.05),
    ],
)
def test_power_is_that_of_a_simulation(difference, spread, count, level):
    assert power(difference, spread, count, level) == pytest.approx(
        simulated(difference, spread, count, level), abs=0.012
    )


# Pairs for a power of 80 % and 90 % at a two-sided level of 5 %, as G*Power and Cohen's tables have them.
@pytest.mark.parametrize(
    ("effect", "share", "count"), [(0.2, 0.8, 199), (0.5, 0.8, 34), (0.8, 0.8, 15), (0.5, 0.9, 44)]
)
def test_pairs_are_those_of_printed_tables(effect, share, count):
    assert needed(effect, 1.0, 0.05, share, 2, 1000) == count


def test_the_number_of_pairs_is_the_smallest_that_suffices_in_a_simulation():
    # Three optimizers, a spread of 0.003, twice a margin of 0.002: the first level of Holm is 0.05 / 3.
    spread, level = math.sqrt(2) * 0.003, 0.05 / 3
    count = needed(0.004, spread, level, 0.8, 2, 100)
    assert simulated(0.004, spread, count, level, 100_000) >= 0.796
    assert simulated(0.004, spread, count - 1, level, 100_000) <= 0.804


def test_the_number_of_pairs_has_limits():
    assert needed(0.004, 0.0, 0.05, 0.8, 6, 32) == 6
    assert needed(0.004, 1e-9, 0.05, 0.8, 6, 32) == 6
    assert needed(0.004, 10.0, 0.05, 0.8, 6, 32) == 32
    assert needed(0.5, 1.0, 0.05, 0.8, 6, 34) == 34
    assert needed(0.5, 1.0, 0.05, 0.8, 40, 40) == 40


@pytest.mark.parametrize("count", [2, 3, 6, 32, 300])
@pytest.mark.parametrize("level", [0.05, 0.05 / 496, 1e-6])
@pytest.mark.parametrize("share", [0.5, 0.8, 0.99, 0.9999])
def test_the_detectable_difference_is_found_with_its_probability(count, level, share):
    found = detectable(0.004, count, level, share)
    assert math.isfinite(found)
    assert power(found, 0.004, count, level) == pytest.approx(share, abs=1e-3)


def test_the_detectable_difference_scales_with_the_spread():
    assert detectable(2.0, 12) == pytest.approx(2 * detectable(1.0, 12))
    assert detectable(0.0, 12) == 0.0


@pytest.mark.parametrize("tests", [1, 3, 6, 10, 31, 496])
@pytest.mark.parametrize("level", [0.05, 0.01, 0.0625])
def test_sign_flips_of_so_many_pairs_can_decide_and_of_one_less_cannot(tests, level):
    count = least_for_signs(tests, level)
    assert 2 / 2**count <= level / tests < 2 / 2 ** (count - 1)

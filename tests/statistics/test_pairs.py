"""Differences within pairs against SciPy, closed forms and all patterns of signs by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from ravine.statistics.pairs import difference, share_of_wins, sign_flip_p

RNG = np.random.default_rng(5)
SAMPLES = [(RNG.normal(shift, 1, n), RNG.normal(0, 2, n)) for n, shift in ((2, 0), (6, 1), (13, -0.5), (40, 0.1))]


@pytest.mark.parametrize(("first", "second"), SAMPLES)
def test_the_test_and_the_interval_are_those_of_scipy(first, second):
    found, test = difference(first, second), stats.ttest_rel(first, second)
    assert found.p == pytest.approx(test.pvalue, rel=1e-9)
    for level in (0.05, 0.01, 0.3, 1e-9):
        theirs = test.confidence_interval(1 - level)
        assert found.interval(level) == pytest.approx((theirs.low, theirs.high), rel=1e-6)


@pytest.mark.parametrize(("first", "second"), SAMPLES)
def test_an_interval_leaves_out_0_just_where_the_test_rejects(first, second):
    found = difference(first, second)
    for level, inside in ((found.p * 0.999, True), (min(found.p * 1.001, 0.9999), found.p * 1.001 > 0.9999)):
        low, high = found.interval(level)
        assert (low <= 0 <= high) == inside


@pytest.mark.parametrize(("first", "second"), SAMPLES)
@pytest.mark.parametrize("margin", [0.01, 0.7, 5.0])
def test_equivalence_is_the_larger_of_two_one_sided_tests(first, second, margin):
    differences = first - second
    above = stats.ttest_1samp(differences, -margin, alternative="greater").pvalue
    below = stats.ttest_1samp(differences, margin, alternative="less").pvalue
    assert difference(first, second).p_outside(margin) == pytest.approx(max(above, below), rel=1e-9)
    assert difference(second, first).p_outside(margin) == pytest.approx(max(above, below), rel=1e-9)


def test_equivalence_errs_at_the_margin_as_often_as_its_level():
    rng = np.random.default_rng(3)
    found = [difference(rng.normal(1, 0.5, 8), np.zeros(8)).p_outside(1.0) <= 0.05 for _ in range(4000)]
    assert np.mean(found) == pytest.approx(0.05, abs=0.012)


def test_differences_that_are_all_the_same():
    none = difference([0.5, 0.25, 0.75], [0.5, 0.25, 0.75])
    assert (none.value, none.error, none.p, none.p_outside(0.002)) == (0.0, 0.0, 1.0, 0.0)
    some = difference([1.0, 2.0, 3.0], [0.5, 1.5, 2.5])
    # They say no more than that three signs are the same: 2 of 8 patterns.
    assert (some.value, some.p, some.p_outside(0.002), some.p_outside(1.0)) == (0.5, 0.25, 1.0, 0.25)
    assert some.p == sign_flip_p([1.0, 2.0, 3.0], [0.5, 1.5, 2.5])
    assert some.interval() == (0.5, 0.5)
    assert difference([0.1] * 6, [0.3] * 6).error == 0.0  # no round-off is taken for a spread


@pytest.mark.parametrize(("first", "second"), [*SAMPLES[:3], ([1, 2, 2, 5], [1, 1, 3, 1]), ([0.1] * 5, [0.3] * 5)])
def test_sign_flips_by_hand(first, second):
    differences = np.subtract(first, second)
    own = abs(differences.sum())
    patterns = itertools.product((-1, 1), repeat=len(differences))
    sums = [abs(float(np.dot(signs, differences))) for signs in patterns]
    expected = np.mean([one >= own * (1 - 1e-9) for one in sums])
    assert sign_flip_p(first, second) == pytest.approx(expected, abs=1e-12)


def test_sign_flips_of_many_pairs_are_a_fixed_sample_of_the_patterns():
    first, second = np.random.default_rng(2).normal(size=(2, 24))
    assert sign_flip_p(first, second) == sign_flip_p(first, second)
    assert sign_flip_p(first, second) == pytest.approx(difference(first, second).p, abs=0.05)
    assert 0 < sign_flip_p(first + 100, second) < 1e-3


@pytest.mark.parametrize("pairs", [6, 15, 20])
def test_the_smallest_p_value_of_sign_flips(pairs):
    smallest = sign_flip_p(np.arange(1, pairs + 1), np.zeros(pairs))
    assert smallest >= 2 / 2**pairs
    if pairs <= 15:
        assert smallest == pytest.approx(2 / 2**pairs)


def test_equal_values_have_no_sign():
    assert sign_flip_p([0.5, 0.7], [0.5, 0.7]) == 1.0


@pytest.mark.parametrize(("first", "second"), [*SAMPLES, ([1, 1, 2], [1, 2, 2])])
def test_wins_are_those_of_mann_and_whitney(first, second):
    statistic = stats.mannwhitneyu(first, second).statistic
    assert share_of_wins(first, second) == pytest.approx(statistic / (len(first) * len(second)))
    assert share_of_wins(first, second) + share_of_wins(second, first) == pytest.approx(1)


def test_scores_that_are_tiny_or_large():
    small = difference([1e-12, 2e-12, 4e-12], [0, 0, 0])
    large = difference([1e12, 2e12, 4e12], [0, 0, 0])
    assert small.p == pytest.approx(large.p)
    assert math.isfinite(large.interval(1e-12)[1])

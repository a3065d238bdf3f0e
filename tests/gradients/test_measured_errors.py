"""The measures of errors against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ravine.gradients.errors import HISTOGRAM_EDGES, histogram, measure, relative_errors

A = np.array([1.0, 2.0, 0.0, -4.0, 0.0, 5.0])
N = np.array([1.0, 1.0, 0.0, 4.0, 3.0, 4.0])
NO_KINKS = np.zeros(6, bool)


def test_relative_errors_are_over_the_larger_of_the_two():
    np.testing.assert_allclose(relative_errors(A, N), [0, 0.5, np.nan, 2, 1, 0.2], rtol=1e-15)
    np.testing.assert_array_equal(relative_errors(A, N), relative_errors(N, A))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_wholly_wrong(bad):
    one, other = np.array([bad]), np.array([1.0])
    assert relative_errors(one, other) == relative_errors(other, one) == relative_errors(one, one) == 1


def test_the_summary():
    errors = measure(A, N, NO_KINKS)
    assert (errors.compared, errors.both_zero, errors.kinks) == (5, 1, 0)
    assert errors.mean_relative_error == pytest.approx(3.7 / 5)
    assert errors.median_relative_error == 0.5
    assert errors.p99_relative_error == pytest.approx(1 + 0.96)
    assert errors.max_relative_error == 2
    assert errors.max_absolute_error == 8


def test_kinks_are_left_out_and_counted():
    errors = measure(A, N, np.array([False, False, True, True, False, False]))
    assert (errors.compared, errors.both_zero, errors.kinks) == (4, 0, 2)
    assert errors.max_relative_error == 1
    assert errors.max_absolute_error == 3


def test_nothing_to_compare():
    errors = measure(np.zeros(2), np.zeros(2), np.zeros(2, bool))
    assert (errors.compared, errors.both_zero, errors.max_relative_error, errors.max_absolute_error) == (0, 2, 0, 0)


def test_the_histogram_counts_every_compared_weight_in_its_bin():
    wrong = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 0.0])
    right = np.array([1.0, 1 - 3e-4, 1 - 3e-12, -1.0, 5.0, 0.0])
    counts = histogram(wrong, right, NO_KINKS)
    assert len(counts) == len(HISTOGRAM_EDGES) - 1
    # 0 below all; 3e-12 and 3e-4 in [-12, -11.5) and [-4, -3.5); 0.8 in [-0.5, 0); 2 in [0, 0.5).
    where = {HISTOGRAM_EDGES[k]: count for k, count in enumerate(counts) if count}
    assert where == {-20.0: 1, -12.0: 1, -4.0: 1, -0.5: 1, 0.0: 1}
    assert sum(histogram(wrong, right, np.arange(6) < 2)) == 3

"""Scores of predictions, against their formulas written out sum by sum."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from ravine.formulas.shelves import LOSSES
from ravine.networks import Network, scores_of
from ravine.networks.scores import Scores

OF_NUMBERS = ("squared-error", "huber", "absolute-error", "poisson")


def network(loss, outputs):
    return Network((2, outputs), loss=loss)


def r2_by_hand(y, p):
    """As scikit-learn's r2_score with multioutput="uniform_average": one number for each output, then their mean."""
    found = []
    for truths, guesses in zip(zip(*y, strict=True), zip(*p, strict=True), strict=True):
        mean = sum(truths) / Fraction(len(truths))
        missed = sum((t - g) ** 2 for t, g in zip(truths, guesses, strict=True))
        spread = sum((t - mean) ** 2 for t in truths)
        if spread:
            found.append(1 - missed / spread)
    return sum(found) / Fraction(len(found))


def error_by_hand(y, p):
    """As scikit-learn's mean_absolute_error."""
    pairs = [(t, g) for row, guessed in zip(y, p, strict=True) for t, g in zip(row, guessed, strict=True)]
    return sum(abs(t - g) for t, g in pairs) / Fraction(len(pairs))


def fractions(array):
    return [[Fraction(float(value)) for value in row] for row in array]


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("loss", OF_NUMBERS)
def test_r2_and_mean_absolute_error(loss, dtype, outputs):
    rng = np.random.default_rng(0)
    z = rng.normal(0, 1, (9, outputs)).astype(dtype)
    y = rng.poisson(3, (9, outputs)).astype(dtype)
    p = np.exp(z.astype(float)) if loss == "poisson" else z
    found = scores_of(network(loss, outputs), z, y)
    assert found.accuracy is None
    assert found.r2 == pytest.approx(float(r2_by_hand(fractions(y), fractions(p))), rel=1e-12)
    assert found.mean_absolute_error == pytest.approx(float(error_by_hand(fractions(y), fractions(p))), rel=1e-12)


def test_numbers_known_by_heart():
    y = np.array([[3.0], [-0.5], [2.0], [7.0]])
    p = np.array([[2.5], [0.0], [2.0], [8.0]])
    found = scores_of(network("squared-error", 1), p, y)
    assert found == Scores(r2=pytest.approx(1 - 1.5 / 29.1875, rel=1e-14), mean_absolute_error=0.5)
    for guess, r2 in ((y, 1.0), (np.full_like(y, y.mean()), 0.0), (2 * y.mean() - y, -3.0)):
        assert scores_of(network("huber", 1), guess, y).r2 == pytest.approx(r2, abs=1e-14)


def test_number_targets_of_one_dimension_are_those_of_one_output():
    y, p = np.array([3.0, -0.5, 2.0, 7.0]), np.array([[2.5], [0.0], [2.0], [8.0]])
    assert scores_of(network("huber", 1), p, y) == scores_of(network("huber", 1), p, y[:, None])


def test_an_output_whose_targets_are_all_equal_has_no_r2():
    y = np.array([[5.0, 3.0], [5.0, -0.5], [5.0, 2.0], [5.0, 7.0]])
    p = np.array([[5.0, 2.5], [6.0, 0.0], [5.0, 2.0], [5.0, 8.0]])
    found = scores_of(network("squared-error", 2), p, y)
    assert found.r2 == pytest.approx(1 - 1.5 / 29.1875, rel=1e-14)
    assert found.mean_absolute_error == 3 / 8
    alone = scores_of(network("squared-error", 1), p[:, :1], y[:, :1])
    assert alone == Scores(r2=None, mean_absolute_error=0.25)
    assert scores_of(network("squared-error", 2), p[:1], y[:1]) == Scores(r2=None, mean_absolute_error=0.25)


def test_targets_that_are_equal_but_for_the_round_off_of_their_mean_have_no_r2():
    y = np.full((10, 1), 0.1)
    assert scores_of(network("squared-error", 1), np.zeros((10, 1)), y).r2 is None
    y = np.full((3000, 1), 1e6 / 3)
    assert scores_of(network("squared-error", 1), np.zeros((3000, 1)), y).r2 is None


@pytest.mark.parametrize("loss", ["logistic", "hinge", "squared-hinge"])
def test_accuracy_of_flags_counts_each_flag(loss):
    z = np.array([[2.0, -1.0, 0.5], [-0.1, -3.0, 0.0]])
    y = np.array([[1.0, 1.0, 1.0], [0.0, 0.0, 1.0]])  # right, wrong, right; right, right, wrong: 0 is the side of 0
    assert scores_of(network(loss, 3), z, y) == Scores(accuracy=4 / 6)
    assert scores_of(network(loss, 1), z[:, :1], y[:, :1]) == Scores(accuracy=1.0)


def test_shares_that_are_no_flags_are_scored_as_numbers():
    z, y = np.array([[2.0], [2.0], [-2.0], [-2.0]]), np.array([[0.9], [0.5], [0.1], [0.5]])
    p = 1 / (1 + np.exp(-z))
    found = scores_of(network("logistic", 1), z, y)
    assert found.accuracy is None
    assert found.r2 == pytest.approx(1 - ((y - p) ** 2).sum() / 0.32)
    assert found.mean_absolute_error == pytest.approx(np.abs(y - p).mean())


@pytest.mark.parametrize("loss", LOSSES)
def test_accuracy_of_classes(loss):
    z = np.array([[0.1, 3.0, -1.0], [2.0, 1.0, 0.0], [-5.0, -4.0, -3.0], [1.0, 1.0, 0.0]])
    found = scores_of(network(loss, 3), z, np.array([1, 0, 1, 1], np.uint8))
    assert found == Scores(accuracy=0.5)  # of two equal outputs the first counts
    if loss != "cross-entropy":
        # One output predicts class 1 from where its predicted target is 1/2: z = 0, z = 1/2 or exp z = 1/2.
        z, ends = np.array([[0.2], [-0.2], [0.0], [7.0]]), {"logistic": 0.75, "hinge": 0.75, "squared-hinge": 0.75}
        accuracy = {**ends, "poisson": 0.25}.get(loss, 0.5)
        assert scores_of(network(loss, 1), z, np.array([1, 0, 0, 0])) == Scores(accuracy=accuracy)


def test_predictions_that_are_not_finite_warn_nobody():
    z, y = np.array([[1000.0], [0.0]]), np.array([[1.0], [2.0]])
    found = scores_of(network("poisson", 1), z, y)
    assert found.mean_absolute_error == np.inf
    assert found.r2 == -np.inf
    found = scores_of(network("squared-error", 1), np.array([[np.nan], [0.0]]), y)
    assert np.isnan([found.r2, found.mean_absolute_error]).all()

"""Cross-entropy with smoothed labels: against its definition in many digits, near its least value, and far from it."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
import scipy.stats

from ravine.errors import ConfigError
from ravine.losses.cross_entropy import cross_entropy, least_cross_entropy, output_delta
from ravine.networks import Network, output_deltas, output_losses

SMOOTHINGS = [1e-14, 0.1, 0.5, 0.999]
LOGITS = {
    "about equal": [[0.3, -1.0, 2.5, 0.0], [1.0, 1.0, 1.0, 1.0]],
    "certain and right": [[60.0, -5.0, 1.0, 3.0], [700.0, 0.0, -700.0, 1.0]],
    "certain and wrong": [[-60.0, -5.0, 1.0, 50.0], [-700.0, 600.0, -700.0, 1.0]],
}


def by_definition(z, label, s):
    """Return the loss -sum_o t_o log P_o and the derivatives P_o - t_o, in 400 digits."""
    with mpmath.workdps(400):
        e = [mpmath.exp(mpmath.mpf(one)) for one in z]
        shares, s = [each / mpmath.fsum(e) for each in e], mpmath.mpf(s)
        t = [s / len(z) + (1 - s if o == label else 0) for o in range(len(z))]
        loss = -mpmath.fsum(one * mpmath.log(p) for one, p in zip(t, shares, strict=True))
        return float(loss), [float(p - one) for p, one in zip(shares, t, strict=True)]


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("name", LOGITS)
def test_it_is_what_the_definition_says(name, smoothing):
    labels = np.array([0, 0])
    z = np.array(LOGITS[name])
    exact = [by_definition(row, 0, smoothing) for row in z]
    np.testing.assert_allclose(cross_entropy(z, labels, smoothing=smoothing), [loss for loss, _ in exact], rtol=2e-15)
    delta = output_delta(z, labels, smoothing=smoothing)
    # The target is taken from a probability, and no number near 1 from another one.
    np.testing.assert_allclose(delta, [each for _, each in exact], rtol=1e-15, atol=2e-16 * smoothing)
    network = Network((1, 4), label_smoothing=smoothing)
    assert output_losses(network, z, labels).tolist() == cross_entropy(z, labels, smoothing=smoothing).tolist()
    assert output_deltas(network, z, labels).tolist() == delta.tolist()


@pytest.mark.parametrize("dtype", ["float32", "float64", "longdouble"])
@pytest.mark.parametrize("smoothing", [0.1, 0.5])
def test_where_the_probabilities_are_the_target_the_loss_is_its_entropy(smoothing, dtype):
    classes, eps = 5, float(np.finfo(dtype).eps)
    target = np.full(classes, smoothing / classes) + (np.arange(classes) == 3) * (1 - smoothing)
    z = np.log(target).astype(dtype)[None] + np.dtype(dtype).type(7)
    least = least_cross_entropy(classes, smoothing)
    assert least == pytest.approx(scipy.stats.entropy(target), rel=1e-14)
    found = cross_entropy(z, np.array([3]), smoothing=smoothing)
    assert found.dtype == np.dtype(dtype)
    assert abs(float(found[0]) - least) < 4 * max(eps, 2e-16) * least
    assert np.abs(output_delta(z, np.array([3]), smoothing=smoothing)).max() < 8 * max(eps, 2e-16)


def test_no_outputs_have_less_than_the_least_loss():
    z = np.random.default_rng(0).normal(0, 3, (2000, 4))
    for smoothing in (0.05, 0.3, 0.9):
        assert cross_entropy(z, np.zeros(2000, int), smoothing=smoothing).min() > least_cross_entropy(4, smoothing)
    assert least_cross_entropy(10, 0.0) == least_cross_entropy(10, 5e-324) == 0


def test_equal_outputs_cost_the_logarithm_of_the_number_of_classes():
    assert cross_entropy(np.ones((1, 8)), np.array([2]), smoothing=0.3) == pytest.approx([math.log(8)], rel=1e-15)


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_the_complex_step_finds_the_deltas(smoothing):
    rng = np.random.default_rng(1)
    z, labels = rng.normal(0, 4, (6, 5)), rng.integers(0, 5, 6)
    found = np.zeros_like(z)
    for o in range(5):
        there = z.astype(complex)
        there[:, o] += 1e-30j
        found[:, o] = cross_entropy(there, labels, smoothing=smoothing).imag / 1e-30
    np.testing.assert_allclose(found, output_delta(z, labels, smoothing=smoothing), rtol=1e-13, atol=1e-15)


def test_large_logits_do_not_overflow():
    z = np.array([[1e308, -5e307, -5e307], [0.0, 1e308, 0.0]])
    assert cross_entropy(z, np.array([0, 0]), smoothing=0.3) == pytest.approx([3e307, 0.9e308], rel=1e-14)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_logit_that_is_not_finite_shows(bad):
    assert np.isnan(cross_entropy(np.array([[0.0, bad, 1.0]]), np.array([1]), smoothing=0.1)).all()


def test_without_smoothing_nothing_is_computed_otherwise():
    rng = np.random.default_rng(2)
    z, labels = rng.normal(0, 9, (50, 6)).astype("f4"), rng.integers(0, 6, 50)
    assert cross_entropy(z, labels, smoothing=0.0).tobytes() == cross_entropy(z, labels).tobytes()
    assert output_delta(z, labels, smoothing=0.0).tobytes() == output_delta(z, labels).tobytes()


REFUSED = {
    "1": ({"label_smoothing": 1}, "label_smoothing is 1; it must be a number from 0 to below 1, such as 0.1"),
    "negative": ({"label_smoothing": -1e-300}, "label_smoothing is -1e-300; it must be"),
    "nan": ({"label_smoothing": math.nan}, "label_smoothing is nan; it must be"),
    "infinite": ({"label_smoothing": math.inf}, "label_smoothing is inf; it must be"),
    "a flag": ({"label_smoothing": True}, "label_smoothing is True; it must be"),
    "false": ({"label_smoothing": False}, "label_smoothing is False; it must be"),
    "text": ({"label_smoothing": "0.1"}, "label_smoothing is '0.1'; it must be"),
    "nothing": ({"label_smoothing": None}, "label_smoothing is None; it must be"),
    "naive": ({"label_smoothing": 0.1, "softmax": "naive"}, "0.1, and the naive softmax takes none: leave one of the"),
    "outputs": ({"label_smoothing": 0.1, "loss": "huber"}, "loss huber takes each output by itself: leave it out.$"),
    "flags": ({"label_smoothing": 0.1, "loss": "hinge"}, "loss hinge takes each output by itself: leave it out.$"),
    "logistic": (
        {"label_smoothing": 0.1, "loss": "logistic"},
        "loss logistic takes each output by itself: leave it out, and give targets such as 0.05 and 0.95 in place of",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    given, words = REFUSED[name]
    with pytest.raises(ConfigError, match=words):
        Network((3, 4), **given)


@pytest.mark.parametrize("number", [np.float32(0.25), np.float64(0.25), 0.25])
def test_numbers_of_numpy_are_taken(number):
    z, labels = np.array([[1.0, 2.0, 0.5]]), np.array([0])
    found = output_losses(Network((2, 3), label_smoothing=number), z, labels)
    assert found.tolist() == cross_entropy(z, labels, smoothing=0.25).tolist()
    assert output_losses(Network((2, 3), label_smoothing=0, loss="huber"), z, labels).shape == (1,)

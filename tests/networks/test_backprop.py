"""The analytic gradient against two derivatives that know nothing of backpropagation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ravine.formulas.shelves import ACTIVATIONS
from ravine.losses.cross_entropy import SOFTMAX_FORMS, cross_entropy
from ravine.networks import Network, forward, gradient, initial_weights, losses

BATCH = 6


@pytest.fixture(params=ACTIVATIONS)
def activation(request):
    return request.param


@pytest.fixture(params=[False, True], ids=["plain", "bias"])
def bias(request):
    return request.param


@pytest.fixture(params=SOFTMAX_FORMS)
def network(request, activation, bias):
    return Network((5, 4, 3, 3), activation=activation, bias=bias, softmax=request.param)


@pytest.fixture
def case(network):
    rng = np.random.default_rng(7)
    weights = initial_weights(network, "he-normal", rng)
    weights += rng.normal(0, 0.1, weights.shape)  # biases other than 0
    x = rng.random((BATCH, 5)) * (rng.random((BATCH, 5)) < 0.7)
    return weights, x, rng.integers(0, 3, BATCH)


def mean_loss(network, weights, x, labels):
    return cross_entropy(forward(network, weights, x).logits, labels, network.softmax).mean()


def test_the_complex_step_gives_the_same_to_round_off(network, case):
    weights, x, labels = case
    _, analytic = gradient(network, weights, x, labels)
    step = 1e-30
    exact = np.empty_like(weights)
    for k in range(weights.size):
        moved = weights.astype(complex)
        moved[k] += 1j * step
        exact[k] = mean_loss(network, moved, x, labels).imag / step
    assert np.abs(exact).max() > 0.01
    np.testing.assert_allclose(analytic, exact, rtol=1e-12, atol=1e-15)


def test_central_differences_give_the_same_to_their_truncation(network, case):
    weights, x, labels = case
    _, analytic = gradient(network, weights, x, labels)
    h = 1e-6
    for k in range(weights.size):
        up, down = weights.copy(), weights.copy()
        up[k] += h
        down[k] -= h
        difference = (mean_loss(network, up, x, labels) - mean_loss(network, down, x, labels)) / (2 * h)
        assert analytic[k] == pytest.approx(difference, abs=1e-8)


@pytest.mark.parametrize("dtype", ["float32", "longdouble", "complex128"])
def test_every_dtype_computes_the_same_gradient(network, case, dtype):
    weights, x, labels = case
    if dtype == "longdouble" and network.activation == "gelu":
        pytest.skip("there is no erf in longdouble")
    loss, g = gradient(network, weights, x, labels)
    other_loss, other = gradient(network, weights.astype(dtype), x.astype(dtype), labels)
    assert other.dtype == other_loss.dtype == dtype
    tolerance = 5e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(other, g, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(other_loss, loss, rtol=tolerance)


def test_the_gradient_is_that_of_the_mean_over_the_batch(network, case):
    weights, x, labels = case
    loss, g = gradient(network, weights, x, labels)
    singles = [gradient(network, weights, x[b : b + 1], labels[b : b + 1]) for b in range(BATCH)]
    np.testing.assert_allclose(g, np.mean([single for _, single in singles], axis=0), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(loss, [single[0] for single, _ in singles], rtol=1e-13)
    np.testing.assert_allclose(losses(network, weights, x, labels), loss, rtol=0)


def test_nothing_that_was_given_is_changed(network, case):
    before = [array.copy() for array in case]
    gradient(network, *case)
    for array, copy in zip(case, before, strict=True):
        assert array.tobytes() == copy.tobytes()


def test_a_network_small_enough_to_compute_by_hand():
    # x = (1, 2); z1 = 1*3 + 2*(-1) + 0.5 = 1.5; a1 = 1.5; z2 = (1.5 * 2 + 0.1, 1.5 * 1 - 0.2) = (3.1, 1.3)
    network = Network((2, 1, 2), bias=True)
    weights = np.array([3.0, -1.0, 0.5, 2.0, 1.0, 0.1, -0.2])
    loss, g = gradient(network, weights, np.array([[1.0, 2.0]]), np.array([1]))
    p = 1 / (1 + math.exp(-1.8))
    delta = p * 2 - p * 1  # the output deltas are p and -p
    assert loss[0] == pytest.approx(1.8 - math.log(p), rel=1e-14)
    assert g == pytest.approx([delta, 2 * delta, delta, 1.5 * p, -1.5 * p, p, -p], rel=1e-14)


def test_a_dead_relu_unit_passes_nothing_back():
    network = Network((1, 2, 2))
    _, g = gradient(network, np.array([-1.0, 1.0, 0.3, -0.3, 0.2, 0.7]), np.array([[1.0]]), np.array([0]))
    first, second = network.layout.views(g)
    assert first[0, 0] == 0
    assert first[0, 1] != 0
    assert second[0].tolist() == [0, 0]
    assert second[1].all()


def test_nan_reaches_the_loss_through_every_activation(activation, bias):
    network = Network((3, 4, 2), activation=activation, bias=bias)
    weights = initial_weights(network, "he-normal", np.random.default_rng(1))
    weights[2] = np.nan
    assert np.isnan(losses(network, weights, np.ones((2, 3)), np.array([0, 1]))).all()


def test_a_diverged_network_gives_no_warning():
    # Warnings are errors in this suite, so passing is the assertion.
    for softmax in SOFTMAX_FORMS:
        network = Network((3, 4, 2), softmax=softmax)
        loss, _ = gradient(network, np.full(20, 1e200), np.ones((2, 3)), np.array([0, 1]))
        assert not np.isfinite(loss).all()

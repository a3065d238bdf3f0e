"""Losses times sample weights: by hand, and their gradient against the complex step and differences."""

from __future__ import annotations

import numpy as np
import pytest

from ravine.formulas.shelves import LOSSES
from ravine.networks import Network, forward, gradient, losses, output_losses

BATCH, OUTPUTS = 6, 3
W = np.array([0.5, 2.0, 0.0, 1.0, 7.25, 0.125])


@pytest.fixture(params=LOSSES)
def case(request):
    loss = LOSSES[request.param]
    network = Network((5, 4, OUTPUTS), "tanh", bias=True, loss=loss)
    rng = np.random.default_rng(7)
    weights, x = rng.normal(0, 0.7, network.layout.size), rng.normal(size=(BATCH, 5))
    return network, weights, x, rng.integers(0, OUTPUTS, BATCH)


def test_the_loss_of_a_sample_is_multiplied_by_its_weight(case):
    network, weights, x, y = case
    plain = losses(network, weights, x, y)
    assert losses(network, weights, x, y, W) == pytest.approx(plain * W, rel=1e-14)
    each, g = gradient(network, weights, x, y, W)
    assert each == pytest.approx(plain * W, rel=1e-14)
    alone = [gradient(network, weights, x[b : b + 1], y[b : b + 1])[1] for b in range(BATCH)]
    np.testing.assert_allclose(g, W @ alone / BATCH, rtol=1e-12, atol=1e-15)


def test_central_differences_of_the_weighted_loss(case):
    network, weights, x, y = case
    _, analytic = gradient(network, weights, x, y, W)

    def mean(at):
        return (W * output_losses(network, forward(network, at, x).logits, y)).sum() / BATCH

    h = 1e-6
    for k in range(weights.size):
        nudge = np.zeros_like(weights)
        nudge[k] = h
        difference = (mean(weights + nudge) - mean(weights - nudge)) / (2 * h)
        assert analytic[k] == pytest.approx(difference, abs=1e-7)


@pytest.mark.parametrize("dtype", ["float32", "longdouble", "complex128"])
def test_weights_take_the_dtype_of_the_network(case, dtype):
    network, weights, x, y = case
    each, g = gradient(network, weights.astype(dtype), x.astype(dtype), y, W)
    assert each.dtype == g.dtype == dtype
    wanted = gradient(network, weights, x, y, W)[1]
    np.testing.assert_allclose(g, wanted, rtol=1e-4 if dtype == "float32" else 1e-12, atol=1e-6)


def test_weights_of_1_change_no_bit(case):
    plain, weighted = gradient(*case), gradient(*case, np.ones(BATCH))
    for one, other in zip(plain, weighted, strict=True):
        assert one.tobytes() == other.tobytes()


def test_a_weight_of_0_leaves_out_even_a_loss_that_is_not_finite():
    network, weights = Network((1, 2), softmax="naive"), np.array([1.0, -1.0])
    x, y = np.array([[1e5], [0.5]]), np.array([1, 0])  # e^z overflows for the first sample
    assert not np.isfinite(losses(network, weights, x, y)[0])
    each, g = gradient(network, weights, x, y, np.array([0.0, 3.0]))
    alone, wanted = gradient(network, weights, x[1:], y[1:])
    assert each == pytest.approx([0.0, 3 * alone[0]])
    assert g == pytest.approx(3 * wanted / 2)

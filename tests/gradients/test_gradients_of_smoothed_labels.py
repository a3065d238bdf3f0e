"""The check of gradients of cross-entropy with smoothed labels, at random weights and where the loss is least."""

from __future__ import annotations

from dataclasses import replace

import mpmath
import numpy as np
import pytest
from gradient_cases import everything, make_point, trained
from planted_errors import IN_ONE_LAYER, right

from ravine.gradients import compare_gradients, derivatives
from ravine.gradients.networks.digits import _Sample, many_digits
from ravine.gradients.networks.evidence import gradient_round_off
from ravine.losses.cross_entropy import least_cross_entropy
from ravine.networks import gradient

each_smoothing = pytest.mark.parametrize("smoothing", [1e-3, 0.1, 0.9])
each_activation = pytest.mark.parametrize("activation", ["relu", "tanh", "silu"])


def point_of(smoothing, activation="tanh", **kind):
    return make_point(activation=activation, bias=True, label_smoothing=smoothing, **kind)


def at_the_least_loss(smoothing, **kind):
    """Return a point at which the probabilities are nearly the smoothed target, so that the gradient is nearly zero."""
    point = trained(point_of(smoothing, batch=2, **kind), steps=3000)
    assert point.losses().mean() < least_cross_entropy(4, smoothing) * (1 + 1e-3)
    return point


@each_smoothing
@each_activation
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_right_gradient_passes(activation, smoothing, dtype):
    agreement = compare_gradients(point_of(smoothing, activation, dtype=dtype), h=1e-8 if dtype == "float64" else 1e-3)
    assert [method.verdict.wrong for method in agreement.methods.values()] == [0] * 4
    assert agreement.verdict.answer == "passes" or dtype == "float32"


@each_smoothing
def test_a_right_gradient_is_not_called_wrong_where_the_loss_is_least(smoothing):
    for h in (1e-8, 1e-5):
        agreement = compare_gradients(at_the_least_loss(smoothing), h=h)
        assert [method.verdict.wrong for method in agreement.methods.values()] == [0] * 4


@each_smoothing
def test_the_complex_step_reaches_machine_precision(smoothing):
    point = point_of(smoothing)
    found = derivatives(point, everything(point), ("complex",))["complex"].values
    np.testing.assert_allclose(found, right(point), rtol=1e-13, atol=1e-15 * np.abs(right(point)).max())


@each_smoothing
def test_many_digits(smoothing):
    for point in (point_of(smoothing, batch=2), at_the_least_loss(smoothing)):
        found = many_digits(point, everything(point), 45)
        assert (found.weights, found.kinks) == (len(point.weights), 0)
        assert 0 < found.max_relative_error < 1e-30


@each_smoothing
def test_the_loss_in_many_digits_is_that_of_the_definition(smoothing):
    point = point_of(smoothing, batch=1)
    with mpmath.workdps(60):
        matrices = [
            [[mpmath.mpf(float(w)) for w in row] for row in m] for m in point.network.layout.views(point.weights)
        ]
        sample = _Sample(point, matrices, 0)
        z, label, s = sample.outputs[-1], int(point.targets[0]), mpmath.mpf(smoothing)
        log_sum = mpmath.log(mpmath.fsum(mpmath.exp(one) for one in z))
        loss = (1 - s) * (log_sum - z[label]) + s * (log_sum - mpmath.fsum(z) / len(z))
        assert mpmath.almosteq(sample.loss, loss, mpmath.mpf(10) ** -55)
    exact = [float(sample.derivative(*point.network.layout.name(k))) for k in range(len(point.weights))]
    np.testing.assert_allclose(right(point), exact, rtol=1e-12, atol=1e-16)


@each_smoothing
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_gradient_is_off_by_no_more_than_its_round_off(smoothing, dtype):
    """At the least loss the target nearly cancels the probability, and round-off is that of both."""
    point = at_the_least_loss(smoothing, dtype=dtype)
    wide = replace(point, weights=point.weights.astype(np.longdouble), x=point.x.astype(np.longdouble))
    # Single precision rounds the smoothing, too.
    exact = gradient(wide.network, wide.weights, wide.x, wide.targets)[1]
    off = np.abs(right(point) - exact).astype(float)
    assert (off <= gradient_round_off(point)).all()
    assert gradient_round_off(point).max() < 1e3 * max(off.max(), float(np.finfo(dtype).eps))


@pytest.mark.parametrize("name", IN_ONE_LAYER)
def test_a_planted_error_is_found(name):
    point = point_of(0.1, "silu")
    for layer in range(3):
        agreement = compare_gradients(point, analytic=IN_ONE_LAYER[name](point, layer))
        assert agreement.verdict.answer == "fails"
        assert {weight.layer for weight in agreement.methods["complex"].worst} == {layer}


@each_smoothing
def test_the_gradient_of_labels_that_are_not_smoothed_fails(smoothing):
    point = point_of(smoothing)
    sharp = right(replace(point, network=replace(point.network, label_smoothing=0.0)))
    assert compare_gradients(point, analytic=sharp).verdict.answer == "fails"

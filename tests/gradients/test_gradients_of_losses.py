"""The check of gradients with every loss, activation and bias: right gradients pass, and planted errors are found."""

from __future__ import annotations

import functools
from dataclasses import replace
from itertools import product

import mpmath
import numpy as np
import pytest
from gradient_cases import everything, loss_point, make_point, trained
from hypothesis import given
from hypothesis import settings as given_settings
from hypothesis import strategies as st
from planted_errors import IN_ONE_LAYER, ON_THE_WAY_BACK, right

import ravine
from ravine.formulas.shelves import ACTIVATIONS, LOSSES
from ravine.gradients import NetworkPoint, compare_gradients, derivatives
from ravine.gradients.networks.digits import many_digits
from ravine.gradients.networks.perturb import moved, moved_plainly
from ravine.networks import Network, gradient

OF_OUTPUTS = [name for name, loss in LOSSES.items() if loss.formula is not None]
CASES = list(product(OF_OUTPUTS, ACTIVATIONS, (False, True)))


def case_name(value):
    return value if isinstance(value, str) else ("bias" if value else "plain")


def each_case(test):
    return pytest.mark.parametrize(("loss", "activation", "bias"), CASES, ids=case_name)(test)


@each_case
def test_a_right_gradient_passes(loss, activation, bias):
    point = loss_point(loss, activation, bias)
    agreement = compare_gradients(point)
    assert [method.verdict.wrong for method in agreement.methods.values()] == [0] * 4
    assert agreement.verdict.answer != "fails"
    assert agreement.passed, agreement.verdict


@each_case
def test_the_complex_step_reaches_machine_precision(loss, activation, bias):
    point = loss_point(loss, activation, bias)
    analytic = right(point)
    found = derivatives(point, everything(point), ("complex",))["complex"].values
    assert analytic.any()
    np.testing.assert_allclose(found, analytic, rtol=1e-13, atol=1e-15 * np.abs(analytic).max())


@each_case
def test_many_digits(loss, activation, bias):
    point = loss_point(loss, activation, bias, batch=2)
    found = many_digits(point, everything(point), 45)
    assert (found.weights, found.kinks) == (len(point.weights), 0)
    assert found.both_zero <= found.weights - 6  # of a ReLU that is off
    assert 0 < found.max_relative_error < 1e-35


@pytest.mark.parametrize("loss", OF_OUTPUTS)
@pytest.mark.parametrize("name", IN_ONE_LAYER)
def test_a_planted_error_is_found(name, loss):
    point = loss_point(loss, "silu")
    for layer in range(3):
        wrong = IN_ONE_LAYER[name](point, layer)
        agreement = compare_gradients(point, analytic=wrong)
        assert agreement.verdict.answer == "fails"
        assert {weight.layer for weight in agreement.methods["complex"].worst} == {layer}


@pytest.mark.parametrize("loss", OF_OUTPUTS)
@pytest.mark.parametrize("name", ON_THE_WAY_BACK)
def test_a_planted_error_on_the_way_back_is_found(name, loss):
    point = loss_point(loss, "tanh")
    for layer in range(2):
        agreement = compare_gradients(point, analytic=ON_THE_WAY_BACK[name](point, layer))
        assert agreement.verdict.answer == "fails"
        assert {weight.layer for weight in agreement.methods["complex"].worst} <= set(range(layer + 1))


def without_the_mean(point):
    """Forget that the loss of a sample is the mean over its outputs."""
    return right(point) * point.network.layers[-1]


def one_output_forgotten(point):
    """Return the gradient of the loss of all outputs but the last."""
    network = point.network
    first = Network((*network.layers[:-1], network.layers[-1] - 1), network.activation, network.bias, loss=network.loss)
    matrices = network.layout.views(point.weights)
    weights = np.concatenate([*(m.ravel() for m in matrices[:-1]), matrices[-1][:, :-1].ravel()])
    wrong, found = np.zeros_like(point.weights), gradient(first, weights, point.x, point.targets[:, :-1])[1]
    for matrix, part in zip(network.layout.views(wrong), first.layout.views(found), strict=True):
        matrix[:, : part.shape[1]] = part * (network.layers[-1] - 1) / network.layers[-1]
    return wrong


@pytest.mark.parametrize("plant", [without_the_mean, one_output_forgotten])
@pytest.mark.parametrize("loss", OF_OUTPUTS)
def test_an_error_in_the_mean_over_outputs_is_found(loss, plant):
    point = loss_point(loss, layers=(3, 3, 2))
    assert compare_gradients(point, analytic=plant(point)).verdict.answer == "fails"


def test_the_derivative_of_another_loss_is_found():
    for one, other in (("huber", "squared-error"), ("hinge", "squared-hinge"), ("absolute-error", "huber")):
        point = loss_point(one)
        wrong = right(replace(point, network=replace(point.network, loss=other)))
        assert compare_gradients(point, analytic=wrong).verdict.answer == "fails"


@given(
    loss=st.sampled_from(OF_OUTPUTS),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    bias=st.booleans(),
    seed=st.integers(0, 10**6),
    batch=st.integers(1, 4),
    dtype=st.sampled_from(["float64", "float32"]),
    h=st.sampled_from([1e-8, 1e-6, 1e-4, 1e-2]),
    steps=st.sampled_from([0, 10, 100]),
    classes=st.booleans(),
)
@given_settings(max_examples=150, deadline=None, derandomize=True)
def test_no_false_alarm(loss, activation, bias, seed, batch, dtype, h, steps, classes):
    make = make_point if classes else loss_point
    kind = {"activation": activation, "bias": bias, "batch": batch, "seed": seed, "dtype": dtype}
    point = trained(make(loss=loss, layers=(4, 4, 3, 3), **kind), steps, lr=0.05)
    agreement = compare_gradients(point, h=h)
    wrong = {name: method.worst for name, method in agreement.methods.items() if method.verdict.wrong}
    assert agreement.verdict.answer != "fails", wrong
    assert not wrong


@pytest.mark.parametrize("loss", OF_OUTPUTS)
@pytest.mark.parametrize("classes", [False, True])
@pytest.mark.parametrize("step", [1e-3, -1.5, 1e-30j])
def test_the_fast_way_to_move_a_weight_is_the_plain_way(loss, classes, step):
    point = (make_point if classes else loss_point)(layers=(3, 3, 3, 2), loss=loss, activation="leaky-relu", bias=True)
    if isinstance(step, complex):
        point = replace(point, weights=point.weights.astype(complex), x=point.x.astype(complex))
    fast, plain = moved(point, everything(point), step), moved_plainly(point, everything(point), step)
    np.testing.assert_array_equal(fast.crossed, plain.crossed)
    if isinstance(step, complex):
        np.testing.assert_allclose(fast.change.imag, plain.change.imag, rtol=1e-12, atol=1e-45)
    else:
        np.testing.assert_allclose(fast.change, plain.change, rtol=1e-12, atol=1e-14)


AT_ITS_KINK = {"hinge": [(1.0, 1.0), (-1.0, 0.0)], "absolute-error": [(0.75, 0.75)]}
"""By the name of a loss, outputs and targets at which its derivative jumps."""


def at_a_kink(loss, z, y, other=0.25):
    """Return a network of one layer whose first output is z, at its kink, and whose second is not at one."""
    weights = np.array([0.5, other, z - 0.5, 0.125])
    return NetworkPoint(Network((2, 2), loss=loss), weights, np.ones((1, 2)), np.array([[y, 1.0]]))


@pytest.mark.parametrize(("loss", "z", "y"), [(name, *pair) for name, pairs in AT_ITS_KINK.items() for pair in pairs])
def test_a_difference_across_a_kink_of_the_loss_is_counted_apart(loss, z, y):
    point = at_a_kink(loss, z, y)
    agreement = compare_gradients(point, h=1e-6)
    assert agreement.passed  # by the backward difference and the complex step, for which the derivative is 0
    assert agreement.methods["central"].verdict.answer == "cannot tell"
    assert "kink" in agreement.methods["central"].verdict.cause
    for name, kinks in {"forward": 2, "backward": 0, "central": 2, "complex": 0}.items():
        assert agreement.methods[name].errors.kinks == kinks, name
        assert agreement.methods[name].verdict.wrong == 0, name
    found = many_digits(point, everything(point), 30)
    assert (found.kinks, found.both_zero) == (2, 0)
    assert found.max_relative_error < 1e-20


def test_a_loss_without_kinks_has_none_in_a_difference():
    for loss in ("huber", "squared-hinge"):  # their derivatives bend, and do not jump
        point = at_a_kink(loss, 1.0, 0.0)
        agreement = compare_gradients(point, h=1e-6)
        assert agreement.verdict.answer != "fails"
        assert {method.errors.kinks for method in agreement.methods.values()} == {0}


@pytest.mark.parametrize("loss", AT_ITS_KINK)
def test_a_long_step_crosses_kinks_of_the_loss(loss):
    point = loss_point(loss, "tanh")
    found = derivatives(point, everything(point), ("central", "complex"), 1.0)
    assert found["central"].kinks.any()
    assert not found["complex"].kinks.any()
    assert compare_gradients(point, h=1.0).verdict.answer != "fails"


def test_derivatives_of_samples_that_cancel_are_zero_in_many_digits():
    # The slopes of the first layer are the same in both samples, and those of their hinge losses 1 and -1.
    weights, x = np.array([0.3, 0.2, 0.7, 0.1]), np.array([[1 / 3], [1 / 3]])
    point = NetworkPoint(Network((1, 1, 1), "tanh", bias=True, loss="hinge"), weights, x, np.array([[1.0], [0.0]]))
    found = many_digits(point, everything(point), 30)
    assert (found.both_zero, found.kinks, found.max_relative_error) == (4, 0, 0)
    small = NetworkPoint(Network((1, 1), loss="squared-error"), np.array([1e-20]), x[:1], np.array([[0.0]]))
    assert many_digits(small, np.arange(1), 30).both_zero == 0


@ravine.loss
def own(z, y):
    """log cosh(z - y): smooth, and of no shelf."""
    d = z - y
    return abs(d) + np.log1p(np.exp(-2 * abs(d))) - np.log(2.0), np.tanh(d)


def test_a_loss_of_the_users():
    point = replace(loss_point("huber"), network=Network((3, 3, 3, 2), "tanh", bias=True, loss=own))
    agreement = compare_gradients(point)
    assert agreement.passed, agreement.verdict
    assert many_digits(point, everything(point), 45).max_relative_error < 1e-35
    for layer in range(3):
        assert compare_gradients(point, analytic=IN_ONE_LAYER["factor"](point, layer)).verdict.answer == "fails"


def test_the_gradient_is_that_of_a_loss_written_anew():
    """A network of one layer: dL/dW_io = mean_b x_bi l'(z_bo, y_bo) / 2, with l' by mpmath."""
    books = {
        "logistic": lambda z, y: mpmath.log(1 + mpmath.exp(z)) - y * z,
        "squared-error": lambda z, y: (z - y) ** 2,
        "poisson": lambda z, y: mpmath.exp(z) - y * z,
        "absolute-error": lambda z, y: abs(z - y),
    }
    for name, by_hand in books.items():
        point = loss_point(name, bias=False, layers=(3, 2))
        z = point.x @ point.weights.reshape(3, 2)
        slopes = [
            [float(mpmath.diff(functools.partial(by_hand, y=y), at)) for at, y in zip(*pair, strict=True)]
            for pair in zip(z, point.targets, strict=True)
        ]
        expected = point.x.T @ np.array(slopes) / 2 / len(z)
        np.testing.assert_allclose(right(point).reshape(3, 2), expected, rtol=1e-12, atol=1e-15)

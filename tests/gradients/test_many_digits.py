"""The check in many digits, and its own backpropagation against mpmath's derivative of a loss written anew."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from gradient_cases import KINDS, LAYERS, everything, kind_name, kinked, make_point

from ravine.errors import ConfigError
from ravine.gradients import NetworkPoint
from ravine.gradients.networks.digits import _Sample, many_digits
from ravine.networks import gradient

ACTIVATION = {
    "relu": lambda z: z if z > 0 else mpmath.mpf(0),
    "leaky-relu": lambda z: z if z > 0 else z * mpmath.mpf(0.01),
    "tanh": lambda z: (mpmath.exp(z) - mpmath.exp(-z)) / (mpmath.exp(z) + mpmath.exp(-z)),
    "sigmoid": lambda z: 1 / (1 + mpmath.exp(-z)),
    "identity": lambda z: z,
    "softplus": lambda z: mpmath.log(1 + mpmath.exp(z)),
    "elu": lambda z: z if z > 0 else mpmath.exp(z) - 1,
    "gelu": lambda z: z * mpmath.ncdf(z),
    "gelu-tanh": lambda z: z / (1 + mpmath.exp(-mpmath.sqrt(8 / mpmath.pi) * (z + mpmath.mpf(0.044715) * z**3))),
    "silu": lambda z: z / (1 + mpmath.exp(-z)),
    "sine": mpmath.sin,
}


def loss(point, weights, sample):
    """Compute one sample's loss from mpmath matrices, with nothing of ravine in it but the order of the weights."""
    network, start = point.network, 0
    a = mpmath.matrix([[mpmath.mpf(float(v)) for v in point.x[sample]]])
    for layer, (i, o) in enumerate(zip(network.layers[:-1], network.layers[1:], strict=True)):
        rows = i + network.bias
        matrix = mpmath.matrix(rows, o)
        for k in range(rows * o):
            matrix[k // o, k % o] = weights[start + k]
        start += rows * o
        if network.bias:
            a = mpmath.matrix([[*a, 1]])
        a = a * matrix
        if layer < len(network.layers) - 2:
            a = a.apply(ACTIVATION[network.activation])
    return mpmath.log(mpmath.fsum(mpmath.exp(z) for z in a)) - a[int(point.targets[sample])]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind["softmax"] == "shifted"], ids=kind_name)
def test_its_own_derivatives_are_those_of_mpmath(kind):
    point = make_point((3, 3, 2, 2), batch=2, seed=1, **kind)
    with mpmath.workdps(60):
        weights = [mpmath.mpf(float(w)) for w in point.weights]
        matrices = [
            [[mpmath.mpf(float(w)) for w in row] for row in m] for m in point.network.layout.views(point.weights)
        ]
        for sample in range(2):
            own = _Sample(point, matrices, sample)
            assert mpmath.almosteq(own.loss, loss(point, weights, sample), mpmath.mpf(10) ** -55)
            for index in everything(point):
                name = point.network.layout.name(int(index))

                def f(w, index=index, sample=sample):
                    return loss(point, [*weights[:index], w, *weights[index + 1 :]], sample)

                exact = mpmath.diff(f, weights[index])
                assert abs(own.derivative(*name) - exact) < mpmath.mpf(10) ** -50
                step = mpmath.mpf("0.001")
                there, _ = own.moved(*name, step)
                assert abs(there - f(weights[index] + step)) < mpmath.mpf(10) ** -55


@pytest.mark.parametrize("kind", KINDS, ids=kind_name)
@pytest.mark.parametrize("batch", [1, 3])
def test_many_digits_agree_with_many_digits(kind, batch):
    point = make_point((4, 3, 3, 2), batch=batch, seed=11, **kind)
    for digits in (15, 40, 101):
        found = many_digits(point, everything(point), digits)
        assert found.mean_relative_error < 10.0 ** -(digits - 5)
        assert found.max_relative_error < 10.0 ** -(digits - 8)
        assert 0 < found.median_relative_error <= found.max_relative_error
        assert found.h == pytest.approx(10.0 ** -(digits // 2 + 5))
        assert (found.digits, found.weights, found.kinks) == (digits, len(point.weights), 0)


def test_it_is_the_gradient_of_the_network():
    point = make_point(LAYERS[3], batch=1, bias=True, activation="sigmoid")
    analytic = gradient(point.network, point.weights, point.x, point.targets)[1]
    matrices = [[[mpmath.mpf(float(w)) for w in row] for row in m] for m in point.network.layout.views(point.weights)]
    sample = _Sample(point, matrices, 0)
    own = [float(sample.derivative(*point.network.layout.name(k))) for k in range(len(analytic))]
    np.testing.assert_allclose(own, analytic, rtol=1e-12, atol=1e-16)


def test_float32_weights_are_taken_as_exact():
    point = make_point(dtype="float32")
    assert many_digits(point, everything(point), 40).max_relative_error < 1e-32


@pytest.mark.parametrize("activation", ["relu", "leaky-relu"])
def test_kinks_are_counted_apart(activation):
    found = many_digits(kinked(activation), everything(kinked()), 30)
    assert found.kinks == 2
    assert found.max_relative_error < 1e-25


def test_zeros_are_counted_apart():
    blank = kinked()
    blank = NetworkPoint(blank.network, blank.weights, np.array([[0.0, 1.0]]), blank.targets)
    assert many_digits(blank, everything(blank), 30).both_zero >= 2


@pytest.mark.parametrize("digits", [-1, 0, 3, 14, 1001])
def test_bad_digits(digits):
    with pytest.raises(ConfigError, match=f"digits is {digits}; it must be a whole number from 15 to 1000"):
        many_digits(make_point(), np.array([0]), digits)


def test_progress():
    told = []
    many_digits(make_point(), np.arange(7), 15, told.append)
    assert sum(told) == 7

"""The bound and the variance that each source states, seen in a hundred thousand draws."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ravine.errors import ConfigError
from ravine.networks import INITIALIZERS, Network, initial_weights

FAN_IN, FAN_OUT = 500, 200
VARIANCE = {
    "glorot-uniform": 2 / (FAN_IN + FAN_OUT),
    "glorot-normal": 2 / (FAN_IN + FAN_OUT),
    "he-uniform": 2 / FAN_IN,
    "he-normal": 2 / FAN_IN,
    "lecun-normal": 1 / FAN_IN,
}


@pytest.fixture(params=INITIALIZERS)
def drawn(request):
    network = Network((FAN_IN, FAN_OUT), bias=True)
    matrix = network.layout.views(initial_weights(network, request.param, np.random.default_rng(1)))[0]
    return request.param, matrix[:-1], matrix[-1]


def test_mean_and_variance(drawn):
    name, weights, _ = drawn
    sigma = math.sqrt(VARIANCE[name])
    assert abs(weights.mean()) < 4 * sigma / math.sqrt(weights.size)
    # The relative spread of a sample variance is at most sqrt(2 / n) for these two shapes.
    assert weights.var() == pytest.approx(sigma**2, rel=4 * math.sqrt(2 / weights.size))


def test_uniform_draws_fill_their_bound_and_normal_ones_pass_it(drawn):
    name, weights, _ = drawn
    bound = math.sqrt(3 * VARIANCE[name])
    if name.endswith("uniform"):
        assert 0.999 * bound < np.abs(weights).max() <= bound
    else:
        assert np.abs(weights).max() > 2 * bound


def test_biases_start_at_zero(drawn):
    assert not drawn[2].any()


def test_each_layer_has_its_own_scale():
    network = Network((400, 100, 25))
    first, second = network.layout.views(initial_weights(network, "he-normal", np.random.default_rng(2)))
    assert first.std() == pytest.approx(math.sqrt(2 / 400), rel=0.05)
    assert second.std() == pytest.approx(math.sqrt(2 / 100), rel=0.05)


def test_a_seed_decides_the_draw():
    network = Network((30, 20, 10))
    one, same, other = (initial_weights(network, "he-uniform", np.random.default_rng(s)) for s in (3, 3, 4))
    assert one.tobytes() == same.tobytes()
    assert one.tobytes() != other.tobytes()
    assert one.dtype == np.float64


def test_an_unknown_initializer_suggests_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'he-normal'"):
        initial_weights(Network((2, 2)), "he_normal", np.random.default_rng(0))

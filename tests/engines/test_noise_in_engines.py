"""Random numbers that optimizers ask for: the same bits in both engines, and the same after a stop."""

from __future__ import annotations

import numpy as np
import pytest
from engine_cases import flat

from ravine.conformance.trained import some_data
from ravine.data import Split
from ravine.engines import make_engine
from ravine.formulas.elementwise import rule
from ravine.formulas.matrix import matrix_rule
from ravine.formulas.noise import normal_numbers
from ravine.networks import Network, initial_weights
from ravine.optimizers.perturbed_gd import perturbed_gd
from ravine.optimizers.sgld import sgld

SEED = 2**61 + 12345


@rule
def keeps(g, s, noise, *, lr=0.1):
    return lr * 0 * g, noise + 0 * s


@matrix_rule
def keeps_whole(gradients, weights, state, t, noise, *, lr=0.1):
    return [0 * g for g in gradients], {f"s.{k}": z for k, z in enumerate(noise())}


def engine(name, rule, dtype="float64", bias=True, layers=(60, 19, 8, 10), seed=SEED):
    network = Network(layers, bias=bias)
    weights = initial_weights(network, "glorot-uniform", np.random.default_rng(1))
    return make_engine(name, network, rule, weights, dtype, 5, seed=seed)


def train(engine, rule, first, stop, **hyper):
    order = np.random.default_rng(3).integers(0, 300, 500)
    engine.train(some_data(300, 60), order, first, stop, {**rule.defaults, **hyper})


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_both_engines_have_the_same_bits_as_the_formula(dtype, bias):
    found = []
    for name in ("reference", "fused"):
        one = engine(name, keeps, dtype, bias)
        train(one, keeps, 0, 4 * 5)
        found.append(flat(one.state(), "s"))
    assert found[0].tobytes() == found[1].tobytes()
    rows, expected = 0, []
    for inputs, outputs in ((60, 19), (19, 8), (8, 10)):
        count = inputs + bias
        expected.append(normal_numbers(SEED, 4, np.arange(rows, rows + count), outputs).ravel())
        rows += count
    np.testing.assert_array_equal(found[1], np.concatenate(expected).astype(dtype))


def test_a_rule_of_whole_matrices_gets_the_numbers_of_an_element_wise_one():
    one, other = engine("reference", keeps), engine("reference", keeps_whole)
    train(one, keeps, 0, 10)
    train(other, keeps_whole, 0, 10)
    np.testing.assert_array_equal(flat(other.state(), "s"), flat(one.state(), "s"))


@pytest.mark.parametrize("rule", [sgld, perturbed_gd])
@pytest.mark.parametrize("name", ["reference", "fused"])
def test_a_run_goes_on_with_the_same_noise(name, rule):
    settings = {"temperature": 0.01} if rule is sgld else {"threshold": 10.0, "interval": 2, "radius": 0.1}
    whole, first, second = (engine(name, rule) for _ in range(3))
    train(whole, rule, 0, 60, **settings)
    train(first, rule, 0, 25, **settings)
    second.restore(first.state())
    train(second, rule, 25, 60, **settings)
    assert whole.state()["weights"].tobytes() == second.state()["weights"].tobytes()


def test_another_seed_is_another_noise():
    weights = []
    for seed in (1, 2):
        one = engine("fused", sgld, seed=seed)
        train(one, sgld, 0, 5, temperature=0.01)
        weights.append(one.weights)
    assert (weights[0] != weights[1]).all()


def test_the_padding_stays_zero():
    one = engine("fused", sgld, layers=(60, 17, 3, 10))
    train(one, sgld, 0, 50, temperature=1.0)
    space = one._space
    padded = space.trained.w.copy()
    space.pad(padded, np.zeros_like(one.weights))
    assert not padded.any()


@rule
def heavy_tailed(g, noise, *, lr=0.1, size=1e-4):
    return lr * g + size / noise


@rule
def by_size(g, w, *, lr=0.01):
    return lr * g * np.log(np.abs(w))


@pytest.mark.parametrize("layers", [(60, 1, 10), (60, 15, 17, 10), (60, 16, 10)])
@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
@pytest.mark.parametrize("tried", [heavy_tailed, by_size], ids=lambda tried: tried.name)
def test_a_rule_that_is_not_finite_at_zeros_agrees_in_both_engines(layers, activation, tried):
    # Rows are padded with zeros, of which these rules make inf and nan.
    network, found = Network(layers, activation), []
    weights = np.random.default_rng(4).normal(0, 0.3, network.layout.size)
    for name in ("reference", "fused"):
        one = make_engine(name, network, tried, weights, "float64", 5, seed=SEED)
        train(one, tried, 0, 20 * 5)
        found.append(one.weights)
    assert np.isfinite(found[0]).all()
    np.testing.assert_allclose(found[1], found[0], rtol=1e-9, atol=1e-12)


@rule(bounds={"eps": "[0, inf)"})
def relative(g, *, lr=0.01, eps=1e-3):
    return lr * g / (np.abs(g) + eps)


@rule
def limited(g, *, lr=0.01):
    return lr * g / (np.abs(g) + lr)


def both_after(rule, factors, *rates):
    """Return the weights of both engines after a call for each list of rates; no gradient of the network is 0."""
    network, found = Network((60, 17, 9, 10), "tanh"), []
    weights = np.random.default_rng(5).normal(0, 0.3, network.layout.size)
    zeros = some_data(300, 60)
    data = Split(np.maximum(zeros.features, 1), zeros.targets)
    for name in ("reference", "fused"):
        one = make_engine(name, network, rule, weights, "float64", 300, factors, seed=SEED)
        for each in rates:
            hyper = {**rule.defaults, "lr": np.array(each)}
            one.train(data, np.arange(300 * len(each)) % 300, 0, 300 * len(each), hyper)
        found.append(one.weights)
    return found


@pytest.mark.parametrize("factors", [(1.0, 0.0, 1.0), (1.0, 1.0, 0.0), (0.5, 0.0, 0.0)])
def test_a_rule_that_is_not_finite_at_zeros_in_a_later_layer_agrees_in_both_engines(factors):
    reference, fused = both_after(relative, {"eps": factors}, [0.01] * 5)
    assert np.isfinite(reference).all()
    np.testing.assert_allclose(fused, reference, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("rates", [[0.0, 0.1, 0.1], [0.1, 0.0, 0.1], [0.1, 0.1, 0.0, 0.0]])
def test_a_rule_that_is_not_finite_at_zeros_at_a_later_rate_agrees_in_both_engines(rates):
    reference, fused = both_after(limited, {}, [0.1, 0.1], rates, [0.1, 0.1])
    assert np.isfinite(reference).all()
    np.testing.assert_allclose(fused, reference, rtol=1e-9, atol=1e-12)

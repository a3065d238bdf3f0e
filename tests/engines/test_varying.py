"""Hyper-parameters that change from step to step or from layer to layer, and batches of several sizes."""

from __future__ import annotations

import numpy as np
import pytest
from engine_cases import assert_same, assert_same_bits, difference, settings, sparse_split, starting_point

from optimizer_cases import ELEMENTWISE
from ravine.engines import make_engine
from ravine.formulas.compose import with_stages
from ravine.networks import Network
from ravine.optimizers.momentum import momentum
from ravine.optimizers.schedule_free_sgd import schedule_free_sgd
from ravine.optimizers.sgd import sgd

NETWORK = Network((61, 23, 9, 10), bias=True)
DATA = sparse_split(400, width=61)
ORDER = np.random.default_rng(2).integers(0, 400, 700)

CLIPPED = with_stages(sgd, {"clip_layer_norm": 0.2})


def engine(name, rule, batch_size, factors=(), dtype="float64"):
    return make_engine(name, NETWORK, rule, starting_point(NETWORK), dtype, batch_size, dict(factors))


def both(rule, batch_size, factors=()):
    return [engine(name, rule, batch_size, factors) for name in ("fused", "reference")]


@pytest.mark.parametrize("batch_size", [1, 7, 100, 300])
@pytest.mark.parametrize(
    ("rule", "factors"),
    [
        (sgd, {"lr": (1.0, 0.5, 0.1)}),
        (momentum, {"lr": (0.3, 2.0, 1.0)}),  # drifts with alpha, which all layers share
        (CLIPPED, {"clip_layer_norm": (1.0, 0.1, 2.0)}),
        (schedule_free_sgd, {"beta": (1.0, 0.5, 0.9)}),  # whose evaluated form takes beta
    ],
    ids=["inert", "lazy", "norms", "dense"],
)
def test_both_engines_agree_layer_by_layer(rule, factors, batch_size):
    fused, reference = both(rule, batch_size, factors)
    steps = -(-len(ORDER) // batch_size)
    hyper = settings(rule) | {"lr": np.linspace(0.1, 0.02, steps)}
    hyper |= {"clip_layer_norm": 0.2} if rule is CLIPPED else {}
    now = hyper | {"lr": 0.02}
    for one in (fused, reference):
        one.train(DATA, ORDER, 0, len(ORDER), hyper)
        one.settle(now)
    assert_same(fused, reference, 1e-10)
    assert difference(fused.evaluated_weights(now), reference.evaluated_weights(now)) < 1e-10


@pytest.mark.parametrize("name", ["fused", "reference"])
def test_a_factor_of_a_layer_is_a_rate_of_its_own(name):
    # A layer whose factor is 0 stays; after one step the others are where they would be at their own rate.
    factors = {"lr": (0.0, 1.0, 0.5)}
    layered, plain, half = (engine(name, sgd, 20, f) for f in (factors, {}, {}))
    for one, lr in ((layered, 0.1), (plain, 0.1), (half, 0.05)):
        one.train(DATA, ORDER, 0, 20, {"lr": lr})
    views = NETWORK.layout.views
    wanted = (views(starting_point(NETWORK))[0], views(plain.weights)[1], views(half.weights)[2])
    for got, view in zip(views(layered.weights), wanted, strict=True):
        assert difference(got, view) < 1e-14


@pytest.mark.parametrize("name", ["fused", "reference"])
@pytest.mark.parametrize("rule", ["sgd", "momentum", "adam"])
def test_an_array_of_rates_is_one_call_for_each(name, rule):
    rates = [0.1, 0.05, 0.2, 0.01, 0.3]
    hyper = settings(ELEMENTWISE[rule])
    once, each = (engine(name, ELEMENTWISE[rule], 10) for _ in range(2))
    once.train(DATA, ORDER, 0, 50, hyper | {"lr": np.array(rates)})
    for step, lr in enumerate(rates):
        each.train(DATA, ORDER, 10 * step, 10 * step + 10, hyper | {"lr": lr})
    for one in (once, each):
        one.settle(hyper)
    assert_same_bits(once, each)


@pytest.mark.parametrize("name", ["fused", "reference"])
@pytest.mark.parametrize("size", [1, 3, 50, 200])
def test_a_smaller_batch_than_the_largest(name, size):
    large, small = engine(name, momentum, 300), engine(name, momentum, size)
    hyper = settings(momentum)
    large.train(DATA, ORDER, 0, 400, hyper, batch_size=size)
    small.train(DATA, ORDER, 0, 400, hyper)
    for one in (large, small):
        one.settle(hyper)
    assert large.steps == small.steps == -(-400 // size)
    assert_same(large, small, 1e-12)

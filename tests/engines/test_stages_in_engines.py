"""Optimizers that ask for norms, and weights that are evaluated in another form, in both engines."""

from __future__ import annotations

import numpy as np
import pytest
from engine_cases import (
    assert_same,
    dense_split,
    difference,
    flat,
    order_of,
    pair,
    run,
    sparse_split,
    split,
    starting_point,
)

from ravine.engines import make_engine
from ravine.engines.stepping import SteppingEngine
from ravine.errors import ConfigError
from ravine.formulas.compose import with_stages
from ravine.formulas.elementwise import rule
from ravine.networks import Network, gradient
from ravine.optimizers.adam import adam
from ravine.optimizers.schedule_free_sgd import schedule_free_sgd
from ravine.optimizers.sgd import sgd

NETWORK = Network((61, 23, 9, 10), bias=True)

CLIPPED = with_stages(sgd, {"clip_norm": 1, "clip_layer_norm": 1})
EVERYTHING = with_stages(
    adam,
    dict.fromkeys(
        ["clip_value", "clip_norm", "l2", "gradient_average", "weight_decay", "lookahead", "weight_average"], 1
    ),
)
VALUES = {
    "clip_value": 0.05, "clip_norm": 0.4, "clip_layer_norm": 0.2, "l2": 0.01, "gradient_average": 0.5,
    "weight_decay": 0.01, "lookahead": 3, "weight_average": 0.9,
}  # fmt: skip


def _coasting(v, n, *, alpha):
    return alpha * (1 - alpha**n) / (1 - alpha) * v, alpha**n * v


@rule(lazy=_coasting)
def normed(g, v, norm, *, lr, alpha=0.9):
    v = alpha * v + lr * g / (1 + norm)
    return v, v


def hyper_of(declared):
    return declared.hyperparameters({"lr": 0.1, **{key: VALUES[key] for key in VALUES if key in declared.defaults}})


@pytest.mark.parametrize("make", [sparse_split, dense_split])
@pytest.mark.parametrize("batch_size", [1, 7, 100, 300])
@pytest.mark.parametrize("declared", [CLIPPED, EVERYTHING, normed], ids=["clipped", "everything", "lazy"])
def test_both_engines_agree(declared, batch_size, make):
    data = make(400, width=61)
    hyper = hyper_of(declared)
    fused, reference = pair(NETWORK, declared, batch_size)
    order = order_of(25, batch_size, len(data.targets))
    ours, theirs = run(fused, data, order, hyper), run(reference, data, order, hyper)
    assert ours.loss_sum == pytest.approx(theirs.loss_sum, rel=1e-12)
    assert_same(fused, reference, 1e-10)
    assert fused.evaluate(data, hyper).loss == pytest.approx(reference.evaluate(data, hyper).loss, rel=1e-12)
    assert difference(fused.evaluated_weights(hyper), reference.evaluated_weights(hyper)) < 1e-10


def test_norms_are_those_of_the_gradient_and_of_each_layer_s():
    @rule
    def keeps(g, whole, part, norm, layer_norm, *, lr):
        return 0 * g, 0 * whole + norm, 0 * part + layer_norm

    data = sparse_split(50, width=61)
    for engine in pair(NETWORK, keeps, 50):
        _, g = gradient(NETWORK, engine.weights, data.features / 255, data.targets)
        run(engine, data, np.arange(50), {"lr": 1.0})
        state = engine.state()
        np.testing.assert_allclose(flat(state, "whole"), np.linalg.norm(g), rtol=1e-12)
        parts = zip(NETWORK.layout.views(flat(state, "part")), NETWORK.layout.views(g), strict=True)
        for kept, of_layer in parts:
            np.testing.assert_allclose(kept, np.linalg.norm(of_layer), rtol=1e-12)


def test_a_clipped_step_has_the_length_that_it_may_have():
    data = split(np.full((4, 61), 255), [0, 1, 2, 3])
    clipped = with_stages(sgd, {"clip_norm": 1})
    for engine in pair(NETWORK, clipped, 4):
        before = engine.weights
        run(engine, data, np.arange(4), clipped.hyperparameters({"lr": 0.5, "clip_norm": 1e-3}))
        assert np.linalg.norm(engine.weights - before) == pytest.approx(0.5e-3, rel=1e-9)


@pytest.mark.parametrize("which", [0, 1], ids=["fused", "reference"])
def test_evaluating_the_mean_leaves_the_training_as_it_was(which):
    data = sparse_split(100, width=61)
    hyper = schedule_free_sgd.hyperparameters({"lr": 0.3})
    one, other = (pair(NETWORK, schedule_free_sgd, 10)[which] for _ in range(2))
    order = order_of(20, 10, 100)
    half = 100
    np.testing.assert_array_equal(one.evaluated_weights(hyper), one.weights)
    for engine in (one, other):
        engine.train(data, order, 0, half, hyper)
        if engine is one:
            engine.settle(hyper)
            shown = engine.evaluate(data, hyper)
            assert shown != engine.evaluate(data, {**hyper, "beta": 0.5})
        engine.train(data, order, half, len(order), hyper)
        engine.settle(hyper)
    for name, value in one.state().items():
        assert value.tobytes() == other.state()[name].tobytes(), name
    assert not np.array_equal(one.evaluated_weights(hyper), one.weights)


@rule
def trusts(g, v, weight_norm, layer_norm, *, lr=0.01):
    """Take steps of a share of the norm of the layer's weights, LARS without momentum, and keep that norm."""
    return lr * weight_norm / (layer_norm + 1e-12) * g, 0 * v + weight_norm


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_a_rule_that_asks_for_the_norm_of_the_weights_takes_its_steps_in_numpy(batch_size, bias):
    network = Network((61, 23, 9, 10), bias=bias)
    data, hyper = sparse_split(400, width=61), {"lr": 0.01}
    order = order_of(25, batch_size, 400)
    assert not trusts.formula.compiles
    fused, reference = pair(network, trusts, batch_size)
    assert isinstance(fused, SteppingEngine)
    ours, theirs = run(fused, data, order, hyper), run(reference, data, order, hyper)
    assert ours.loss_sum == pytest.approx(theirs.loss_sum, rel=1e-12)
    assert_same(fused, reference, 1e-10)


@pytest.mark.parametrize("name", ["fused", "reference"])
def test_the_norm_of_the_weights_is_that_of_the_weight_s_layer_before_the_step(name):
    data, start = sparse_split(50, width=61), starting_point(NETWORK)
    one = make_engine(name, NETWORK, trusts, start, "float64", 50)
    run(one, data, np.arange(50), {"lr": 0.01})
    views = NETWORK.layout.views
    for before, after, kept in zip(*map(views, (start, one.weights, flat(one.state(), "v"))), strict=True):
        np.testing.assert_allclose(kept, np.linalg.norm(before), rtol=1e-12)
        assert np.linalg.norm(after - before) == pytest.approx(0.01 * np.linalg.norm(before), rel=1e-9)


@pytest.mark.parametrize("name", ["fused", "reference"])
def test_a_layer_whose_factor_is_0_stays_under_it(name):
    data, start = sparse_split(50, width=61), starting_point(NETWORK)
    one = make_engine(name, NETWORK, trusts, start, "float64", 50, {"lr": (1.0, 0.0, 2.0)})
    run(one, data, np.arange(50), {"lr": 0.01})
    layers = zip(*map(NETWORK.layout.views, (one.weights, start)), strict=True)
    moved = [np.linalg.norm(after - before) / np.linalg.norm(before) for after, before in layers]
    np.testing.assert_allclose(moved, [0.01, 0.0, 0.02], rtol=1e-9)


def test_an_average_of_a_rule_and_one_of_a_stage_are_one_too_many():
    with pytest.raises(ConfigError, match=r"^schedule_free_sgd: more than one of the optimizer and its stages chooses"):
        with_stages(schedule_free_sgd, {"weight_average": 0.9})

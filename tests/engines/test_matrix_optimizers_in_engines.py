"""Stages and per-layer settings of a matrix optimizer, beside the same optimizer written for single weights."""

from __future__ import annotations

import numpy as np
import pytest
from engine_cases import assert_same, dense_split, difference, order_of, run, sparse_split, starting_point

from optimizer_cases import MATRIX
from ravine.engines import make_engine
from ravine.engines.fused.gradients import KernelGradients
from ravine.engines.reference import NumpyGradients
from ravine.errors import ConfigError
from ravine.formulas.compose import with_stages
from ravine.formulas.matrix import matrix_rule
from ravine.formulas.shelves import STAGES
from ravine.networks import Network
from ravine.optimizers.momentum import momentum
from ravine.optimizers.sgd import sgd

NETWORKS = [Network((61, 23, 9, 10), bias=True), Network((61, 23, 9, 10))]
DATA = sparse_split(300, width=61)
ORDER = np.random.default_rng(2).integers(0, 300, 400)
VALUES = {
    "clip_value": 0.002, "clip_norm": 0.4, "clip_layer_norm": 0.1, "l2": 0.01, "gradient_average": 0.5,
    "weight_decay": 0.1, "trust_ratio": 0.5, "lookahead": 3, "lookahead_alpha": 0.3, "weight_average": 0.9,
}  # fmt: skip
EACH = {**VALUES, "uniform_weight_average": 4, "average_every": 3}
"""The last two are a second average, which goes with no other."""


@matrix_rule(by_layer=True)
def whole_momentum(gradients, weights, state, t, *, lr=0.01, alpha=0.9):
    """Momentum for all layers at once."""
    steps = [alpha * state.get(f"v.{k}", 0 * g) + lr * g for k, g in enumerate(gradients)]
    return steps, {f"v.{k}": step for k, step in enumerate(steps)}


def trained(rule, given, network, factors=()):
    rule = with_stages(rule, given)
    hyper = rule.hyperparameters({"lr": 0.1, **given})
    engine = make_engine("reference", network, rule, starting_point(network), "float64", 20, dict(factors))
    half = len(ORDER) // 2
    engine.train(DATA, ORDER, 0, half, hyper)
    state = engine.state()
    engine.restore(state)
    engine.train(DATA, ORDER, half, len(ORDER), hyper)
    return engine.weights, engine.evaluated_weights(hyper)


@pytest.mark.parametrize("network", NETWORKS, ids=["biases", "no biases"])
@pytest.mark.parametrize("stages", [*([name] for name in STAGES), list(VALUES)], ids=lambda names: names[0])
def test_stages_do_to_it_what_they_do_to_a_rule_of_single_weights(stages, network):
    given = {name: EACH[name] for stage in stages if stage in STAGES for name in STAGES[stage].defaults}
    whole, single, bare = (
        trained(*case, network) for case in ((whole_momentum, given), (momentum, given), (momentum, {}))
    )
    for ours, theirs in zip(whole, single, strict=True):
        assert difference(ours, theirs) < 1e-12
    assert difference(whole[1], bare[1]) > 1e-4  # the stage does something


@pytest.mark.parametrize("network", NETWORKS, ids=["biases", "no biases"])
@pytest.mark.parametrize(
    ("given", "factors"),
    [
        ({}, {"lr": (1.0, 0.5, 0.0)}),
        ({}, {"lr": (0.3, 2.0, 1.0), "alpha": (1.0, 0.5, 0.1)}),
        ({"weight_decay": 0.1, "clip_layer_norm": 0.1}, {"weight_decay": (1.0, 0.0, 3.0), "lr": (1.0, 0.5, 2.0)}),
        ({"weight_average": 0.9}, {"weight_average": (1.0, 0.5, 0.1)}),
    ],
)
def test_layers_have_settings_of_their_own(given, factors, network):
    whole, single, bare = (
        trained(*case) for case in (
            (whole_momentum, given, network, factors), (momentum, given, network, factors), (momentum, given, network))
    )  # fmt: skip
    for ours, theirs in zip(whole, single, strict=True):
        assert difference(ours, theirs) < 1e-12
    assert difference(whole[1], bare[1]) > 1e-4


@pytest.mark.parametrize("network", [*NETWORKS, Network((61, 9, 10), activation="tanh")], ids=["bias", "none", "tanh"])
@pytest.mark.parametrize("batch_size", [1, 7, 100, 300])
# Without soap: where its matrices have an eigenvalue several times, as they do at first, round-off decides the basis.
@pytest.mark.parametrize("name", ["muon", "shampoo", "prodigy", "sophia"])
def test_both_engines_take_the_same_steps(name, batch_size, network):
    rule = MATRIX[name]
    fused, reference = (
        make_engine(engine, network, rule, starting_point(network), "float64", batch_size)
        for engine in ("fused", "reference")
    )
    order = order_of(5, batch_size, 300)
    for engine in (fused, reference):
        run(engine, DATA, order, rule.hyperparameters({}))
    assert_same(fused, reference, 1e-9)
    ours, theirs = fused.evaluate(DATA), reference.evaluate(DATA)
    assert ours.loss == pytest.approx(theirs.loss, rel=1e-9)
    assert (ours.accuracy, ours.live_units) == (theirs.accuracy, theirs.live_units)


@pytest.mark.parametrize("data", [DATA, dense_split(300, 61)], ids=["sparse", "dense"])
@pytest.mark.parametrize("count", [1, 2, 31, 32, 129, 300])
def test_the_gradient_of_the_kernel_is_that_of_numpy_and_leaves_nothing_behind(count, data):
    network = NETWORKS[0]
    kernel, plain = KernelGradients(network, "float64", 300), NumpyGradients(network)
    weights, batch = starting_point(network), ORDER[:count]
    expected_loss, expected = plain.gradient(weights, data, batch)
    for _ in range(2):
        loss, g = kernel.gradient(weights, data, batch)
        assert loss == pytest.approx(expected_loss, rel=1e-13)
        assert difference(g, expected) < 1e-13


@pytest.mark.parametrize("network", [NETWORKS[1], Network((61, 9, 10), softmax="naive")], ids=["shifted", "naive"])
def test_a_loss_that_is_not_finite_stops_before_the_step_and_is_told(network):
    rule, weights = MATRIX["muon"], 1e300 * starting_point(network)
    kernel = KernelGradients(network, "float64", 200)
    loss, g = kernel.gradient(weights, DATA, ORDER[:200])
    assert not np.isfinite(loss)
    assert np.isnan(g).all()
    fine = starting_point(network)  # and what was added up before it was met is gone
    ours, theirs = (each.gradient(fine, DATA, ORDER[:200])[1] for each in (kernel, NumpyGradients(network)))
    assert difference(ours, theirs) < 1e-13
    engine = make_engine("fused", network, rule, weights, "float64", 200)
    assert engine.train(DATA, ORDER, 0, 200, rule.hyperparameters({})).steps == 0
    assert engine.weights.tobytes() == weights.tobytes()


def test_an_unknown_engine_is_told():
    with pytest.raises(ConfigError, match="unknown engine 'fusd'; did you mean 'fused'"):
        make_engine("fusd", NETWORKS[0], momentum, starting_point(NETWORKS[0]), "float64", 1)


@pytest.mark.parametrize("dtype", ["float32", "longdouble"])
def test_a_loss_at_weights_of_another_dtype_is_that_of_the_run(dtype):
    seen = set()

    @matrix_rule
    def looks(gradients, weights, state, t, loss, *, lr=0.1):
        _, slopes = loss([1.5 * w.astype(np.float64) for w in weights])
        seen.update(slope.dtype.name for slope in slopes)
        return [lr * g for g in slopes], {}

    engine = make_engine("reference", NETWORKS[0], looks, starting_point(NETWORKS[0]), dtype, 20)
    engine.train(DATA, ORDER, 0, 40, {"lr": 0.1})
    assert seen == {np.dtype(dtype).name}


def _weighted_mean(weights, state, t, *, share):
    return [w if t == 0 else state[f"a.{k}"] / (1 - share**t) for k, w in enumerate(weights)]


@matrix_rule(by_layer=True, start={"a": 0.0}, evaluated=_weighted_mean)
def averaged(gradients, weights, state, t, *, lr=0.01, share=0.9):
    """Evaluate what the stage weight_average does."""
    steps = [lr * g for g in gradients]
    pairs = enumerate(zip(weights, steps, strict=True))
    return steps, {f"a.{k}": share * state[f"a.{k}"] + (1 - share) * (w - step) for k, (w, step) in pairs}


@pytest.mark.parametrize("network", NETWORKS, ids=["biases", "no biases"])
@pytest.mark.parametrize("factors", [{}, {"lr": (1.0, 0.5, 2.0), "share": (1.0, 0.5, 0.1)}], ids=["alike", "by layer"])
@pytest.mark.parametrize("name", ["fused", "reference"])
def test_one_may_evaluate_other_weights_than_it_trains(name, factors, network):
    staged = with_stages(sgd, {"weight_average": 0.9})
    ours = make_engine(name, network, averaged, starting_point(network), "float64", 20, factors)
    stage_factors = {{"share": "weight_average"}.get(key, key): value for key, value in factors.items()}
    theirs = make_engine(name, network, staged, starting_point(network), "float64", 20, stage_factors)
    hyper, given = {"lr": 0.1, "share": 0.9}, {"lr": 0.1, "weight_average": 0.9}
    np.testing.assert_array_equal(ours.evaluated_weights(hyper), starting_point(network))
    run(ours, DATA, ORDER, hyper)
    run(theirs, DATA, ORDER, given)
    assert difference(ours.weights, theirs.weights) < 1e-12
    assert difference(ours.evaluated_weights(hyper), theirs.evaluated_weights(given)) < 1e-12
    assert ours.evaluate(DATA, hyper).loss == pytest.approx(theirs.evaluate(DATA, given).loss, rel=1e-12)
    assert difference(ours.evaluated_weights(hyper), ours.weights) > 1e-4


def test_a_second_average_is_refused():
    with pytest.raises(
        ConfigError,
        match=r"^averaged: more than one of the optimizer and its stages chooses the weights to evaluate; keep one",
    ):
        with_stages(averaged, {"weight_average": 0.9})


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (lambda weights: weights[:1], "returns 1 array for 2 arrays of weights"),
        (lambda weights: [w.T for w in weights], r"returns an array of shape \(3, 4\)"),
        (lambda weights: [w + 0j for w in weights], "returns an array of complex128"),
        (lambda weights: None, "returns NoneType in place of the arrays"),
        (lambda weights: weights[0][0][0][0], "fails with "),
    ],
)
def test_evaluated_weights_that_are_none_are_refused(returned, words):
    def form(weights, state, t):
        return returned(weights)

    @matrix_rule(evaluated=form)
    def shows(gradients, weights, state, t, *, lr=0.1):
        return gradients, {}

    with pytest.raises(ConfigError, match=rf"rule shows {words}"):
        shows.evaluate([np.ones((4, 3)), np.ones(3)], {}, 1, [{"lr": 0.1}])


@pytest.mark.parametrize(
    "form", [lambda weights, state: 0, lambda w, state, t: 0, lambda weights, state, t, *, beta: 0, lambda: 0]
)
def test_evaluated_weights_may_ask_for_what_exists_alone(form):
    with pytest.raises(
        ConfigError, match=r"evaluated form of shows takes .*; it must take weights, state, t and, after"
    ):

        @matrix_rule(evaluated=form)
        def shows(gradients, weights, state, t, *, lr=0.1):
            return gradients, {}

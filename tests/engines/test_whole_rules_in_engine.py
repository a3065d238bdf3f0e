"""Stages and per-layer settings of a rule of whole matrices, beside the same optimizer written for single weights."""

from __future__ import annotations

import numpy as np
import pytest
from engine_cases import difference, sparse_split, starting_point

from ravine.engines import make_engine
from ravine.nn import Network
from ravine.rules import momentum, whole_rule
from ravine.rules.compose import with_stages
from ravine.rules.stages import STAGES

NETWORKS = [Network((61, 23, 9, 10), bias=True), Network((61, 23, 9, 10))]
DATA = sparse_split(300, width=61)
ORDER = np.random.default_rng(2).integers(0, 300, 400)
VALUES = {
    "clip_value": 0.002, "clip_norm": 0.4, "clip_layer_norm": 0.1, "l2": 0.01, "gradient_average": 0.5,
    "weight_decay": 0.1, "lookahead": 3, "lookahead_alpha": 0.3, "weight_average": 0.9,
}  # fmt: skip


@whole_rule(by_layer=True)
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
    given = {name: VALUES[name] for stage in stages if stage in STAGES for name in STAGES[stage].defaults}
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

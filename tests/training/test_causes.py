from __future__ import annotations

import math

import numpy as np
import pytest

from ravine.formulas.elementwise import rule
from ravine.networks import forward
from ravine.spec import ResolvedRun
from ravine.storage.record import DeadNetwork, NonFinite
from ravine.storage.store import RunStore
from ravine.training import Given, epoch_order, start_weights
from ravine.training.causes import non_finite
from ravine.training.loop import engine_of
from training_cases import small_run, train_small

DEEP = (64, 12, 8, 10)


@pytest.fixture
def small(arrays):
    return arrays


def first_bad_step(data, run: ResolvedRun) -> int:
    """Step by step, find the first batch whose loss is not finite."""
    engine = engine_of(run, start_weights(run.spec))
    for epoch in range(run.spec.epochs):
        order = epoch_order(run.spec.seed, epoch, 230)
        for first in range(0, 230, run.spec.batch_size):
            batch = order[first : first + run.spec.batch_size]
            if engine.train(data.train, batch, 0, len(batch), {"lr": run.spec.lr}).steps == 0:
                return engine.steps + 1
    raise AssertionError("the run does not diverge")


@pytest.mark.parametrize("engine", ["reference", "fused"])
def test_a_run_that_overflows_stops_at_the_first_bad_step(small, runs, engine):
    run = small_run(layers=DEEP, lr=100.0, engine=engine, activation="leaky-relu")
    stored = train_small(small, runs, layers=DEEP, lr=100.0, engine=engine, activation="leaky-relu")
    cause = stored.result.cause
    assert stored.result.status == "diverged"
    assert isinstance(cause, NonFinite)
    assert cause.step == first_bad_step(small, run)
    assert cause.epoch == math.ceil(cause.step / 12)
    assert len(stored.result.history) == cause.epoch - 1
    assert stored.result.train_loss is None
    assert str(cause.step) in cause.message
    assert "\n" not in cause.message
    # The layer that is named is the first that spoils anything, on the batch that failed.
    weights = stored.weights()
    batch = epoch_order(0, cause.epoch - 1, 230)[(cause.step - 1) % 12 * 20 :][:20]
    trace = forward(run.network, weights, (small.train.features[batch] / np.float32(255)).astype(weights.dtype))
    outputs = [*trace.activations[1:], trace.logits]
    spoilt = [not np.isfinite(z).all() for z in outputs]
    assert cause.layer == spoilt.index(True) + 1
    finite = np.isfinite(run.network.layout.views(weights)[cause.layer - 1]).all()
    assert cause.where == ("outputs" if finite else "weights")


@pytest.mark.parametrize("layer", [1, 2, 3])
@pytest.mark.parametrize(("value", "where"), [(np.inf, "weights"), (np.nan, "weights"), (1e308, "outputs")])
def test_the_layer_where_it_began(small, layer, value, where):
    network = small_run(layers=DEEP).network
    weights = np.abs(start_weights(small_run(layers=DEEP).spec))
    network.layout.views(weights)[layer - 1][:] = value
    cause = non_finite(network, weights, small.train, np.arange(20), 2, 15)
    assert (cause.layer, cause.where, cause.epoch, cause.step) == (layer, where, 2, 15)
    assert f"step 15 (epoch 2): {'weights of ' if where == 'weights' else ''}layer {layer} (" in cause.message


@rule
def spoils(g, *, lr):
    """Makes every weight nan at its first step."""
    return lr * g * np.nan


def test_weights_that_the_last_step_spoilt_are_a_cause_too(small, runs):
    stored = train_small(small, runs, optimizer=spoils, lr=0.1, batch_size=230, epochs=1)
    cause = stored.result.cause
    assert stored.result.status == "diverged"
    assert isinstance(cause, NonFinite)
    assert (cause.epoch, cause.step, cause.layer, cause.where) == (1, 1, 1, "weights")
    line = spoils.function.__code__.co_firstlineno + 3
    assert cause.message == (
        "Weights of layer 1 (64 to 12) became nan at step 1 (epoch 1). "
        f"{__file__}:{line}: nan is nan at step 1. Write a finite number."
    )


def test_a_naive_softmax_overflows_where_the_layers_do_not(small, runs):
    weights = np.abs(start_weights(small_run().spec)) * 100
    cause = train_small(small, runs, Given(weights=weights), softmax="naive", dtype="float64").result.cause
    assert isinstance(cause, NonFinite)
    assert (cause.where, cause.step, cause.layer) == ("softmax", 1, 3)
    assert "naive softmax" in cause.message


@pytest.mark.parametrize("engine", ["reference", "fused"])
@pytest.mark.parametrize("dead", [1, 2])
def test_a_dead_network_names_its_layer_and_the_loss_ln_k(small, runs, engine, dead):
    run = small_run(layers=DEEP)
    weights = np.abs(start_weights(run.spec))
    run.network.layout.views(weights)[dead - 1][:] *= -1
    result = train_small(small, runs, Given(weights=weights), layers=DEEP, engine=engine, epochs=9).result
    assert result.status == "diverged"
    assert isinstance(result.cause, DeadNetwork)
    assert (result.cause.layer, result.cause.epoch, result.cause.logits_equal) == (dead, 1, True)
    assert result.cause.loss == pytest.approx(math.log(10), rel=1e-6)
    assert f"Hidden layer {dead} of 2" in result.cause.message
    assert "ln 10 = 2.3026" in result.cause.message
    assert [record.epoch for record in result.history] == [1]  # it stops at once
    assert result.test_loss == pytest.approx(math.log(10), rel=1e-6)
    assert result.test_accuracy == (small.test.targets == 0).mean()


def test_with_biases_a_dead_network_s_logits_may_differ(small, runs):
    run = small_run(bias=True)
    weights = start_weights(run.spec)
    first, second = run.network.layout.views(weights)
    first[:] = -1
    second[-1] = np.arange(10)
    cause = train_small(small, runs, Given(weights=weights), bias=True, lr=1e-9).result.cause
    assert isinstance(cause, DeadNetwork)
    assert cause.logits_equal is False
    assert cause.loss > math.log(10)
    assert "ln 10" not in cause.message


def test_one_live_unit_is_life(small, runs):
    run = small_run()
    weights = -np.abs(start_weights(run.spec))
    run.network.layout.views(weights)[0][:, 5] *= -1
    assert train_small(small, runs, Given(weights=weights)).result.status == "done"


@pytest.mark.parametrize("activation", ["leaky-relu", "sigmoid", "tanh"])
def test_only_relu_dies(small, runs, activation):
    weights = -np.abs(start_weights(small_run().spec))
    given = Given(weights=weights)
    assert train_small(small, runs, given, activation=activation).result.status == "done"


@pytest.mark.parametrize("activation", ["leaky-relu", "tanh"])
def test_outputs_that_are_all_zero_do_not_stop_the_gradient_of_other_activations(small, runs, activation):
    weights = start_weights(small_run().spec)
    weights[: 64 * 12] = 0
    result = train_small(small, runs, Given(weights=weights), activation=activation, lr=0.0).result
    assert result.status == "done"


def test_a_diverged_run_is_stored_and_can_be_read(small, runs):
    stored = train_small(small, runs, layers=DEEP, lr=1e30)
    again = RunStore(runs).load(stored.result.id)
    assert again is not None
    assert again.result == stored.result
    assert again.result.cause is not None
    assert not list(runs.glob("*.partial"))

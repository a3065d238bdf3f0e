"""Runs with matrix optimizers."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer_cases import MATRIX
from ravine.conformance import findings_of
from ravine.data import Split, scaled
from ravine.engines import make_engine
from ravine.errors import ConfigError
from ravine.formulas.layers import flattened
from ravine.formulas.matrix import matrix_rule
from ravine.networks import Network, gradient
from ravine.optimizers.sgd import sgd
from ravine.storage.checkpoint import Position, load_checkpoint, save_checkpoint
from ravine.storage.record import NonFinite, Seconds
from ravine.storage.store import RunStore
from ravine.training import epoch_order, loop, start_weights, train
from training_cases import assert_same_run, interrupt_at, small_run, train_small

SETTINGS = {"lbfgs": {"batch_size": 230, "epochs": 8}, "soap": {"lr": 0.01}, "sophia": {"lr": 0.01}}


COUNTED = [0]


@pytest.fixture
def small(arrays):
    return arrays


@matrix_rule
def counts(gradients, weights, state, t, *, lr=0.1):
    """Changes a value of its module."""
    COUNTED[0] += 1
    return [lr * g for g in gradients], {}


def test_a_rule_that_changes_a_value_outside_its_state_is_refused(small, tmp_path):
    with pytest.raises(ConfigError, match="counts changed a value outside its state"):
        train_small(small, tmp_path, optimizer=counts)
    assert RunStore(tmp_path).ids() == []
    assert list(tmp_path.glob("*.partial")) == []
    findings = {finding.check: finding for finding in findings_of(counts, speed=False)}
    assert findings["inputs"].detail == "it changes a value of its module"


@pytest.mark.parametrize("optimizer", MATRIX)
@pytest.mark.parametrize("bias", [False, True])
def test_every_one_learns(small, tmp_path, optimizer, bias):
    settings = {"epochs": 12, **SETTINGS.get(optimizer, {})}
    result = train_small(small, tmp_path, optimizer=optimizer, bias=bias, **settings).result
    assert result.status == "done"
    assert result.spec.engine == "reference"
    assert result.history[-1].train_loss < 0.5 * result.history[0].train_loss


@pytest.mark.parametrize("optimizer", MATRIX)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_interrupted_and_resumed_gives_the_same_bits(small, tmp_path, monkeypatch, optimizer, dtype):
    monkeypatch.setattr(loop, "_CHUNK_SECONDS", 0.0)
    settings = {"optimizer": optimizer, "dtype": dtype, "bias": True, "batch_size": 60}
    undisturbed = train_small(small, tmp_path / "undisturbed", **settings)
    run = small_run(**settings)
    for progress in (1, 2, 4, 7):
        store = RunStore(tmp_path / f"at {progress}")
        interrupt_at(run, small, store, progress)
        outcome = train(run, small, store)
        assert_same_run(outcome.stored, undisturbed)


@pytest.mark.parametrize("optimizer", MATRIX)
def test_in_long_double_too(small, tmp_path, monkeypatch, optimizer):
    monkeypatch.setattr(loop, "_CHUNK_SECONDS", 0.0)
    settings = {"optimizer": optimizer, "dtype": "longdouble", "batch_size": 60}
    undisturbed = train_small(small, tmp_path / "undisturbed", **settings).weights()
    run, store = small_run(**settings), RunStore(tmp_path / "disturbed")
    interrupt_at(run, small, store, 3)
    again = train(run, small, store).stored.weights()
    # Bytes that fill up a long double may differ where the number does not.
    assert again.dtype == undisturbed.dtype == np.longdouble
    assert np.array_equal(again, undisturbed)


@pytest.mark.parametrize("optimizer", ["muon", "shampoo", "soap", "prodigy"])
def test_one_that_leaves_the_finite_numbers_is_a_result(small, tmp_path, optimizer):
    result = train_small(small, tmp_path, optimizer=optimizer, lr=1e30).result
    assert result.status == "diverged"
    assert isinstance(result.cause, NonFinite)


@matrix_rule()
def plain(gradients, weights, state, t, *, lr):
    """Plain gradient descent."""
    assert [g.shape for g in gradients] == [w.shape for w in weights] == [(64, 12), (12,), (12, 10), (10,)]
    assert t == 1 or state["t"] == t - 1
    return [lr * g for g in gradients], {"t": np.array(t)}


@matrix_rule()
def watchful(gradients, weights, state, t, loss, *, lr):
    """Plain gradient descent that compares the loss with what it was given."""
    value, same = loss(weights)
    assert flattened(same).tobytes() == flattened(gradients).tobytes()
    elsewhere, other = loss([w + 0.5 for w in weights])
    assert elsewhere != value
    assert flattened(other).tobytes() != flattened(same).tobytes()
    return [lr * g for g in gradients], {"value": np.append(state.get("value", []), value)}


def engine_of(name, run, rule):
    return make_engine(name, run.network, rule, start_weights(run.spec), "float64", 20)


@pytest.mark.parametrize("rule", [plain, watchful])
def test_matrices_and_biases_are_given_and_put_back_in_their_places(small, rule):
    run = small_run(bias=True)
    engines = [engine_of("reference", run, each) for each in (rule, sgd)]
    for engine in engines:
        engine.train(small.train, epoch_order(0, 0, 230), 0, 100, {"lr": 0.1})
    assert engines[0].weights.tobytes() == engines[1].weights.tobytes()


def test_a_number_in_the_state_comes_back_from_a_checkpoint(small, tmp_path):
    run = small_run(bias=True)
    engines = [engine_of("reference", run, plain) for _ in range(2)]
    engines[0].train(small.train, epoch_order(0, 0, 230), 0, 100, {"lr": 0.1})
    position = Position(0, 100, 0.0, 0.0, [], Seconds())
    save_checkpoint(tmp_path / "checkpoint", engines[0].state(), position)
    engines[1].restore(load_checkpoint(tmp_path / "checkpoint")[0])
    engines[1].train(small.train, epoch_order(0, 0, 230), 100, 200, {"lr": 0.1})
    assert engines[1].state()["slot.t"].tolist() == [10]


@pytest.mark.parametrize("name", ["fused", "reference"])
def test_the_loss_is_that_of_the_batch(small, name):
    run, order = small_run(bias=True), epoch_order(0, 0, 230)
    engine = engine_of(name, run, watchful)
    taken = [engine.train(small.train, order, first, first + 20, {"lr": 0.1}) for first in range(0, 100, 20)]
    means = [each.loss_sum / 20 for each in taken]
    np.testing.assert_allclose(engine.state()["slot.value"], means, rtol=1e-14)


def test_a_large_batch_is_taken_in_parts():
    rng = np.random.default_rng(0)
    data = Split(rng.integers(0, 256, (4500, 6)).astype(np.uint8), rng.integers(0, 3, 4500).astype(np.uint8))
    network, weights = Network((6, 5, 3), bias=True), rng.normal(size=53)
    engine = make_engine("reference", network, sgd, weights, "float64", 4500)
    taken = engine.train(data, np.arange(4500), 0, 4500, {"lr": 1.0})
    losses, g = gradient(network, weights, scaled(data.features, np.dtype("float64")), data.targets)
    assert taken.loss_sum == pytest.approx(losses.sum(), rel=1e-13)
    np.testing.assert_allclose(engine.weights, weights - g, rtol=1e-12)


@matrix_rule(start={"m": 2.0})
def forgetful(gradients, weights, state, t, *, lr=0.01):
    """Returns no state: only the first step, which has the start, is twice as long."""
    factors = state.values() if t == 1 else [1.0] * len(gradients)
    assert len(state) == (len(gradients) if t == 1 else 0)
    return [lr * m * g for m, g in zip(factors, gradients, strict=True)], {}


def test_a_start_is_that_of_the_first_step_whether_a_run_was_stopped_or_not(small, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "_CHUNK_SECONDS", 0.0)
    run, store = small_run(forgetful, batch_size=60), RunStore(tmp_path / "disturbed")
    interrupt_at(run, small, store, 3)
    undisturbed = train_small(small, tmp_path / "undisturbed", optimizer=forgetful, batch_size=60)
    assert_same_run(train(run, small, store).stored, undisturbed)


def mean(weights, state, t):
    return weights if t == 0 else [state[f"sum.{k}"] / t for k in range(len(weights))]


@matrix_rule(start={"sum": 0.0}, evaluated=mean)
def averaged(gradients, weights, state, t, *, lr=0.1):
    """Plain gradient descent whose mean is evaluated."""
    steps = [lr * g for g in gradients]
    after = [w - step for w, step in zip(weights, steps, strict=True)]
    return steps, {f"sum.{k}": state[f"sum.{k}"] + w for k, w in enumerate(after)}


@pytest.mark.parametrize("name", ["fused", "reference"])
@pytest.mark.parametrize("bias", [False, True])
def test_the_mean_of_the_weights_is_stored_and_evaluated(small, tmp_path, name, bias):
    settings = {"engine": name, "bias": bias, "dtype": "float64", "batch_size": 230}
    ends = [train_small(small, tmp_path / str(count), epochs=count, **settings).weights() for count in range(1, 4)]
    stored = train_small(small, tmp_path, optimizer=averaged, **settings)
    np.testing.assert_allclose(stored.weights(), np.mean(ends, axis=0), rtol=1e-10, atol=1e-13)
    run = small_run(averaged, **settings)
    engine = engine_of(name, run, averaged)
    assert engine.evaluated_weights({"lr": 0.1}).tobytes() == start_weights(run.spec).tobytes()


def falls_short(weights, state, t):
    return weights[1:]


@matrix_rule(evaluated=falls_short)
def misshapen(gradients, weights, state, t, *, lr=0.1):
    """Evaluates fewer weights than there are."""
    return [lr * g for g in gradients], {"t": np.array(t)}


def test_weights_that_are_evaluated_must_have_the_shapes_of_the_weights(small, tmp_path):
    with pytest.raises(ConfigError, match="the evaluated form of rule misshapen returns 1 array for 2 arrays of"):
        train_small(small, tmp_path, optimizer=misshapen)

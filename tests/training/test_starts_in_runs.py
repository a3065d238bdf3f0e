"""Slots that start where they are declared to, in whole runs; plain NumPy says where the weights go."""

from __future__ import annotations

import numpy as np
import pytest

from ravine.errors import ConfigError
from ravine.formulas.elementwise import rule
from ravine.formulas.matrix import matrix_rule
from ravine.networks import gradient
from ravine.storage.checkpoint import load_checkpoint
from ravine.storage.store import RunStore
from ravine.training import epoch_order, loop, start_weights, train
from training_cases import assert_same_run, interrupt_at, small_run, train_small


@pytest.fixture
def small(arrays):
    return arrays


def first_weights(w):
    return w


def least(*, floor):
    return floor**2


@rule(start={"anchor": first_weights, "v": least, "u": 0.25})
def anchored(g, anchor, v, u, w, *, lr=0.05, floor=0.5, pull=0.1):
    """Is pulled to where it began, and is slower where gradients were large."""
    v = v + g * g
    return lr * (g + pull * (w - anchor)) / np.sqrt(v) + lr * u * g, anchor, v, 0.5 * u


def by_hand(small, run, factors=(1.0, 1.0)):
    """Train by `anchored`, with factors of floor by layer, in float64."""
    spec, network = run.spec, run.network
    w = start_weights(spec)
    floor = np.repeat(0.5 * np.array(factors), [matrix.size for matrix in network.layout.views(w)])
    anchor, v, u = w.copy(), floor**2, 0.25
    images = small.train.features / 255
    for epoch in range(spec.epochs):
        order = epoch_order(spec.seed, epoch, 230)
        for batch in (order[k : k + spec.batch_size] for k in range(0, 230, spec.batch_size)):
            _, g = gradient(network, w, images[batch], small.train.targets[batch])
            v = v + g * g
            w, u = w - 0.05 * (g + 0.1 * (w - anchor)) / np.sqrt(v) - 0.05 * u * g, 0.5 * u
    return w


@pytest.mark.parametrize("engine", ["reference", "fused"])
@pytest.mark.parametrize("factors", [(1.0, 1.0), (1.0, 3.0)])
def test_weights_after_three_epochs(small, runs, engine, factors):
    settings = {"engine": engine, "dtype": "float64", "per_layer": {"floor": factors}}
    stored = train_small(small, runs, optimizer=anchored, **settings)
    wanted = by_hand(small, small_run(anchored, **settings), factors)
    np.testing.assert_allclose(stored.weights(), wanted, rtol=1e-9, atol=1e-11)


@matrix_rule(start=lambda weights, *, floor: {f"v.{k}": np.full_like(w, floor) for k, w in enumerate(weights)},
             by_layer=True)  # fmt: skip
def matrices(gradients, weights, state, t, *, lr=0.05, floor=0.5):
    kept = {f"v.{k}": state[f"v.{k}"] + g * g for k, g in enumerate(gradients)}
    return [lr * g / np.sqrt(v) for g, v in zip(gradients, kept.values(), strict=True)], kept


@rule(start={"v": lambda *, floor: floor})
def elements(g, v, *, lr=0.05, floor=0.5):
    v = v + g * g
    return lr * g / np.sqrt(v), v


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("factors", [(1.0, 1.0), (1.0, 3.0)])
def test_a_matrix_optimizer_starts_as_the_same_formula_does(small, runs, bias, factors):
    settings = {"dtype": "float64", "bias": bias, "per_layer": {"floor": factors}}
    one, other = (train_small(small, runs, optimizer=each, **settings) for each in (matrices, elements))
    np.testing.assert_allclose(one.weights(), other.weights(), rtol=1e-12)
    assert one.result.id != other.result.id


@pytest.mark.parametrize("optimizer", [anchored, matrices])
@pytest.mark.parametrize("engine", ["reference", "fused"])
def test_a_run_that_was_stopped_goes_on_with_the_same_slots(small, tmp_path, monkeypatch, optimizer, engine):
    monkeypatch.setattr(loop, "_CHUNK_SECONDS", 0.0)
    settings = {"optimizer": optimizer, "engine": engine, "batch_size": 60}
    undisturbed = train_small(small, tmp_path / "undisturbed", **settings)
    for progress in (1, 2, 5):
        store = RunStore(tmp_path / f"at {progress}")
        interrupt_at(small_run(**settings), small, store, progress)
        assert_same_run(train(small_run(**settings), small, store).stored, undisturbed)


@pytest.mark.parametrize("optimizer", [anchored, matrices])
@pytest.mark.parametrize("engine", ["reference", "fused"])
def test_an_engine_goes_on_from_before_the_first_step(small, optimizer, engine):
    run = small_run(optimizer, engine=engine)
    hyper = {**run.spec.hyperparameters, "lr": run.spec.lr}
    plain, restored = (loop.engine_of(run, start_weights(run.spec)) for _ in range(2))
    restored.restore(loop.engine_of(run, start_weights(run.spec)).state())
    assert not [name for name in restored.state() if name.startswith("slot.")]
    for each in (plain, restored):
        each.train(small.train, epoch_order(0, 0, 230), 0, 60, hyper)
        each.settle(hyper)
    one, other = plain.state(), restored.state()
    assert {name: value.tobytes() for name, value in one.items()} == {n: v.tobytes() for n, v in other.items()}


def once(weights):
    return {"push": np.full(3, 0.5)}


def shown(weights, state, t):
    return [w + state["push"][0] if "push" in state else w for w in weights]


@matrix_rule(start=once, evaluated=shown)
def pushed_once(gradients, weights, state, t, *, lr=0.05):
    push = state["push"][0] if "push" in state else 0.0
    return [lr * (g + push) for g in gradients], {}


def test_a_start_holds_for_the_first_step_alone(small):
    run = small_run(pushed_once, dtype="float64")
    begun, taken = (loop.engine_of(run, start_weights(run.spec)) for _ in range(2))
    weights, images = start_weights(run.spec), small.train.features[:40] / 255
    assert begun.evaluated_weights({"lr": 0.05}).tolist() == (weights + 0.5).tolist()
    taken.train(small.train, np.arange(40), 0, 40, {"lr": 0.05}, batch_size=20)
    for k, push in ((0, 0.5), (20, 0.0)):
        _, g = gradient(run.network, weights, images[k : k + 20], small.train.targets[k : k + 20])
        weights = weights - 0.05 * (g + push)
    np.testing.assert_allclose(taken.evaluated_weights({"lr": 0.05}), weights, rtol=1e-12, atol=1e-14)


def test_a_run_whose_state_is_empty_goes_on_without_its_start(small, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "_CHUNK_SECONDS", 0.0)
    undisturbed = train_small(small, tmp_path / "undisturbed", optimizer=pushed_once, batch_size=60)
    for progress in (1, 4):
        store = RunStore(tmp_path / f"at {progress}")
        interrupt_at(small_run(pushed_once, batch_size=60), small, store, progress)
        resumed = train(small_run(pushed_once, batch_size=60), small, store)
        assert_same_run(resumed.stored, undisturbed)


def test_a_checkpoint_holds_each_slot_by_name_and_array(small, runs, monkeypatch):
    monkeypatch.setattr(loop, "_CHUNK_SECONDS", 0.0)
    run, store = small_run(anchored, engine="fused", bias=True), RunStore(runs)
    interrupt_at(run, small, store, 2)
    state, _ = load_checkpoint(runs / f"{run.id}.partial" / "checkpoint.safetensors")
    slots = {name for name in state if name.startswith("slot.")}
    assert slots == {f"slot.{slot}.{k}" for slot in ("anchor", "v", "u") for k in range(4)}
    weights = run.network.layout.tensors(start_weights(run.spec))
    for k, w in enumerate(weights):
        assert state[f"slot.anchor.{k}"].reshape(w.shape).tolist() == w.astype(np.float32).tolist()


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (lambda weights: None, "the start form of rule plain returns NoneType in place of the state; it must return"),
        (lambda weights: {"m": "none"}, "the start form of rule plain returns a state whose m is no array of numbers"),
        (lambda weights: {3: weights[0]}, "returns a state with the name 3, which is no string"),
        (lambda weights: {"m": weights[9]}, "rule plain fails with IndexError: list index out of range"),
    ],
)
def test_a_start_of_matrices_that_is_no_state_is_told_in_one_sentence(small, runs, start, words):
    @matrix_rule(start=start)
    def plain(gradients, weights, state, t, *, lr=0.1):
        return [lr * g for g in gradients], state

    with pytest.raises(ConfigError, match=words) as refusal:
        train_small(small, runs, optimizer=plain)
    assert "\n" not in str(refusal.value)
    assert RunStore(runs).ids() == []


def of_two(w):
    return w[:2]


def of_text(w):
    return "none"


def of_nothing(w):
    pass


def of_roots(w):
    return np.sqrt(w + 0j)


def of_a_mistake(*, lr):
    return [lr][3]


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (of_two, r"rule plain: the start of v has shape \(2,\) for weights of shape \(768,\)"),
        (of_text, "rule plain: the start of v is 'none', which is no number"),
        (of_nothing, "rule plain: the start of v is None, which is no number"),
        (of_roots, "rule plain: the start of v has complex numbers; weights are real"),
        (of_a_mistake, r"test_starts_in_runs\.py:\d+: rule plain fails with IndexError: list index out of range"),
    ],
)
@pytest.mark.parametrize("engine", ["reference", "fused"])
def test_a_start_of_a_slot_that_is_no_number_a_weight_is_told_in_one_sentence(small, runs, start, words, engine):
    @rule(start={"v": start})
    def plain(g, v, *, lr=0.1):
        return lr * g, v

    with pytest.raises(ConfigError, match=words) as refusal:
        train_small(small, runs, optimizer=plain, engine=engine)
    assert "\n" not in str(refusal.value)

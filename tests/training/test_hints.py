"""What a run says at its end if it did not learn: each cause is planted, and each remedy is tried."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

import ravine
from ravine.data import load
from ravine.formulas.elementwise import rule
from ravine.formulas.matrix import matrix_rule
from ravine.formulas.shelves import OPTIMIZERS
from ravine.networks import Layout, gradient, losses
from ravine.storage.record import Epoch
from ravine.storage.store import RunStore
from ravine.training import Given, loop, start_weights, train
from ravine.training.facts import first_step, look
from ravine.training.learned import near_chance, went_back
from ravine.training.run import Run
from training_cases import Recorder, assert_same_run, interrupt_at, small_run, train_small


@pytest.fixture
def small(arrays):
    return arrays


@rule
def uphill(g, *, lr=0.05):
    """Goes up the gradient."""
    return -lr * g


@rule
def adaptive_uphill(g, v, *, lr=0.05, eps=1e-8):
    """Goes up the gradient, each weight by its own measure."""
    v = v + g * g
    return -lr * g / (np.sqrt(v) + eps), v


@rule
def late_uphill(g, v, *, lr=0.05):
    """Takes the step of the batch before, upwards: the first one is 0."""
    return -lr * v, g


@matrix_rule()
def matrix_uphill(gradients, weights, state, t, *, lr=0.05):
    """Goes up the gradient, matrix by matrix."""
    return [-lr * g for g in gradients], {}


@rule
def stays(g, *, lr=0.05):
    """Takes no step."""
    return 0 * lr * g


@rule
def divides_by_zero(g, t, *, lr=0.05):
    """Corrects a bias that the first step has not got."""
    return lr * g / (t - 1)


def hint_of(small, runs, given=Given(), **changes):  # noqa: B008
    """Train 138 steps or more and return the hint."""
    run = loop.with_given(small_run(**{"batch_size": 5, **changes}), given)
    return train(run, small, RunStore(runs), given=given).result.hint


def proposed(hint: str) -> float:
    """Return the learning rate that a hint tells the user to try."""
    return float(re.search(r"try (?:lr )?([\d.e+-]+\d)", hint)[1])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_at_its_defaults_learns_and_nothing_is_said(small, runs, name):
    optimizer = OPTIMIZERS[name]
    size = 230 if optimizer.full_batch else 5
    lr = {"lr": 0.01} if optimizer.defaults["lr"] is None else {}
    stored = train_small(small, runs, optimizer=name, batch_size=size, epochs=10, **lr)
    assert stored.result.hint is None
    assert stored.result.test_accuracy > 0.4


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "leaky-relu"])
def test_nothing_is_said_of_a_healthy_network_of_another_kind(small, runs, activation):
    assert hint_of(small, runs, activation=activation, lr=0.3, epochs=20) is None


def test_a_run_that_learned_pays_for_no_closer_look(small, runs, monkeypatch):
    monkeypatch.setattr(loop._Trainer, "_facts", None)  # would fail if it were called
    assert hint_of(small, runs, epochs=5) is None
    with pytest.raises(TypeError):
        hint_of(small, runs, lr=1e-7)


@pytest.mark.parametrize("climber", [uphill, adaptive_uphill, late_uphill, matrix_uphill])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("engine", ["reference", "fused"])
def test_an_optimizer_with_the_wrong_sign(small, runs, climber, activation, engine):
    stored = train_small(small, runs, optimizer=climber, activation=activation, engine=engine, epochs=5)
    assert stored.result.hint.endswith(
        "The optimizer's first step goes up the gradient, not down; is the sign of what it returns right?"
    )
    if stored.result.status == "done":
        seen = r"It (did not learn: test accuracy|ended worse than it began: the loss of the same 200 training samples)"
        assert re.match(seen, stored.result.hint)


@pytest.mark.parametrize(("optimizer", "lr"), [("sgd", 3e-6), ("adam", 4e-8), ("signsgd", 1e-8)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_rate_that_is_far_too_small_and_the_one_that_is_proposed(small, runs, optimizer, lr, dtype):
    hint = hint_of(small, runs, optimizer=optimizer, lr=lr, dtype=dtype)
    assert re.match(r"It did not learn: test accuracy [\d.]+ %, and always answering the commonest class gives", hint)
    assert "138 steps moved the weights by only" in hint
    assert proposed(hint) > 100 * lr
    assert hint_of(small, runs, optimizer=optimizer, lr=proposed(hint), dtype=dtype, epochs=10) is None


def test_a_rate_is_proposed_by_how_far_a_loss_with_smoothed_labels_can_fall(small, runs):
    hint = hint_of(small, runs, lr=3e-6, label_smoothing=0.5)
    assert "lr is too small; try 0.3." in hint  # of the whole loss the fall is a smaller share, for which 3 were tried
    assert hint_of(small, runs, lr=0.3, label_smoothing=0.5, epochs=10) is None


def test_a_run_with_smoothed_labels_that_learned_pays_for_no_closer_look(small, runs, monkeypatch):
    monkeypatch.setattr(loop._Trainer, "_facts", None)  # would fail if it were called
    assert hint_of(small, runs, epochs=8, label_smoothing=0.2) is None


@pytest.mark.parametrize("engine", ["reference", "fused"])
def test_steps_that_round_off_swallows(small, runs, engine):
    hint = hint_of(small, runs, lr=2e-13, engine=engine)
    assert hint.startswith("No weight moved. The steps are lost in the round-off of float32: lr is too small; try ")
    assert hint_of(small, runs, lr=proposed(hint), epochs=20) is None


@pytest.mark.parametrize(
    ("settings", "lr", "seen"),
    [
        ({"activation": "tanh"}, 700.0, "It "),
        ({"activation": "sigmoid"}, 4000.0, "It "),
        ({"activation": "leaky-relu"}, 500.0, ""),
        ({"optimizer": "adam"}, 30.0, ""),
    ],
)
def test_a_rate_that_is_far_too_large_and_the_one_that_is_proposed(small, runs, settings, lr, seen):
    hint = hint_of(small, runs, lr=lr, **settings)
    assert hint.startswith(seen)
    assert "The steps are too large, it seems: try lr " in hint
    assert proposed(hint) < lr / 50
    assert hint_of(small, runs, lr=proposed(hint), epochs=20, **settings) is None


@pytest.mark.parametrize(
    ("settings", "images", "cause"),
    [
        ({"optimizer": "momentum", "lr": 0.1, "batch_size": 10, "seed": 1}, 15_000, "dead_network"),
        ({"optimizer": "momentum", "lr": 0.1, "batch_size": 1, "seed": 1}, 15_000, "non_finite"),
        ({"optimizer": "sgd", "lr": 0.1, "batch_size": 1, "seed": 2}, 60_000, "dead_network"),  # later
    ],
)
def test_both_remedies_for_what_diverges_in_the_paper_train(runs, settings, images, cause):
    order = np.random.default_rng(0).permutation(60_000)[:images]
    settings = {**settings, "order": order, "epochs": 1, "out": runs}
    run = ravine.train(**settings)
    assert run.status == "diverged"
    assert type(run.cause).__struct_config__.tag == cause
    batch = int(re.search(r"or batches of (\d+)\.$", run.hint)[1])
    for remedy in ({"lr": proposed(run.hint)}, {"batch_size": batch}):
        mended = ravine.train(**{**settings, **remedy})
        assert (mended.status, mended.hint) == ("done", None)
        assert mended.test_accuracy > 0.9


def test_many_sigmoid_layers_and_what_is_proposed(small, runs):
    deep = (64, *[12] * 5, 10)
    hint = hint_of(small, runs, layers=deep, activation="sigmoid", epochs=10)
    assert "fades on its way" in hint
    assert hint.endswith("Try relu or tanh in place of sigmoid, or far fewer hidden layers.")
    assert hint_of(small, runs, layers=deep, activation="tanh", epochs=20) is None
    assert hint_of(small, runs, layers=(64, 12, 10), activation="sigmoid", lr=0.5, epochs=20) is None


@pytest.mark.parametrize("scale", [1e-3, 1e-9])  # with the smaller one no weight of a float32 run moves
def test_initial_weights_that_are_too_small(small, runs, scale):
    deep = (64, *[8] * 8, 10)
    weights = np.random.default_rng(3).normal(0, scale, Layout(deep).size)
    hint = hint_of(small, runs, Given(weights=weights), layers=deep, activation="tanh")
    assert "The signal fades on its way" in hint
    assert hint.endswith("Give larger initial weights.")


def test_a_deep_relu_network_is_told_of_its_initializer(small, runs):
    deep = (64, *[12] * 25, 10)
    hint = hint_of(small, runs, layers=deep, init="lecun-normal", lr=0.01)
    assert "fades on its way" in hint
    assert hint.endswith("Try init he-normal, or far fewer hidden layers.")
    assert "init he-normal" not in str(hint_of(small, runs, layers=deep, init="he-normal", lr=1e-8))


def test_initial_weights_that_are_too_large(small, runs):
    weights = np.random.default_rng(3).normal(0, 50, Layout((64, 12, 10)).size)
    hint = hint_of(small, runs, Given(weights=weights), activation="sigmoid", lr=1e-4)
    assert re.search(r"At the initial weights [\d.]+ % of the outputs of hidden layer 1 are saturated", hint)
    hint = hint_of(small, runs, Given(weights=weights * 1e3), softmax="naive")
    assert hint == (
        "The initial weights are too large, for no step was taken yet; give smaller ones, or take the shifted softmax."
    )


def test_a_layer_that_was_dead_before_the_first_step_is_not_the_rate_s_fault(small, runs):
    weights = start_weights(small_run().spec)
    weights[: 64 * 12] = -np.abs(weights[: 64 * 12])
    assert hint_of(small, runs, Given(weights=weights)) == (
        "That layer is dead at the initial weights already; give other ones."
    )


@pytest.mark.parametrize(
    ("settings", "given", "why"),
    [
        ({"lr": 0.0}, None, "lr is 0; give a larger one."),
        ({"optimizer": stays}, None, "The optimizer's steps are 0 though the gradient is not; look at"),
        ({"activation": "tanh"}, np.zeros(888), "The gradient at the initial weights is 0 in every layer; draw"),
    ],
)
def test_weights_that_do_not_move(small, runs, settings, given, why):
    assert hint_of(small, runs, Given(weights=given), **settings).startswith(f"No weight moved. {why}")


def test_weights_that_are_good_already_and_do_not_move(small, runs):
    weights = train_small(small, runs, epochs=10).weights()
    assert hint_of(small, runs, Given(weights=weights), lr=0.0) == "No weight moved. lr is 0; give a larger one."
    assert hint_of(small, runs, Given(weights=weights), lr=0.01) is None


def test_good_weights_that_are_spoilt(small, runs):
    weights = train_small(small, runs, epochs=10).weights()
    hint = hint_of(small, runs, Given(weights=weights), lr=0.02, optimizer=uphill, epochs=1)
    assert hint.startswith("It ended worse than it began: the loss of the same 200 training samples rose from 0.")
    assert "goes up the gradient" in hint


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_an_optimizer_whose_first_step_is_not_finite(small, runs, activation):
    hint = hint_of(small, runs, optimizer=divides_by_zero, activation=activation, engine="fused")
    assert hint.startswith("The optimizer's first step is not finite though the gradient is; look in it for a division")


def test_weight_decay_that_leaves_nothing(small, runs):
    hint = hint_of(small, runs, activation="tanh", lr=0.1, hyperparameters={"weight_decay": 6.0})
    assert re.search(r"The weights shrank to less than 0\.001 of their size; lower weight_decay\.$", hint)


def test_labels_that_are_all_the_same(small, runs):
    order = np.flatnonzero(small.train.targets == 4)
    hint = hint_of(small, runs, Given(order=order), epochs=20)
    assert "All training samples are of class e: there is nothing to tell apart." in hint


def test_a_class_that_drowns_the_others(small, runs):
    of_class = np.flatnonzero(small.train.targets == 6)
    order = np.random.default_rng(1).permutation([*np.tile(of_class, 10)[:190], *range(10)])
    hint = hint_of(small, runs, Given(order=order), lr=0.02)
    assert re.search(r"9\d % of the training samples are of class g; give each class its share", hint)


def test_an_order_that_is_sorted_by_class(runs):
    order = np.argsort(load("mnist").train.targets[:5000], kind="stable")
    settings = {"layers": (784, 24, 10), "epochs": 1, "out": runs, "engine": "reference"}
    hint = ravine.train(order=order, **settings).hint
    assert "The last training samples are nearly all of class 9, which pushes out the others; shuffle" in hint
    assert ravine.train(order=np.random.default_rng(0).permutation(order), **settings).hint is None


def test_too_few_steps_to_tell(small, runs):
    assert hint_of(small, runs, Given(order=np.arange(20)), epochs=1, lr=0.01).endswith(
        " 4 steps are few; train longer, or in smaller batches."
    )
    assert hint_of(small, runs, Given(order=np.arange(4)), epochs=1, lr=0.01, batch_size=1).endswith(
        " 4 steps are few; train longer."
    )
    assert hint_of(small, runs, epochs=1, lr=0.01, batch_size=230).endswith(
        " One step is few; train longer, or in smaller batches."
    )


def test_a_run_that_went_back(runs):
    settings = {"layers": (784, 24, 10), "order": np.arange(3000), "out": runs, "engine": "reference"}
    growing = {"lr": 0.05, "schedule": "exponential", "decay_factor": 6, "epochs": 4}
    hint = ravine.train(**growing, **settings).hint
    assert re.match(r"It was better before: test accuracy 8[\d.]+ % after epoch \d, [\d.]+ % at the end\. ", hint)
    assert re.search(r"The learning rate grew meanwhile from [\d.]+ to 10.8; keep it near the former\.$", hint)


def epoch_with(accuracy: float) -> Epoch:
    return Epoch(epoch=1, steps=1, lr=1, batch_size=1, train_loss=1, test_loss=1, test_accuracy=accuracy, seconds=0)


def test_what_counts_as_going_back():
    best = epoch_with(0.8)
    assert went_back([best, epoch_with(0.69)]) is best
    assert went_back([best, epoch_with(0.71)]) is None
    assert went_back([epoch_with(0.1), best]) is None
    assert went_back([]) is None


def test_chance_is_the_share_of_the_largest_class_and_not_one_in_k():
    assert near_chance(0.62, 0.6)
    assert not near_chance(0.62, 0.1)


def test_a_look_against_central_differences_and_counting(small):
    run = small_run(layers=(64, 9, 10), activation="relu")
    network, weights, samples = run.network, start_weights(run.spec), np.arange(50)
    seen = look(network, weights, small.train, samples)
    x = small.train.features[samples] / 255
    first, second = network.layout.views(weights)

    def at(second):
        z = np.maximum(x @ first, 0) @ second
        return np.log(np.exp(z).sum(axis=1)) - z[samples, small.train.targets[samples]]

    assert seen.losses == pytest.approx(at(second), rel=1e-12)
    slopes = np.zeros_like(second)
    for index in np.ndindex(second.shape):
        nudge = np.zeros_like(second)
        nudge[index] = 1e-6
        slopes[index] = (at(second + nudge) - at(second - nudge)).mean() / 2e-6
    assert seen.gradients[1] == pytest.approx(np.sqrt((slopes**2).sum()), rel=1e-6)
    assert seen.blocked == (pytest.approx((x @ first <= 0).mean()),)
    assert seen.spreads[0] == pytest.approx(np.mean([column.std() for column in x.T]))


def test_a_first_step_down_across_and_too_far(small):
    run = small_run()
    network, weights, batch = run.network, start_weights(run.spec), np.arange(30)
    _, g = gradient(network, weights, small.train.features[batch] / 255, small.train.targets[batch])
    across = np.random.default_rng(0).normal(size=len(g))
    across -= (across @ g) / (g @ g) * g
    for step, cosine in (
        (-0.1 * g, -1),
        (0.1 * g, 1),
        (across, 0),
        (g - across * np.sqrt(g @ g / (across @ across)), 0.5**0.5),
    ):
        seen = first_step(network, weights, weights + step, small.train, batch)
        assert seen.cosine == pytest.approx(cosine, abs=1e-6)
        assert seen.size == pytest.approx(np.sqrt((step @ step) / (weights @ weights)))
        assert seen.decades == 0
    far = first_step(network, weights, weights - 1e4 * g, small.train, batch).decades
    x, labels = small.train.features[batch] / 255, small.train.targets[batch]
    start, *after = (losses(network, weights - rate * g, x, labels).mean() for rate in (0, 1e4, 1e3, 100, 10, 1, 0.1))
    assert [loss < start for loss in after].index(True) == far > 1


@pytest.mark.parametrize("optimizer", [uphill, "sgd"])
@pytest.mark.parametrize("sitting", [1, 2])
def test_a_run_in_two_sittings_says_the_same(small, tmp_path, monkeypatch, optimizer, sitting):
    monkeypatch.setattr(loop, "_CHUNK_SECONDS", 0.0)
    run = small_run(optimizer=optimizer, lr=1e-5, activation="tanh")
    whole = train(run, small, RunStore(tmp_path / "whole")).stored
    store = RunStore(tmp_path / "parts")
    assert interrupt_at(run, small, store, progress=12 * sitting + 5).result.hint is None
    parts = train(run, small, store, watcher=Recorder()).stored
    assert whole.result.hint is not None
    assert_same_run(whole, parts)


def test_a_result_that_was_stored_without_a_hint_can_be_read(small, runs):
    stored = train_small(small, runs)
    path = stored.folder / "result.json"
    document = json.loads(path.read_text())
    assert document["result"].pop("hint", "missing") is None
    path.write_text(json.dumps(document))
    again = RunStore(runs).load(stored.result.id)
    assert again.result == stored.result
    assert Run(again).hint is None


@pytest.mark.parametrize("engine", ["reference", "fused"])
def test_real_digits_at_a_hopeless_rate(runs, engine):
    order = np.arange(3000)
    settings = {"layers": (784, 24, 10), "epochs": 1, "out": runs, "engine": engine, "order": order}
    run = ravine.train(lr=2e-9, **settings)
    chance = np.bincount(load("mnist").test.targets).max() / 10_000
    assert f"always answering the commonest class gives {100 * chance:.2f} %" in run.hint
    assert ravine.train(lr=0.1, **settings).hint is None


@pytest.mark.parametrize(
    ("batch_size", "rate", "proposed"), [(1, 20.0, ["or batches of 10"]), (20, 100.0, []), (100, 100.0, [])]
)
def test_a_larger_batch_is_proposed_only_where_its_gradient_is_less_noisy(small, runs, batch_size, rate, proposed):
    hint = hint_of(small, runs, optimizer="sgd", lr=rate, batch_size=batch_size)
    assert "The steps are too large" in hint
    assert re.findall("or batches of [0-9]+", hint) == proposed


def test_rare_classes_in_a_shuffled_order_are_not_sorted(tmp_path):
    x = np.random.default_rng(8).normal(size=(400, 4))
    ninth, third, rare = ((np.arange(400) % k == 0).astype(int) for k in (9, 3, 20))
    settings = {"layers": (4, 6, 2), "engine": "reference", "out": tmp_path}
    for seed in range(6):
        run = ravine.train(data=(x, ninth), epochs=1, seed=seed, **settings)  # 89 % are of class 0
        assert "shuffle" not in (run.hint or "")
    ordered = np.argsort(-third, kind="stable")
    assert "shuffle the order" in ravine.train(data=(x, third), order=ordered, epochs=3, lr=0.3, **settings).hint
    assert "of samples or of sample_weights" in ravine.train(data=(x, rare), epochs=1, **settings).hint

"""Runs on weighted samples: what they train on and record, what is stored of them, what they say, what is refused."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from scipy import sparse

import ravine
from ravine.errors import ConfigError, DataError
from ravine.networks import Network, gradient
from ravine.training import loop
from ravine.training.facts import counted, first_step, look
from ravine.training.learned import near_chance, plainly_learned
from training_cases import Recorder

RNG = np.random.default_rng(20)
X = (RNG.normal(size=(120, 6)) * (RNG.random((120, 6)) < 0.6)).round(3)
Y = np.digitize(X @ [1.0, -2.0, 0.5, 1.5, -1.0, 0.7], [-1.0, 1.0])
W = np.where(RNG.random(120) < 0.1, 0.0, RNG.exponential(1.0, 120))
TEST = X[:30], Y[:30]
LAYERS = (6, 5, 3)
QUICK = {"epochs": 2, "batch_size": 8, "lr": 0.05, "dtype": "float64", "quiet": True, "layers": LAYERS}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("RAVINE_HOME", str(tmp_path / "runs"))


def weighted(weights=W, **settings):
    return ravine.dataset(X, Y, test=TEST, sample_weights=weights, **settings)


def cross_entropy(one, two, x, y):
    z = np.maximum(x @ one, 0) @ two
    return np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(y)), y]


def by_hand(start, order, x, y, w):
    """Train by plain SGD with weights; return both matrices and the weighted loss of each epoch."""
    one, two = start[:30].reshape(6, 5).copy(), start[30:].reshape(5, 3).copy()
    sums = []
    for epoch in order:
        total = 0.0
        for low in range(0, len(epoch), 8):
            rows = epoch[low : low + 8]
            total += (w[rows] * cross_entropy(one, two, x[rows], y[rows])).sum()
            h = np.maximum(x[rows] @ one, 0)
            z = np.exp(h @ two)
            delta = w[rows, None] * (z / z.sum(axis=1, keepdims=True) - np.eye(3)[y[rows]]) / len(rows)
            back = (delta @ two.T) * (h > 0)
            two, one = two - 0.05 * h.T @ delta, one - 0.05 * x[rows].T @ back
        sums.append(total / len(epoch))
    return one, two, sums


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array], ids=["dense", "csr"])
@pytest.mark.parametrize("engine", ["reference", "fused"])
def test_training_is_weighted_gradient_descent_by_hand(form, engine):
    order = np.stack([RNG.permutation(120) for _ in range(2)])
    data = ravine.dataset(form(X), Y, test=TEST, sample_weights=W)
    run = ravine.train(data=data, order=order, engine=engine, **QUICK)
    one, two, sums = by_hand(ravine.start_weights(run.spec), order, X, Y, W)
    assert run.matrices[0] == pytest.approx(one, rel=1e-10, abs=1e-13)
    assert run.matrices[1] == pytest.approx(two, rel=1e-10, abs=1e-13)
    assert run.history["train_loss"] == pytest.approx(sums, rel=1e-10)
    assert run.train_loss == pytest.approx(sums[-1], rel=1e-10)
    # Of the test set each sample counts once.
    assert run.test_loss == pytest.approx(cross_entropy(one, two, *TEST).mean(), rel=1e-10)
    assert run.test_accuracy == ((np.maximum(X[:30] @ one, 0) @ two).argmax(axis=1) == Y[:30]).mean()


@pytest.mark.parametrize("engine", ["reference", "fused"])
def test_samples_that_are_held_out_count_once_and_the_others_by_their_weights(engine):
    held = weighted().held_out(24, 5)
    order = np.stack([RNG.permutation(96) for _ in range(2)])
    settings = {**QUICK, "order": order, "engine": engine}
    run = ravine.train(data=weighted(), validation=24, validation_seed=5, **settings)
    rows = [int(np.flatnonzero(np.equal(X, x).all(axis=1))[0]) for x in held.train.features]
    one, two, sums = by_hand(ravine.start_weights(run.spec), order, X[rows], Y[rows], W[rows])
    assert run.history["train_loss"] == pytest.approx(sums, rel=1e-10)
    loss = cross_entropy(one, two, held.validation.features, held.validation.targets)
    assert run.validation_loss == pytest.approx(loss.mean(), rel=1e-10)


@pytest.mark.parametrize("loss", ["squared-error", "poisson"])
def test_losses_of_numbers_are_weighted_too(loss):
    counts = Y.astype(float)
    runs = [
        ravine.train(
            data=ravine.dataset(X, counts, sample_weights=W), loss=loss, engine=engine, **{**QUICK, "layers": (6, 5, 1)}
        )
        for engine in ("reference", "fused")
    ]
    plain = ravine.train(data=(X, counts), loss=loss, **{**QUICK, "layers": (6, 5, 1)})
    assert runs[0].weights == pytest.approx(runs[1].weights, rel=1e-10)
    assert runs[0].train_loss == pytest.approx(runs[1].train_loss, rel=1e-10)
    assert np.abs(plain.weights - runs[0].weights).max() > 1e-3


@pytest.mark.parametrize("dtype", ["float32", "longdouble"])
def test_other_dtypes(dtype):
    wanted = ravine.train(data=weighted(), engine="reference", **QUICK)
    run = ravine.train(data=weighted(), engine="reference", **{**QUICK, "dtype": dtype})
    assert run.weights.dtype == dtype
    assert run.weights.astype(float) == pytest.approx(wanted.weights, rel=1e-4, abs=1e-6)


# ------------------------------------------------------------------------------------------------------------
# The same run, and what is stored


def test_weights_are_part_of_the_run_s_id_unless_all_are_1():
    plain = ravine.train(data=(X, Y, *TEST), **QUICK)
    assert ravine.train(data=weighted(None), **QUICK).id == plain.id
    assert ravine.train(data=weighted(np.ones(120)), **QUICK).id == plain.id
    run = ravine.train(data=weighted(), **QUICK)
    assert ravine.train(data=weighted(W.tolist()), **QUICK).id == run.id
    assert len({plain.id, run.id, ravine.train(data=weighted(2 * W), **QUICK).id}) == 3


def test_a_stored_run_says_that_its_samples_had_weights():
    run, plain = (ravine.train(data=weighted(w), **QUICK) for w in (W, None))
    for one in (run, plain):
        assert json.loads((one.folder / "data.json").read_text())["weighted"] is (one is run)
    assert ravine.load_run(run.id).stored.info == weighted().info
    assert (run.predict(X[:3]) == ravine.load_run(run.id).predict(X[:3])).all()


def test_a_run_of_before_there_were_weights_is_read(tmp_path):
    run = ravine.train(data=weighted(None), **QUICK)
    facts = json.loads((run.folder / "data.json").read_text())
    del facts["weighted"]
    (run.folder / "data.json").write_text(json.dumps(facts))
    assert ravine.load_run(run.id).stored.info == weighted(None).info


def test_what_looks_at_the_data_again_wants_the_weights_too():
    run = ravine.train(data=weighted(), **QUICK)
    wrong = np.flatnonzero(run.predict(X[:30]) != Y[:30])
    assert run.errors(data=weighted()).tolist() == wrong.tolist()
    with pytest.raises(ConfigError, match="with the test set and the sample weights that they had"):
        run.errors(data=(X, Y, *TEST))


def test_a_gradient_check_counts_each_sample_once():
    run = ravine.train(data=weighted(), **QUICK)
    rows = [*np.flatnonzero(W == 0)[:1], *np.flatnonzero(W > 1)[:3]]
    check = ravine.check_network_gradient(run.spec, run=run.id, data=weighted(), samples=rows, digits=None)
    assert check.agreement.verdict.answer == "passes"
    assert check.agreement.loss == pytest.approx(cross_entropy(*run.matrices, X[rows], Y[rows]).mean(), rel=1e-12)


@pytest.mark.parametrize("engine", ["reference", "fused"])
def test_a_run_is_extended_with_its_weights(engine):
    settings = {**QUICK, "engine": engine}
    short = ravine.train(data=weighted(), **settings)
    longer = ravine.extend(short, epochs=4, data=weighted())
    whole = ravine.train(data=weighted(), **{**settings, "epochs": 4, "fresh": True})
    assert longer.id == whole.id
    assert longer.weights.tobytes() == whole.weights.tobytes()
    assert (longer.history["train_loss"] == whole.history["train_loss"]).all()
    with pytest.raises(ConfigError, match="give the data of the run"):
        ravine.extend(short, epochs=6, data=(X, Y, *TEST))


def test_weights_that_are_changed_while_a_run_trains_are_noticed():
    data = weighted()
    array = data.train.sample_weights.base

    class Changes(Recorder):
        def epoch(self, record):
            array[0] += 1

    with pytest.raises(DataError, match="the arrays that the data were made of have been changed since"):
        ravine.train(data=data, watcher=Changes(), **QUICK)


# ------------------------------------------------------------------------------------------------------------
# Hints


@pytest.mark.parametrize(
    "settings",
    [
        {"lr": 1e-7},
        {"lr": 1e-7, "label_smoothing": 0.5},
        {"lr": 0.0},
        {"lr": 1e-17},
        {"lr": 30.0, "activation": "tanh"},
        {"lr": 0.05, "layers": (6, *[4] * 9, 3), "activation": "sigmoid"},
    ],
    ids=str,
)
def test_equal_weights_with_the_rate_divided_by_them_are_the_same_run_with_the_same_hint(settings):
    # Of a power of two no bit is lost.
    settings = {**QUICK, "engine": "reference", "epochs": 1, "batch_size": 1, **settings}
    plain = ravine.train(data=weighted(None), **settings)
    for factor in (1 / 64, 64):
        run = ravine.train(data=weighted(np.full(120, float(factor))), **{**settings, "lr": settings["lr"] / factor})
        assert run.weights.tobytes() == plain.weights.tobytes()
        assert run.train_loss == plain.train_loss * factor
        assert plain.hint is not None
        words = [re.sub(r"[\d.e+-]*\d", "", hint) for hint in (run.hint, plain.hint)]
        assert words[0] == words[1]


def test_a_small_loss_of_small_weights_is_no_sign_that_a_run_learned():
    history = ravine.train(data=weighted(None), **{**QUICK, "lr": 1e-9}).history
    loss = history[-1].train_loss
    assert loss > np.log(3)
    tiny = ravine.train(data=weighted(np.full(120, 0.125)), **{**QUICK, "lr": 1e-9}).history
    assert tiny[-1].train_loss == pytest.approx(loss / 8, rel=1e-6)
    assert not plainly_learned(tiny, 0.9, 0.4, 0.125 * np.log(3))
    assert plainly_learned(tiny, 0.9, 0.4, np.log(3))


def test_a_lower_accuracy_is_what_weights_of_classes_ask_for():
    rng = np.random.default_rng(3)
    y = (rng.random(2000) < 0.06).astype(int)
    x = rng.normal(size=(2000, 4)) + 1.2 * y[:, None]
    settings = {**QUICK, "layers": (4, 8, 2), "epochs": 5, "lr": 0.1}
    table = len(y) / (2 * np.bincount(y))
    run = ravine.train(data=ravine.dataset(x, y, test=(x, y), sample_weights=table[y]), **settings)
    assert near_chance(run.test_accuracy, (y == 0).mean())
    assert run.hint is None
    # With a rate that is too small, it says so.
    run = ravine.train(
        data=ravine.dataset(x, y, test=(x, y), sample_weights=table[y]), **{**settings, "lr": 1e-7, "epochs": 1}
    )
    assert "lr is too small" in run.hint


def test_a_class_that_has_nearly_all_the_weight():
    settings = {**QUICK, "lr": 1e-6, "epochs": 1}
    heavy = np.where(Y == 2, 40.0, 1.0)
    assert (Y == 2).mean() < 0.6
    run = ravine.train(data=weighted(heavy), **settings)
    assert re.search(r"9\d % of the weight of the training samples is that of class 2; give each class", run.hint)
    run = ravine.train(data=weighted((Y == 1).astype(float)), **settings)
    assert "All training samples with a weight above 0 are of class 1: there is nothing to tell apart." in run.hint
    # The other way round: weights give each class its share, and nothing is said of it.
    few = np.concatenate([np.flatnonzero(Y == 0)[:2], np.flatnonzero(Y == 1)])
    table = np.array([30.0, 1.0])
    for weights, said in ((None, True), (table[Y[few]], False)):
        data = ravine.dataset(X[few], Y[few], sample_weights=weights)
        hint = ravine.train(data=data, **{**settings, "layers": (6, 5, 2)}).hint or ""
        assert ("of the training samples are of class 1" in hint) is said


def test_a_look_weighs_the_samples_that_count():
    data, network = weighted().train, Network(LAYERS)
    start = np.random.default_rng(2).normal(0, 0.5, network.layout.size)
    rows = counted(data, np.arange(60))
    assert rows.tolist() == np.flatnonzero(W[:60]).tolist()
    seen = look(network, start, data, rows, W.mean())
    one, two = start[:30].reshape(6, 5), start[30:].reshape(5, 3)
    w = W[rows] * W.mean() / W[rows].mean()
    assert seen.losses == pytest.approx(w * cross_entropy(one, two, X[rows], Y[rows]), rel=1e-12)
    h = 1e-6
    slopes = np.zeros_like(two)
    for index in np.ndindex(two.shape):
        nudge = np.zeros_like(two)
        nudge[index] = h
        ends = [(w * cross_entropy(one, two + sign * nudge, X[rows], Y[rows])).mean() for sign in (1, -1)]
        slopes[index] = (ends[0] - ends[1]) / (2 * h)
    assert seen.gradients[1] == pytest.approx(np.linalg.norm(slopes), rel=1e-6)


def test_the_first_step_is_compared_with_the_weighted_gradient():
    data, network, batch = weighted().train, Network(LAYERS), np.arange(40)
    start = np.random.default_rng(2).normal(0, 0.5, network.layout.size)
    _, g = gradient(network, start, X[batch], Y[batch])
    alone = [gradient(network, start, X[b : b + 1], Y[b : b + 1])[1] for b in batch]
    down = W[batch] @ alone / len(batch)
    for step, cosine in ((down, 1), (-down, -1)):
        assert first_step(network, start, start + 0.01 * step, data, batch).cosine == pytest.approx(cosine, abs=1e-9)
    assert first_step(network, start, start - 0.01 * g, data, batch).cosine > -0.999
    assert first_step(network, start, start - 0.01 * down, data, batch).decades == 0


def test_a_run_that_learned_pays_for_no_closer_look_whatever_the_mean_weight(monkeypatch):
    monkeypatch.setattr(loop._Trainer, "_facts", None)  # would fail if it were called
    settings = {**QUICK, "epochs": 30, "lr": 0.1 / 64}
    run = ravine.train(data=weighted(64 * W), **settings)
    assert run.train_loss > np.log(3)
    assert run.hint is None


# ------------------------------------------------------------------------------------------------------------
# What is refused


@pytest.mark.parametrize("name", ["sample_weights", "sample_weight", "class_weight"])
def test_weights_are_given_with_the_data(name):
    for settings in ({"data": (X, Y)}, {"dataset": "mnist"}):
        with pytest.raises(
            ConfigError, match=f"^{name} is no setting of a run: weights are given with data, as ravine"
        ):
            ravine.train(**settings, **{name: W})


@pytest.mark.parametrize(
    ("value", "dtype", "message"),
    [
        (1e30, "float32", r"is 1e\+30, in row 7, counted from 0, and must lie between 1.2e-38 and 1.8e\+19 in float32"),
        (1e-50, "float32", "is 1e-50, in row 7, counted from 0, and must lie between"),
        (
            1e200,
            "float64",
            r"is 1e\+200, in row 7, counted from 0, and must lie between 2.2e-308 and 1.3e\+154 in float6",
        ),
    ],
)
def test_weights_that_the_dtype_of_a_run_does_not_have(value, dtype, message):
    weights = np.zeros(120)
    weights[7] = value
    with pytest.raises(DataError, match="the largest of sample_weights " + message):
        ravine.train(data=weighted(weights), **{**QUICK, "dtype": dtype})


def test_an_epoch_must_have_a_weight():
    weights = np.zeros(120)
    weights[:2] = 1
    for order in (np.arange(2, 50), np.stack([np.arange(48), np.arange(2, 50)])):
        with pytest.raises(ConfigError, match="the order has an epoch of samples of weight 0 alone"):
            ravine.train(data=weighted(weights), order=order, **QUICK)
    assert ravine.train(data=weighted(weights), order=np.arange(1, 50), **QUICK).status == "done"
    held = weighted().held_out(60, 1)
    only = np.zeros(120)
    only[int(np.flatnonzero(np.equal(X, held.validation.features[0]).all(axis=1))[0])] = 1
    with pytest.raises(ConfigError, match="all samples left to train on have weight 0: hold out fewer, or give more"):
        ravine.train(data=weighted(only), validation=60, validation_seed=1, **QUICK)

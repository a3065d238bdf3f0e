"""Runs on data that were given as arrays: what they train on, what is stored of them, and what is refused."""

from __future__ import annotations

import dataclasses
import json
import logging

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from scipy import sparse

import ravine
from ravine.data import datasets
from ravine.errors import ConfigError, DataError, RavineError
from ravine.networks import Network
from ravine.spec import describe, settings_of
from ravine.training import causes

RNG = np.random.default_rng(20)
X = (RNG.normal(size=(120, 6)) * (RNG.random((120, 6)) < 0.6)).round(3)
Y = np.array(["low", "mid", "high"])[np.digitize(X @ [1.0, -2.0, 0.5, 1.5, -1.0, 0.7], [-1.0, 1.0])]
TEST = X[:30], Y[:30]
QUICK = {"epochs": 2, "batch_size": 8, "lr": 0.05, "engine": "reference", "dtype": "float64", "quiet": True}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("RAVINE_HOME", str(tmp_path / "runs"))


def by_hand(start, order, x, y, layers, lr, size):
    """Train a network of one hidden layer of relu with plain SGD, on floats."""
    a, b = layers[0] * layers[1], layers[1] * layers[2]
    one, two = start[:a].reshape(layers[:2]).copy(), start[a : a + b].reshape(layers[1:]).copy()
    targets = np.eye(layers[2])[y]
    for epoch in order:
        for low in range(0, len(epoch), size):
            rows = epoch[low : low + size]
            h = np.maximum(x[rows] @ one, 0)
            z = np.exp(h @ two)
            delta = (z / z.sum(axis=1, keepdims=True) - targets[rows]) / len(rows)
            back = (delta @ two.T) * (h > 0)
            two, one = two - lr * h.T @ delta, one - lr * x[rows].T @ back
    return one, two


FORMS = {
    "dense": lambda: X,
    "csr": lambda: sparse.csr_array(X),
    "csc": lambda: sparse.csc_matrix(X),
    "lists": X.tolist,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("engine", ["reference", "fused"])
def test_training_on_floats_is_gradient_descent_by_hand(form, engine):
    order = np.stack([RNG.permutation(120) for _ in range(2)])
    settings = {**QUICK, "engine": engine}
    run = ravine.train(data=(FORMS[form](), Y, *TEST), layers=(6, 5, 3), order=order, **settings)
    numbers = np.unique(Y, return_inverse=True)[1]
    one, two = by_hand(ravine.start_weights(run.spec), order, X, numbers, (6, 5, 3), 0.05, 8)
    assert run.matrices[0] == pytest.approx(one, rel=1e-10, abs=1e-13)
    assert run.matrices[1] == pytest.approx(two, rel=1e-10, abs=1e-13)
    guesses = (np.maximum(X[:30] @ one, 0) @ two).argmax(axis=1)
    assert run.test_accuracy == (guesses == numbers[:30]).mean()
    assert run.class_names == ("high", "low", "mid")


@pytest.mark.parametrize("engine", ["reference", "fused"])
@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_bytes_dense_and_sparse_are_divided_by_their_scale(engine, batch_size):
    pixels = RNG.integers(0, 256, (120, 6)).astype(np.uint8)
    settings = {**QUICK, "engine": engine, "batch_size": batch_size, "layers": (6, 5, 3)}
    for scale in (255.0, 64.0):
        wanted = ravine.train(data=(pixels / scale, Y), **settings)
        for form in (pixels, sparse.csr_array(pixels)):
            run = ravine.train(data=ravine.dataset(form, Y, scale=scale), **settings)
            assert run.id != wanted.id
            assert run.weights == pytest.approx(wanted.weights, rel=1e-10, abs=1e-13)


def test_rows_of_a_wide_matrix_are_made_dense_a_few_at_a_time(monkeypatch):
    matrix = sparse.random_array((90, 400), density=0.05, format="csr", rng=np.random.default_rng(3))
    data, settings = (matrix, Y[:90], matrix[:40], Y[:40]), {**QUICK, "batch_size": 45, "layers": (400, 4, 3)}
    wanted = ravine.train(data=data, **settings)
    expected = wanted.weights
    shapes, plain = [], sparse.csr_array.toarray
    monkeypatch.setattr(sparse.csr_array, "toarray", lambda self: shapes.append(self.shape) or plain(self))
    monkeypatch.setattr(datasets, "_DENSE", 4400)
    run = ravine.train(data=data, fresh=True, **settings)
    assert max(shapes) == (11, 400)
    assert run.weights == pytest.approx(expected, rel=1e-12)
    assert run.test_loss == pytest.approx(wanted.test_loss, rel=1e-12)
    shapes.clear()
    assert (run.predict(matrix) == wanted.predict(matrix.toarray())).all()
    assert shapes == [(90, 400)]  # that of this test
    shapes.clear()
    diverged = ravine.train(data=data, **{**settings, "lr": 1e200})
    assert diverged.cause is not None
    assert max(shapes) == (11, 400)


@pytest.mark.parametrize("dtype", ["float32", "longdouble"])
@pytest.mark.parametrize("bias", [False, True])
def test_sparse_rows_in_other_dtypes(dtype, bias):
    settings = {**QUICK, "dtype": dtype, "bias": bias, "layers": (6, 5, 3)}
    dense, rows = (ravine.train(data=(x, Y, x[:30], Y[:30]), **settings) for x in (X, sparse.csr_array(X)))
    assert rows.weights.tobytes() == dense.weights.tobytes()
    found = rows.probabilities(sparse.csr_array(X))
    assert found.dtype == rows.weights.dtype
    np.testing.assert_allclose(found, dense.probabilities(X), rtol=1e-5 if dtype == "float32" else 1e-15)


def test_without_a_test_set_there_is_no_test():
    run = ravine.train(data=(X, Y), **QUICK)
    assert (run.spec.test, run.tested, run.test_accuracy) == ("never", False, None)
    assert ravine.train(data=(X, Y), test="never", **QUICK).id == run.id
    held = ravine.train(data=(X, Y), validation=0.25, **QUICK)
    assert (held.spec.test, held.spec.validation, held.tested) == (None, 30, False)
    assert held.validation_accuracy is not None
    for test in ("epoch", "end"):
        with pytest.raises(ConfigError, match=f"test is '{test}', and the data have no test set: give one, or leave"):
            ravine.train(data=(X, Y), test=test, **QUICK)


def test_the_accuracy_of_samples_that_are_held_out():
    run = ravine.train(data=(X, Y, *TEST), validation=24, validation_seed=5, test="end", **QUICK)
    held = ravine.dataset(X, Y).held_out(24, 5).validation
    assert run.validation_accuracy == (run.predict(held.features) == held.targets).mean()
    assert run.test_accuracy is not None


def test_the_default_layers_are_those_of_the_data():
    settings = {**QUICK, "epochs": 1, "engine": "fused"}
    assert ravine.train(data=(X, Y), **settings).spec.layers == (6, 300, 100, 100, 3)
    with pytest.raises(
        ConfigError,
        match=r"layers 5,4,3 do not fit the data: the first must be 6, their features, and "
        r"the last 3, their classes",
    ):
        ravine.train(data=(X, Y), layers=(5, 4, 3), **settings)  # fmt: skip
    with pytest.raises(ConfigError, match="layers 784,300,100,100,10 do not fit the data"):
        ravine.train(data=(X, Y), layers=[784, 300, 100, 100, 10], **settings)


def test_a_stored_run_is_found_again_by_its_data(caplog):
    first = ravine.train(data=(X, Y, *TEST), **QUICK)
    with caplog.at_level(logging.INFO, "ravine"):
        again = ravine.train(data=(X.copy(), list(Y), X[:30].copy(), TEST[1]), **QUICK)
    assert again.id == first.id
    assert "is stored in" in caplog.text
    changed = X.copy()
    changed[7, 2] += 1
    others = [(changed, Y, *TEST), (X, Y, X[1:31], Y[1:31]), (X.astype(np.float32), Y, *TEST), (X, Y)]
    assert len({first.id, *(ravine.train(data=data, **QUICK).id for data in others)}) == 5


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("part", ["train", "test", "targets"])
@pytest.mark.parametrize("validation", [0, 20])
def test_arrays_that_were_changed_since_are_noticed(form, part, validation, tmp_path):
    changed, test, targets = form(X.copy()), form(X[:30].copy()), np.array([0, 1, 2] * 40)
    data = ravine.dataset(changed, targets, test=(test, [1] * 30))
    if part == "targets":
        object.__setattr__(data.train, "targets", np.roll(data.train.targets, 1))
    else:
        numbers = {"train": changed, "test": test}[part]
        (numbers if form is np.asarray else numbers.data)[[3]] += 1
    with pytest.raises(DataError, match="have been changed since, so the run's digest no longer stands for them"):
        ravine.train(data=data, validation=validation, **QUICK)
    assert not any((tmp_path / "runs").glob("*"))


def test_the_spec_has_the_digest():
    data = ravine.dataset(X, Y)
    run = ravine.train(data=data, **QUICK)
    assert (run.spec.dataset, run.spec.data) == ("given", data.info.digest)
    assert settings_of(run.spec)["data"] == data.info.digest[:8]
    assert f"given data {data.info.digest[:8]}" in describe(run.spec)
    assert f"given data {data.info.digest[:8]}" in repr(run)
    (row,) = ravine.run_rows([run])
    assert (row["dataset"], row["data"]) == ("given", data.info.digest)


def test_the_facts_are_stored_with_the_run():
    images = ravine.dataset(X.reshape(120, 2, 3), Y, test=(X, Y), feature_names=list("abcdef"))
    run = ravine.train(data=images, **QUICK)
    found = ravine.load_run(run.id)
    assert found.stored.info == images.info
    facts = json.loads((run.folder / "data.json").read_text())
    assert facts["shape"] == [2, 3]
    assert facts["class_names"] == ["high", "low", "mid"]
    assert (facts["train_count"], facts["test_count"], facts["dtype"], facts["sparse"]) == (120, 120, "float64", False)
    (run.folder / "data.json").unlink()
    with pytest.raises(DataError, match=r"data\.json is missing"):
        ravine.load_run(run.id).predict(X)


def test_a_data_set_of_the_catalog_is_itself(small):
    settings = {**QUICK, "layers": (64, 5, 10)}
    run = ravine.train(data=ravine.load_data("small"), **settings)
    assert run.id == ravine.train(dataset="small", **settings).id
    assert run.spec.data is None
    assert not (run.folder / "data.json").exists()
    assert run.class_names == tuple("abcdefghij")
    arrays = ravine.dataset(small.train.features, small.train.targets, test=(small.test.features, small.test.targets))
    given = ravine.train(data=arrays, **settings)
    assert given.weights.tobytes() == run.weights.tobytes()
    assert given.id != run.id
    for dataset in ("small", "fashion-mnist"):
        with pytest.raises(ConfigError, match=f"dataset is '{dataset}', and data are given: leave one of the two out"):
            ravine.train(data=arrays, dataset=dataset, **settings)
    with pytest.raises(ConfigError, match="data_dir is '/nowhere', and data are given: leave one"):
        ravine.train(data=arrays, data_dir="/nowhere", **settings)
    with pytest.raises(ConfigError, match="was changed, or put together by hand"):
        ravine.train(data=dataclasses.replace(small, train=small.test), **settings)


# ------------------------------------------------------------------------------------------------------------
# A stored run and samples


@pytest.fixture
def run():
    return ravine.train(data=(X, Y, *TEST), layers=(6, 5, 3), **QUICK)


def shares(run, x):
    one, two = run.matrices
    e = np.exp(np.maximum(x @ one, 0) @ two)
    return e / e.sum(axis=1, keepdims=True)


def test_probabilities_of_samples_in_any_form(run):
    wanted, found = shares(run, X), ravine.load_run(run.id)
    for form in (X, X.tolist(), sparse.csr_array(X), sparse.coo_array(X)):
        assert found.probabilities(form) == pytest.approx(wanted, rel=1e-12)
        assert (found.predict(form) == wanted.argmax(axis=1)).all()
    assert found.probabilities(X[4]) == pytest.approx(wanted[4:5], rel=1e-12)
    whole = np.arange(12).reshape(2, 6)
    for dtype in (np.uint8, np.int64, np.float16):
        assert found.probabilities(whole.astype(dtype)) == pytest.approx(shares(run, whole), rel=1e-12)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((2, 5)), r"features have shape \(2, 5\); each sample must have 6 numbers"),
        (np.zeros(5), r"features has shape \(5,\)"),
        (np.zeros((2, 2, 6)), r"features have shape \(2, 2, 6\)"),
        (np.zeros((0, 6)), "and so no number"),
        (sparse.csr_array((2, 7)), r"features have shape \(2, 7\)"),
        ([[1, 2, 3, 4, 5, np.nan]], "features has nan in row 0, column 5"),
        ([["a"] * 6], "features has 'a' in row 0, column 0"),
        (None, "features is None"),
    ],
    ids=str,
)
def test_samples_that_do_not_fit(run, samples, message):
    with pytest.raises(RavineError, match=message):
        run.predict(samples)


def test_samples_of_a_run_on_images_in_bytes():
    pixels = RNG.integers(0, 256, (120, 2, 3)).astype(np.uint8)
    run = ravine.train(data=(pixels, Y, pixels[:9], Y[:9]), layers=(6, 5, 3), **QUICK)
    flat = pixels.reshape(120, 6)
    wanted = shares(run, flat / 255)
    for form in (pixels, flat, flat / 255, sparse.csr_array(flat), sparse.csr_array(flat / 255)):
        assert run.probabilities(form) == pytest.approx(wanted, rel=1e-12)
    for one in (pixels[3], flat[3]):
        assert run.probabilities(one) == pytest.approx(wanted[3:4], rel=1e-12)
    for wrong in (flat.astype(float), flat.astype(int), -(flat / 255)):
        with pytest.raises(ConfigError, match="the run was trained on bytes: give uint8, or floats that"):
            run.predict(wrong)
    assert isinstance(run.plot_errors(data=(pixels, Y, pixels[:9], Y[:9])), Figure)
    assert isinstance(run.plot_weights(), Figure)


def test_errors_and_confusion_need_the_data(run):
    data = X, Y, *TEST
    numbers = np.unique(Y, return_inverse=True)[1][:30]
    guesses = shares(run, X[:30]).argmax(axis=1)
    assert run.errors(data=data).tolist() == np.flatnonzero(guesses != numbers).tolist()
    counts = [[int(((numbers == t) & (guesses == p)).sum()) for p in range(3)] for t in range(3)]
    assert run.confusion(data=ravine.dataset(X, Y, test=TEST)).tolist() == counts
    figure = run.plot_confusion(data=data)
    assert "of 30 test samples are classified correctly" in "".join(text.get_text() for text in figure.texts)
    for call in (run.errors, run.confusion, run.plot_confusion):
        with pytest.raises(ConfigError, match=r"which are not stored with it: give them as data=\(X, y\)"):
            call()
        with pytest.raises(ConfigError, match=r"the run is on given data with the digest .*, and these are given data"):
            call(data=(X, Y))
    bare = ravine.train(data=(X, Y), **QUICK)
    with pytest.raises(ConfigError, match="have no test set"):
        bare.errors(data=(X, Y))


def test_samples_that_are_no_images_are_not_drawn(run):
    for draw in (run.plot_weights, lambda: run.plot_errors(data=(X, Y, *TEST))):
        with pytest.raises(ConfigError, match=r"draws images, and the samples of run .* are none"):
            draw()
    assert isinstance(run.plot(), Figure)


def test_a_built_in_run_takes_no_other_data(small):
    run = ravine.train(dataset="small", **{**QUICK, "layers": (64, 5, 10)})
    assert run.errors(data=ravine.load_data("small")).tolist() == run.errors().tolist()
    with pytest.raises(ConfigError, match="the run is on small, and these are given data with the digest"):
        run.errors(data=(X, Y))


def test_a_run_on_given_data_is_extended_with_them(run):
    data = X, Y, *TEST
    longer = ravine.extend(run, epochs=4, data=data)
    whole = ravine.train(data=data, layers=(6, 5, 3), **{**QUICK, "epochs": 4, "fresh": True})
    assert longer.id == whole.id
    assert longer.weights.tobytes() == whole.weights.tobytes()
    with pytest.raises(ConfigError, match="which are not stored with it"):
        ravine.extend(run, epochs=6)
    with pytest.raises(ConfigError, match="give the data of the run"):
        ravine.extend(run, epochs=6, data=(X, Y))


@pytest.mark.parametrize(("loss", "most"), [("poisson", 5), ("poisson", 1), ("squared-error", 5)])
def test_whole_numbers_stay_the_numbers_that_they_were_in_a_run_that_is_extended(loss, most):
    data = X, np.arange(len(X)) % (most + 1)
    settings = {**QUICK, "layers": (6, 5, 1), "loss": loss, "lr": 0.01}
    run = ravine.train(data=data, **settings)
    longer = ravine.extend(run, epochs=4, data=data)
    assert longer.id == ravine.train(data=data, **{**settings, "epochs": 4}).id


# ------------------------------------------------------------------------------------------------------------
# What a run says, and what takes no given data


def test_hints_name_the_classes_of_the_data():
    order = np.flatnonzero(Y == "mid")
    run = ravine.train(data=(X, Y, *TEST), order=order, layers=(6, 5, 3), **QUICK)
    assert "All training samples are of class mid" in run.hint


def test_a_dead_network_is_dead_on_samples():
    weights = -np.ones(6 * 4 + 4 * 3)
    run = ravine.train(data=(np.abs(X), Y), initial_weights=weights, layers=(6, 4, 3), **QUICK)
    assert "has no live unit on any sample since epoch 1" in run.cause.message


def test_the_layer_that_overflows_is_found_in_any_part_of_a_batch(monkeypatch):
    monkeypatch.setattr(datasets, "_DENSE", 2)  # one sample at a time
    network, weights = Network((2, 2, 2)), np.array([10.0, 0, 0, 10, 1, 2, 3, 4])
    split = ravine.dataset([[0.0, 1e308], [0.5, 0.25], [1e300, 1.0]], [0, 1, 0]).train
    for batch in ([0, 1], [1, 0], [2, 0, 1]):
        cause = causes.non_finite(network, weights, split, np.array(batch), epoch=1, step=3)
        assert (cause.where, cause.layer) == ("outputs", 1)
    cause = causes.non_finite(network, weights, split, np.array([1, 2]), epoch=1, step=3)
    assert (cause.where, cause.layer) == ("softmax", 3)
    assert f"logits up to {10 * 1e300 * 2 + 40:.4g}" in cause.message


def test_a_network_that_the_machine_has_no_memory_for():
    matrix = sparse.csr_array(([1.0, 2.0], [5, 2**31 - 2], [0, 1, 2]), shape=(2, 2**31 - 1))
    size = 100 * (2**31 - 1) + 100 * 2
    with pytest.raises(
        ConfigError,
        match=rf"the network has {size:,} weights, which need {size * 16 / 1e9:,.1f} GB, and this machine has .* GB: "
        "give data of fewer columns, or a smaller first hidden layer",
    ):
        ravine.train(data=(matrix, [0, 1]), layers=(2**31 - 1, 100, 2), quiet=True)  # fmt: skip


def test_what_has_no_given_data_at_hand(run):
    with pytest.raises(ConfigError, match="which are not stored with it"):
        ravine.check_network_gradient(run.spec)
    with pytest.raises(ConfigError, match="which are not stored with it"):
        ravine.check_network_gradient(ravine.RunSpec(), run=run.id)
    with pytest.raises(ConfigError, match="unknown data set 'given'"):
        ravine.train(dataset="given")
    study = ravine_study({"data": [1, 2]})
    with pytest.raises(ConfigError, match=r"data is no setting: give data to ravine\.train or to ravine\.run_study"):
        ravine.run_study(study)


def ravine_study(row):
    from ravine.studies.study import Group, Study

    return Study(name="given", title="", seeds=[0], groups=[Group(name="all", rows=[row])])


@pytest.mark.parametrize("engine", ["fused", "reference"])
def test_the_only_class_is_always_predicted(engine, tmp_path):
    y = np.full(len(X), 7)
    run = ravine.train(data=(X, y, X, y), layers=(6, 5, 1), bias=True, engine=engine, epochs=1, out=tmp_path)
    assert run.test_accuracy == 1
    assert set(run.predict(X)) == {0}
    assert run.class_names == ("7",)
    assert (run.probabilities(X) == 1).all()


def test_the_columns_of_a_data_frame_stand_where_they_stood_in_training(tmp_path):
    names = list("abcdef")
    frame = pd.DataFrame(X, columns=names)
    run = ravine.train(data=(frame, Y), epochs=1, layers=(6, 4, 3), out=tmp_path)
    np.testing.assert_array_equal(run.predict(frame), run.predict(X))
    turned = frame[["a", "c", "b", "d", "e", "f"]]
    with pytest.raises(ConfigError, match="column 1, counted from 0, is 'c', and the run was trained on 'b' there"):
        run.predict(turned)
    with pytest.raises(ConfigError, match=r"each sample must have 6 numbers"):
        run.predict(frame[["a", "b"]])


def test_rows_of_runs_have_the_scores_of_numbers(tmp_path):
    run = ravine.train(
        data=(X, X @ np.ones(6), X, X @ np.ones(6)), loss="huber", layers=(6, 4, 1), epochs=2, out=tmp_path
    )
    (row,) = ravine.run_rows([run])
    assert (row["test_r2"], row["test_mean_absolute_error"]) == (run.test_r2, run.test_mean_absolute_error)
    assert row["test_accuracy"] is row["validation_r2"] is None
    assert "test_r2=" in repr(run)


def test_a_study_takes_arrays_of_numpy_as_lists(tmp_path):
    group = {"name": "g", "grid": {"lr": np.logspace(-3, -1, 3)}, "settings": {"epochs": 1, "layers": np.array([6, 3])}}
    outcome = ravine.run_study({"name": "s", "groups": [group]}, data=(X, Y), runs=tmp_path, quiet=True)
    assert [result.spec.lr for result in outcome.results.values()] == np.logspace(-3, -1, 3).tolist()


@pytest.mark.parametrize("engine", ["fused", "reference"])
@pytest.mark.parametrize("loss", ["squared-error", "absolute-error", "huber", "logistic", "hinge"])
def test_one_output_predicts_the_class_that_its_predicted_target_is_nearer_to(engine, loss, tmp_path):
    y = (X[:, 0] > X[:, 1]).astype(int)
    data = ravine.dataset(X, y, test=(X, y))  # classes, to every loss
    settings = {"layers": (6, 8, 1), "loss": loss, "bias": True, "lr": 0.05, "epochs": 40}
    run = ravine.train(data=data, engine=engine, out=tmp_path, **settings)
    one, two = run.matrices
    z = (np.maximum(X @ one[:-1] + one[-1], 0) @ two[:-1] + two[-1])[:, 0]
    side = z > (0 if loss in ("logistic", "hinge") else 0.5)
    assert (run.predict(X) == side).all()
    assert run.test_accuracy == (side == y).mean() > 0.8

"""Runs with smoothed labels: their losses in training, validation and test, stored, shown, checked and refused."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

import ravine
from ravine.cli.main import run as command
from ravine.errors import ConfigError
from ravine.losses.cross_entropy import least_cross_entropy

LAYERS = "64,16,10"
SETTINGS = {"dataset": "small", "layers": (64, 16, 10), "quiet": True, "lr": 0.3, "epochs": 15}


@pytest.fixture
def out(tmp_path):
    return tmp_path / "runs"


def smoothed_loss(run, split, smoothing):
    """Return the mean loss of a run's probabilities, as the definition says, in double precision."""
    shares = np.log(run.probabilities(split.features).astype(float))
    own = shares[np.arange(len(shares)), split.targets]
    return -((1 - smoothing) * own + smoothing * shares.mean(axis=1)).mean()


@pytest.mark.parametrize("engine", ["fused", "reference"])
@pytest.mark.parametrize("smoothing", [0.1, 0.5])
def test_the_loss_is_smoothed_everywhere(small, out, engine, smoothing):
    run = ravine.train(
        **SETTINGS, label_smoothing=smoothing, validation=60, test="epoch", engine=engine, dtype="float64", out=out
    )
    assert run.status == "done"
    assert run.test_accuracy > 0.7
    part = small.held_out(60, 0)
    assert run.test_loss == pytest.approx(smoothed_loss(run, small.test, smoothing), rel=1e-12)
    assert run.validation_loss == pytest.approx(smoothed_loss(run, part.validation, smoothing), rel=1e-12)
    last = run.history[-1]
    assert (last.test_loss, last.validation_loss) == (run.test_loss, run.validation_loss)
    assert last.train_loss > least_cross_entropy(10, smoothing)
    # At a rate of 0 no weight moves while the loss is taken.
    begun = ravine.train(
        **{**SETTINGS, "epochs": 1, "lr": 0.0}, label_smoothing=smoothing, engine=engine, dtype="float64", out=out
    )
    assert begun.history[0].train_loss == pytest.approx(smoothed_loss(begun, small.train, smoothing), rel=1e-12)


def test_a_run_is_stored_and_found_with_its_smoothing(small, out):
    run = ravine.train(**SETTINGS, label_smoothing=np.float32(0.25), out=out)
    plain = ravine.train(**SETTINGS, out=out)
    assert run.id != plain.id
    assert ravine.train(**SETTINGS, label_smoothing=0.0, out=out).id == plain.id
    found = ravine.load_run(run.id, out=out)
    assert found.spec.label_smoothing == found.network.label_smoothing == 0.25
    assert (found.predict(small.test.features) == run.predict(small.test.features)).all()
    rows = {row["id"]: row for row in ravine.run_rows(out=out)}
    assert [rows[each.id]["label_smoothing"] for each in (run, plain)] == [0.25, 0]
    longer = ravine.extend(run, epochs=16, quiet=True)
    assert longer.id == ravine.train(**{**SETTINGS, "epochs": 16}, label_smoothing=0.25, out=out).id


def test_smoothing_keeps_a_network_from_being_certain(small, out):
    sharp, smooth = (ravine.train(**{**SETTINGS, "epochs": 60}, label_smoothing=s, out=out) for s in (0, 0.2))
    top = [run.probabilities(small.train.features).max(axis=1) for run in (sharp, smooth)]
    assert np.median(top[0]) > 0.97
    assert np.median(top[1]) == pytest.approx(0.82, abs=0.05)  # the target of the sample's own class


def test_by_the_command_line(small, out, capsys):
    words = ["--dataset", "small", "--layers", LAYERS, "--lr", "0.3", "-q", "--label-smoothing", "0.1"]
    assert command(["train", *words, "--epochs", "15", "--out", str(out), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["spec"]["label_smoothing"] == 0.1
    assert document["id"] == ravine.train(**SETTINGS, label_smoothing=0.1, out=out).id
    assert command(["runs", "show", document["id"], "--out", str(out)]) == 0
    assert re.search(r"label_smoothing +0\.1\n", capsys.readouterr().out)


def test_a_gradient_check_by_the_command_line(small, out, capsys):
    check = ["gradcheck", "--dataset", "small", "--layers", LAYERS, "--epochs", "0", "--digits", "15", "-q", "--json"]
    losses = []
    for smoothing in ("0", "0.9"):
        assert command([*check, "--weights", "60", "--label-smoothing", smoothing]) == 0
        losses.append(json.loads(capsys.readouterr().out)["loss"])
    assert losses[0] != losses[1]
    assert command([*check, "--label-smoothing", "0.1", "--softmax", "naive"]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "the naive softmax takes none: leave one of the two out." in err


REFUSED = {
    "a flag": (True, "label_smoothing is true; it must be a number"),
    "text": ("0.1", "label_smoothing is '0.1'; it must be a number"),
    "nothing": (None, "label_smoothing is None; it must be a number"),
    "a list": ([0.1], "label_smoothing is .*; it must be a number"),
    "nan": (float("nan"), "label_smoothing is nan; it must be a number from 0 to below 1"),
    "one": (1, "label_smoothing is 1.0; it must be a number from 0 to below 1"),
    "nearly one": (np.longdouble(1) - np.longdouble(2) ** -60, "label_smoothing is 1.0; it must be"),
    "below": (-1e-9, "label_smoothing is -1e-09; it must be a number from 0 to below 1"),
    "large": (10**400, "label_smoothing is 1000.*out of range"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(small, out, name):
    smoothing, words = REFUSED[name]
    with pytest.raises(ConfigError, match=words) as found:
        ravine.train(**SETTINGS, label_smoothing=smoothing, out=out)
    assert "\n" not in str(found.value)
    assert not out.exists()


def test_the_logistic_loss_takes_the_targets_that_the_refusal_names(out):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 4))
    flags = (X[:, :1] > 0).astype(float)
    settings = {"loss": "logistic", "layers": (4, 6, 1), "epochs": 30, "lr": 0.5, "out": out, "quiet": True}
    with pytest.raises(ConfigError, match=r"give targets such as 0\.05 and 0\.95 in place"):
        ravine.train(data=(X, flags), label_smoothing=0.1, **settings)
    run = ravine.train(data=(X, np.where(flags == 1, 0.95, 0.05)), **settings)
    assert ((run.probabilities(X) > 0.5) == (flags == 1)).mean() > 0.9

"""Commands on runs that were trained in Python on data of the user's."""

from __future__ import annotations

import json

import numpy as np
import pytest

import ravine
from ravine.cli.main import run


@pytest.fixture
def trained(tmp_path, monkeypatch):
    monkeypatch.setenv("RAVINE_HOME", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    x = np.random.default_rng(4).normal(size=(40, 5))
    data = x, np.where(x[:, 1] > 0, "up", "down"), x[:9], ["up", "down", "up"] * 3
    return ravine.train(data=data, epochs=2, batch_size=4, engine="reference", layers=(5, 4, 2), quiet=True)


def test_they_are_listed_shown_and_exported(trained, capsys, tmp_path):
    assert run(["runs", "list"]) == 0
    assert trained.id in capsys.readouterr().out
    assert run(["runs", "show", trained.id]) == 0
    out = capsys.readouterr().out
    assert trained.spec.data[:8] in out
    assert run(["runs", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)
    assert run(["runs", "export", "--into", str(tmp_path / "tables")]) == 0
    assert trained.spec.data in (tmp_path / "tables" / "runs.csv").read_text()


def test_their_curves_are_drawn(trained, capsys, tmp_path):
    assert run(["runs", "plot", trained.id]) == 0
    assert (tmp_path / f"run-{trained.id}.png").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["predict", "RUN", "test:0"], "ravine.load_run('RUN').predict(X) takes samples of their form"),
        (["runs", "plot", "RUN", "--errors"], "which are not stored with it"),
        (["runs", "plot", "RUN", "--confusion"], "which are not stored with it"),
        (["runs", "plot", "RUN", "--weights"], "draws images, and the samples of run RUN are none"),
        (["runs", "extend", "RUN", "--epochs", "4"], "which are not stored with it"),
        (["gradcheck", "--run", "RUN"], "which are not stored with it"),
    ],
    ids=lambda given: "-".join(given) if isinstance(given, list) else "",
)
def test_what_needs_the_data_says_so_in_one_sentence(trained, words, message, capsys):
    assert run([trained.id if word == "RUN" else word for word in words]) == 3
    err = " ".join(capsys.readouterr().err.split())
    assert message.replace("RUN", trained.id) in err
    assert "Traceback" not in err

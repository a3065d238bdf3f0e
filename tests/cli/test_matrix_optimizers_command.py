"""Matrix optimizers on the command line."""

from __future__ import annotations

import json

import pytest

from optimizer_cases import MATRIX
from ravine.cli.main import run
from ravine.spec import from_settings

SMALL = ["--dataset", "small", "--layers", "64,12,10", "-m", "50", "--epochs", "1"]


@pytest.mark.parametrize("name", MATRIX)
def test_train(small, capsys, name):
    assert run(["train", *SMALL, "--optimizer", name, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["status"], document["spec"]["engine"], document["spec"]["optimizer"]) == (
        "done",
        "fused",
        name,
    )


@pytest.mark.parametrize("name", MATRIX)
def test_they_are_listed_and_shown(capsys, name):
    assert run(["optimizers"]) == 0
    assert f"\n{name} " in capsys.readouterr().out
    assert run(["optimizers", name]) == 0
    out = capsys.readouterr().out
    assert "Source:" in out
    assert "lr" in out


def test_the_list_as_json(capsys):
    assert run(["optimizers", "--json"]) == 0
    found = {facts["name"]: facts for facts in json.loads(capsys.readouterr().out)["optimizers"]}
    assert found["muon"]["slots"] is None
    assert found["muon"]["defaults"]["momentum"] == 0.95
    assert found["adam"]["slots"] == ["m", "v"]


MINE = """
import numpy as np
from ravine import matrix_rule

@matrix_rule()
def normalized(gradients, weights, state, t, *, lr=0.1):
    '''Normalized: steps of one length for each layer.'''
    return [lr * g / (np.linalg.norm(g) + 1e-12) for g in gradients], {}
"""


def test_a_file_of_one_s_own(small, capsys, tmp_path):
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    file = f"{tmp_path}/mine.py:normalized"
    assert run(["train", *SMALL, "--optimizer", file, "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert first["spec"]["engine"] == "fused"
    assert run(["check-optimizer", file, "--no-speed"]) in (0, 1)
    assert "inputs" in capsys.readouterr().out
    settings = {"dataset": "small", "layers": (64, 12, 10), "batch_size": 50, "epochs": 1, "optimizer": file}
    assert from_settings(settings).id == first["id"]
    (tmp_path / "mine.py").write_text(MINE.replace("lr * g", "2 * lr * g"), encoding="utf-8")
    assert from_settings(settings).id != first["id"]

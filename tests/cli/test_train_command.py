from __future__ import annotations

import json
import math

import msgspec
import pytest
from command_cases import MNIST, SMALL, ravine

from ravine.cli.main import run
from ravine.spec import RunSpec, resolve


def train_json(capsys, *more: str) -> dict:
    assert run(["train", *SMALL, "--json", *more]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_json_document(small, capsys):
    document = train_json(capsys)
    assert list(document) == [
        "status", "cause", "hint", "id", "parameters", "train_loss", "validation_loss", "validation_accuracy",
        "validation_r2", "validation_mean_absolute_error", "test_loss", "test_accuracy", "test_r2",
        "test_mean_absolute_error", "tested", "seconds", "history", "spec",
    ]  # fmt: skip
    assert (document["status"], document["cause"], document["parameters"]) == ("done", None, 888)
    assert list(document["seconds"]) == ["compile", "train", "evaluate", "total"]
    assert len(document["history"]) == 3
    for record in document["history"]:
        assert list(record) == [
            "epoch", "steps", "lr", "batch_size", "train_loss", "test_loss", "test_accuracy", "seconds",
            "validation_loss", "validation_accuracy", "validation_r2", "validation_mean_absolute_error", "test_r2",
            "test_mean_absolute_error",
        ]  # fmt: skip
    assert document["train_loss"] == document["history"][-1]["train_loss"]
    assert resolve(msgspec.convert(document["spec"], RunSpec)).id == document["id"]


def test_every_option_reaches_the_spec(small, capsys):
    options = {
        "--optimizer": "momentum", "--lr": "0.2", "--set": "alpha=0.25", "--schedule": "step",
        "--schedule-by": "step", "--warmup": "0.5", "--batch-size": "30", "--largest-batch": "60",
        "--per-layer": "alpha=1,0.5", "--epochs": "2", "--seed": "7",
        "--layers": "64-11-10", "--activation": "tanh", "--softmax": "naive", "--init": "he-normal",
        "--dataset": "small", "--validation": "0.1", "--validation-seed": "3", "--test": "end",
        "--engine": "reference", "--dtype": "float64",
    }  # fmt: skip
    more = ["--bias", "--set", "decay_factor=0.5", "--set", "decay_every=2"]
    spec = train_json(capsys, *(word for pair in options.items() for word in pair), *more)["spec"]
    assert spec == {
        "dataset": "small", "layers": [64, 11, 10], "activation": "tanh", "bias": True, "softmax": "naive",
        "init": "he-normal", "optimizer": "momentum", "stages": [], "lr": 0.2, "hyperparameters": {"alpha": 0.25},
        "schedule": "step", "schedule_settings": {"decay_factor": 0.5, "decay_every": 2}, "schedule_by": "step",
        "warmup": 0.5, "batch_size": 30, "largest_batch": 60, "per_layer": {"alpha": [1.0, 0.5]},
        "epochs": 2, "seed": 7, "validation": 23, "validation_seed": 3, "test": "end",
        "engine": "reference", "dtype": "float64", "data": None, "initial_weights": None, "order": None,
        "extends": None, "loss": "cross-entropy", "label_smoothing": 0.0, "targets": "classes",
    }  # fmt: skip


def test_the_defaults_are_the_paper_s_network(capsys, tmp_path):
    # Nothing is trained: a data folder that does not exist ends the command, after the spec was made.
    assert run(["train", "--data-dir", str(tmp_path / "none"), "--out", str(tmp_path)]) == 3
    assert RunSpec().layers == (784, 300, 100, 100, 10)
    assert (RunSpec().optimizer, RunSpec().batch_size, RunSpec().epochs, RunSpec().seed) == ("sgd", 10, 10, 0)


def test_results_on_stdout_and_all_else_on_stderr(small, capsys, runs):
    assert run(["train", *SMALL]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("run ")
    for words in ("64-12-10, 888 weights", "sgd, lr 0.1, batches of 20", "3 of 3, seed 0", "test accuracy", str(runs)):
        assert words in out
    lines = err.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("epoch 1/3  lr 0.1 ")
    assert lines[2].startswith("epoch 3/3")
    assert "\x1b" not in out + err


def test_what_changes_in_the_course_of_a_run_is_told(small, capsys):
    growing = ["--schedule", "step", "--set", "decay_factor=0.5", "--set", "decay_every=1", "--largest-batch", "40"]
    assert run(["train", *SMALL, *growing, "--per-layer", "lr=1,0.5"]) == 0
    out, err = capsys.readouterr()
    assert "sgd, lr 0.1, lr times 1,0.5, batches of 20 to 40" in out
    assert [line.split()[3] for line in err.splitlines()] == ["0.1", "0.1", "0.05"]


@pytest.mark.parametrize("flag", ["--quiet", "-q"])
def test_quiet(small, capsys, flag):
    assert run(["train", *SMALL, flag]) == 0
    assert capsys.readouterr().err == ""
    assert run(["train", *SMALL, flag]) == 0  # the stored run, too
    assert capsys.readouterr().err == ""


def test_a_stored_run_is_shown_at_once_and_says_so(small, capsys):
    first = train_json(capsys)
    assert run(["train", *SMALL, "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == first
    assert len(err.splitlines()) == 1
    assert f"run {first['id']} is stored in" in err
    assert "--fresh trains it anew" in err
    assert run(["train", *SMALL, "--json", "--fresh"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["seconds"] != first["seconds"]
    assert len(err.splitlines()) == 3


@pytest.mark.parametrize("where", ["option", "environment", "default"])
def test_where_runs_are_stored(small, capsys, tmp_path, monkeypatch, where):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RAVINE_HOME", str(tmp_path / "environment"))
    if where == "default":
        monkeypatch.delenv("RAVINE_HOME")
    folder = tmp_path / {"option": "option", "environment": "environment", "default": "runs"}[where]
    run_id = train_json(capsys, *(["--out", str(folder)] if where == "option" else []))["id"]
    assert (folder / run_id / "result.json").exists()


def test_a_diverged_run_is_a_result(small, capsys):
    document = train_json(capsys, "--lr", "1e30")
    assert document["status"] == "diverged"
    assert document["cause"]["kind"] == "non_finite"
    assert set(document["cause"]) == {"kind", "epoch", "step", "layer", "where", "message"}
    assert document["train_loss"] is None
    assert run(["train", *SMALL, "--lr", "1e30"]) == 0
    out, _ = capsys.readouterr()
    assert "diverged" in out
    assert document["cause"]["message"] in out


def test_a_dead_network_is_a_result(small, capsys):
    document = train_json(capsys, "--lr", "1000", "--epochs", "20")
    assert (document["status"], document["cause"]["kind"]) == ("diverged", "dead_network")
    assert document["cause"]["loss"] == pytest.approx(math.log(10), rel=1e-6)
    assert document["cause"]["layer"] == 1


def test_the_same_seed_gives_the_same_bits_in_processes_side_by_side(mnist_environment, tmp_path):
    arguments = [*MNIST, "-m", "100", "--epochs", "2", "--json", "--quiet"]
    beside = [ravine(mnist_environment, *arguments, "--out", str(tmp_path / name)) for name in ("one", "two")]
    documents = [json.loads(process.communicate(timeout=100)[0]) for process in beside]
    for document in documents:
        del document["seconds"]
        for record in document["history"]:
            del record["seconds"]
    assert documents[0] == documents[1]
    stored = [next((tmp_path / name).glob("*/weights.safetensors")).read_bytes() for name in ("one", "two")]
    assert stored[0] == stored[1]
    assert documents[0]["test_accuracy"] > 0.9


SWITCHED = """
import numpy as np
from ravine import rule
@rule
def switched(g, *, lr=0.1, heavy=True, steps: int = 1000000, \u03f5=1.0):
    return lr * np.where(heavy, g, \u03f5 * g)
"""


def test_flags_whole_numbers_and_folded_names(small, capsys, tmp_path):
    file = tmp_path / "switched.py"
    file.write_text(SWITCHED, encoding="utf-8")
    optimizer = ["--optimizer", str(file)]
    assert run(["train", *SMALL, *optimizer, "--set", "heavy=False", "--set", "\u03f5=0.5"]) == 0
    assert "switched, lr 0.1, heavy false, steps 1000000, \u03b5 0.5, batches" in capsys.readouterr().out
    run(["train", *SMALL, *optimizer, "--set", "heavy=0", "--set", "\u03b5=0.5", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["spec"]["hyperparameters"] == {"heavy": False, "steps": 1000000, "\u03b5": 0.5}
    assert found["spec"]["hyperparameters"]["heavy"] is False
    run(["runs", "show", found["id"]])
    assert "heavy false, steps 1000000, \u03b5 0.5" in capsys.readouterr().out
    assert run(["train", *SMALL, *optimizer, "--per-layer", "\u03f5=1,0.5", "--quiet"]) == 0
    for given, words in (
        ("heavy=2", "true or false"),
        ("steps=1.5", "a whole number"),
        ("lr=true", "own option, --lr"),
    ):
        capsys.readouterr()
        assert run(["train", *SMALL, *optimizer, "--set", given]) == 3
        assert words in capsys.readouterr().err


def test_a_hint_is_the_last_line(small, capsys):
    assert run(["train", *SMALL, "--lr", "3e-7", "-m", "5"]) == 0
    *_, folder, last = capsys.readouterr().out.splitlines()
    assert folder.startswith("  stored in ")
    assert last.startswith("  hint           It did not learn: test accuracy ")
    assert "138 steps moved the weights by only" in last
    assert run(["train", *SMALL, "--lr", "0.1"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("  stored in ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--set", "weight_decay=0.1", "--set", "weight_decay=0.2"],
        ["--set", "weight_decay=0.1", "--set", " weight_decay=0.1"],
        ["--per-layer", "lr=1,1", "--per-layer", "lr=1,2"],
    ],
)
def test_a_value_is_given_once(arguments, small, capsys):
    assert run(["train", *SMALL, *arguments]) == 2
    assert "is given twice; give it once" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "option"), [("stages", "--stage"), ("batch_size", "--batch-size")])
def test_a_setting_has_an_option_of_its_own(name, option, small, capsys):
    assert run(["train", *SMALL, "--set", f"{name}=3"]) == 3
    assert f"give it with its own option, {option}." in capsys.readouterr().err

from __future__ import annotations

import json

import pytest
from command_cases import SMALL

from ravine.cli.main import run
from ravine.spec import RunSpec, resolve
from ravine.storage.store import RunStore


@pytest.fixture
def two(small, capsys):
    """Train two runs, of which the second diverges, and return their documents."""
    documents = []
    for lr in ("0.1", "1e30"):
        assert run(["train", *SMALL, "--json", "--lr", lr]) == 0
        documents.append(json.loads(capsys.readouterr().out))
    return documents


def test_list(two, capsys):
    assert run(["runs", "list"]) == 0
    out, err = capsys.readouterr()
    head, *rows = out.splitlines()
    assert head.split()[:3] == ["id", "status", "optimizer"]
    assert [row.split()[:4] for row in rows] == [
        [two[0]["id"], "done", "sgd", "0.1"],
        [two[1]["id"], "diverged", "sgd", "1e+30"],
    ]
    assert f"{100 * two[0]['test_accuracy']:.2f} %" in rows[0]
    assert err == ""


def test_list_as_json(two, capsys):
    assert run(["runs", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"runs": two, "unfinished": []}


def test_an_interrupted_run_is_listed(small, capsys, runs):
    from ravine.storage.checkpoint import Position, save_checkpoint
    from ravine.storage.record import Seconds
    from ravine.storage.store import write_spec

    unfinished_run = resolve(RunSpec(dataset="small", layers=(64, 10)))
    with RunStore(runs).working_folder(unfinished_run.id) as folder:
        write_spec(folder, unfinished_run.spec)
        save_checkpoint(folder / "checkpoint.safetensors", {}, Position(2, 0, 0.0, 0.0, [], Seconds()))
    assert run(["runs", "list"]) == 0
    assert f"{unfinished_run.id}  stopped, 2 of 10 epochs" in capsys.readouterr().out
    assert run(["runs", "list", "--json"]) == 0
    (unfinished,) = json.loads(capsys.readouterr().out)["unfinished"]
    assert (unfinished["id"], unfinished["epochs"]) == (unfinished_run.id, 2)


def test_a_damaged_run_does_not_hide_the_others(two, capsys, runs):
    (runs / two[0]["id"] / "result.json").write_text("{")
    assert run(["runs", "list"]) == 0
    out, err = capsys.readouterr()
    assert two[1]["id"] in out
    assert f"{two[0]['id']} is damaged" in err


def test_no_runs(capsys, tmp_path):
    assert run(["runs", "list", "--out", str(tmp_path / "none")]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "no runs" in err
    assert run(["runs", "list", "--out", str(tmp_path / "none"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"runs": [], "unfinished": []}


def test_show(two, capsys, runs):
    for name in (two[0]["id"], two[0]["id"][:10], str(runs / two[0]["id"])):
        assert run(["runs", "show", name]) == 0
        out = capsys.readouterr().out
        assert out.startswith(f"run {two[0]['id']}: done\n")
        for record in two[0]["history"]:
            assert f"{record['test_loss']:.4g}" in out
        for words in ("64,12,10", "glorot-uniform", "numpy", "processor"):
            assert words in out
    assert run(["runs", "show", two[1]["id"]]) == 0
    shown = capsys.readouterr().out
    assert two[1]["cause"]["message"] in shown
    assert f"\nhint: {two[1]['hint']}\n" in shown


def test_show_as_json(two, capsys):
    assert run(["runs", "show", two[1]["id"], "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    environment = shown.pop("environment")
    assert shown == two[1]
    assert {"ravine", "python", "numpy", "processor", "threads"} <= set(environment)


def test_no_such_run(two, capsys):
    assert run(["runs", "show", "nothing"]) == 3
    err = capsys.readouterr().err
    assert "there is no run 'nothing'" in err
    assert "`ravine runs list`" in err


def test_optimizers(capsys):
    assert run(["optimizers"]) == 0
    out = capsys.readouterr().out
    assert {line.split()[0] for line in out.splitlines()[1:]} >= {"sgd", "momentum", "adagrad", "rmsprop", "adam"}
    assert run(["optimizers", "momentum"]) == 0
    assert "alpha" in capsys.readouterr().out
    assert run(["optimizers", "--json"]) == 0
    listed = {each["name"]: each for each in json.loads(capsys.readouterr().out)["optimizers"]}
    assert listed["adam"]["defaults"] == {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
    assert listed["adam"]["slots"] == ["m", "v"]
    assert run(["optimizers", "momentun"]) == 3
    assert "did you mean 'momentum'" in capsys.readouterr().err


def test_datasets(small, capsys, tmp_path):
    assert run(["datasets"]) == 0
    out = capsys.readouterr().out
    assert {line.split()[0] for line in out.splitlines()[1:]} == {"mnist", "fashion-mnist", "kmnist", "small"}
    assert str(tmp_path / "files" / "small") in out
    assert run(["datasets", "--json"]) == 0
    listed = {each["name"]: each for each in json.loads(capsys.readouterr().out)["datasets"]}
    assert listed["small"]["folder"] == str(tmp_path / "files" / "small")
    assert listed["mnist"]["shape"] == [28, 28]
    assert listed["mnist"]["license"]

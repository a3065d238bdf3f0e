from __future__ import annotations

import json

import pytest
from command_cases import SMALL

from ravine.cli.main import run
from ravine.spec import RunSpec, resolve
from ravine.storage.checkpoint import Position
from ravine.storage.record import Epoch, Seconds
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
    unfinished_run = resolve(RunSpec(dataset="small", layers=(64, 10)))
    with RunStore(runs).working_folder(unfinished_run.id) as working:
        history = [Epoch(k, 12 * k, 0.1, 20, 2.0 / k, 1.5, 0.1234 * k, 0.5) for k in (1, 2)]
        working.save(unfinished_run.spec, {}, Position(2, 0, 0.0, 0.0, history, Seconds()))
    assert run(["runs", "list"]) == 0
    (row,) = capsys.readouterr().out.splitlines()[1:]
    assert row.split() == [
        unfinished_run.id,
        *["stopped", "sgd", "0.1", "10", "2", "of", "10", "0", "1.000", "24.68", "%"],
    ]
    assert run(["runs", "list", "--json"]) == 0
    (unfinished,) = json.loads(capsys.readouterr().out)["unfinished"]
    assert (unfinished["id"], unfinished["epochs"], unfinished["status"]) == (unfinished_run.id, 2, "stopped")

    # What the list has, `runs show` shows, and whatever needs a whole run says how it stands.
    assert run(["runs", "show", unfinished_run.id[:9]]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"run {unfinished_run.id}: stopped, 2 of 10 epochs; the command that began it goes on")
    assert "24.68 %" in out
    assert "glorot-uniform" in out
    assert run(["runs", "show", unfinished_run.id, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["id"], shown["status"], len(shown["history"])) == (unfinished_run.id, "stopped", 2)
    for command in (["predict", unfinished_run.id, "test:0"], ["runs", "extend", unfinished_run.id, "--epochs", "20"]):
        assert run(command) == 3
        err = capsys.readouterr().err
        assert err == (
            f"ravine: run {unfinished_run.id} has not ended (stopped, 2 of 10 epochs); the command that began it goes "
            "on with it.\n"
        )


@pytest.mark.parametrize(
    ("name", "content"),
    [("checkpoint.safetensors", b""), ("checkpoint.safetensors", b"damaged"), ("spec.json", b"{"), ("spec.json", None)],
)
def test_a_stopped_run_that_is_damaged_is_told(small, capsys, runs, name, content):
    stopped = resolve(RunSpec(dataset="small", layers=(64, 10), epochs=3))
    folder = runs / f"{stopped.id}.partial"
    with RunStore(runs).working_folder(stopped.id) as working:
        working.save(stopped.spec, {}, Position(1, 0, 0.0, 0.0, [], Seconds()))
        (folder / name).unlink() if content is None else (folder / name).write_bytes(content)
    assert run(["runs", "list"]) == 0
    assert f"{stopped.id}.partial" in capsys.readouterr().err
    assert run(["runs", "show", stopped.id[:6]]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{stopped.id}.partial" in err
    assert "--fresh" in err


def test_a_working_folder_is_a_name_of_a_stopped_run(small, capsys, runs):
    stopped = resolve(RunSpec(dataset="small", layers=(64, 10), epochs=3))
    folder = runs / f"{stopped.id}.partial"
    with RunStore(runs).working_folder(stopped.id) as working:
        working.save(stopped.spec, {}, Position(0, 9, 0.0, 0.0, [], Seconds()))
    assert run(["runs", "show", str(folder), "--out", "elsewhere"]) == 0
    assert capsys.readouterr().out.startswith(f"run {stopped.id}: stopped, 0 of 3 epochs")


def test_a_run_is_running_as_long_as_a_process_has_it(small, capsys, runs):
    stopped = resolve(RunSpec(dataset="small", layers=(64, 10), epochs=3))
    with RunStore(runs).working_folder(stopped.id) as working:
        working.save(stopped.spec, {}, Position(0, 9, 0.0, 0.0, [], Seconds()))
        assert RunStore(runs).unfinished()[0][0].status == "running"
    assert RunStore(runs).unfinished()[0][0].status == "stopped"


DIFFERENT = (
    ["--layers", "64,7,10"],
    ["--activation", "tanh"],
    ["--optimizer", "momentum", "--set", "alpha=0.625"],
    ["--schedule", "cosine"],
    ["--final-lr", "0.015"],
    ["--dtype", "float64"],
    ["--bias"],
    ["--per-layer", "lr=1,0.75"],
    ["--set", "weight_decay=0.125"],
    ["--init", "he-normal"],
)


def test_no_two_runs_look_alike_in_the_list(small, capsys):
    for options in DIFFERENT:
        assert run(["train", *SMALL, "--quiet", *options]) == 0
    capsys.readouterr()
    assert run(["runs", "list"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.endswith("other settings")
    told = ["64,7,10", "tanh", "alpha 0.625", "cosine", "0.015", "float64", "bias true", "1,0.75", "weight_decay 0.125"]
    for row, words in zip(rows, [*told, "he-normal"], strict=True):
        assert words in row
        assert sum(words in other for other in rows) == 1, words


def test_what_is_the_same_in_all_runs_is_left_out(two, capsys):
    assert run(["runs", "list"]) == 0
    assert "other settings" not in capsys.readouterr().out


def test_extend(two, capsys):
    assert run(["runs", "extend", two[0]["id"][:8], "--epochs", "5", "--json"]) == 0
    longer = json.loads(capsys.readouterr().out)
    assert run(["train", *SMALL, "--lr", "0.1", "--epochs", "5", "--fresh", "--json"]) == 0
    long = json.loads(capsys.readouterr().out)
    for document in (longer, long):
        del document["seconds"]
        for record in document["history"]:
            del record["seconds"]
    assert longer == long
    assert run(["runs", "extend", two[0]["id"], "--epochs", "4", "--final-lr", "0.01", "--quiet"]) == 0
    out = capsys.readouterr().out
    assert f"extends        run {two[0]['id']}" in out
    assert "schedule       linear by epoch, final_lr 0.01" in out
    assert run(["runs", "extend", two[1]["id"], "--epochs", "4"]) == 3
    assert "diverged, so there is nothing to train on from" in capsys.readouterr().err
    assert run(["runs", "extend", two[0]["id"]]) == 2
    assert "--epochs" in capsys.readouterr().err


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


def test_a_damaged_text_prints_nothing_of_the_run(small, capsys, tmp_path):
    (tmp_path / "mine.py").write_text("import ravine\n@ravine.rule\ndef mine(g, *, lr=0.1):\n    return lr * g\n")
    assert run(["train", *SMALL, "--optimizer", f"{tmp_path / 'mine.py'}:mine", "--json", "-q"]) == 0
    document = json.loads(capsys.readouterr().out)
    (text,) = (tmp_path / "runs").glob("*/optimizer.txt")
    text.write_bytes(b"\xff\xff\xff")
    assert run(["runs", "show", document["id"]]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert "optimizer.txt" in err

"""Runs with a validation split on the command line: what is shown is what they looked at."""

from __future__ import annotations

import csv
import json

import pytest

from ravine.cli.main import run

SMALL = ["--dataset", "small", "--layers", "64,12,10", "--batch-size", "20", "--epochs", "3", "--engine", "reference"]
NOT_LOOKED = "The run did not look at it; --test end does, once at the end."

COLUMNS = {
    "": ("test loss", "test accuracy"),
    "--validation 0.2": ("validation loss", "validation accuracy"),
    "--validation 46 --test end": ("validation loss", "validation accuracy"),
    "--validation 46 --test epoch": ("validation loss", "validation accuracy", "test loss", "test accuracy"),
    "--test end": (),
    "--test never": (),
}
EVERY = ("validation loss", "validation accuracy", "test loss", "test accuracy")


@pytest.mark.parametrize("options", COLUMNS)
def test_what_is_shown_is_what_was_looked_at(small, capsys, options):
    assert run(["train", *SMALL, *options.split()]) == 0
    out, err = capsys.readouterr()
    after_an_epoch = COLUMNS[options]
    at_the_end = {*after_an_epoch, *(("test loss", "test accuracy") if "--test end" in options else ())}
    assert [name in err for name in EVERY] == [name in after_an_epoch for name in EVERY]
    assert [any(line.startswith(f"  {name} ") for line in out.splitlines()) for name in EVERY] == [
        name in at_the_end for name in EVERY
    ]
    assert (NOT_LOOKED in out) == (not any(name.startswith("test") for name in at_the_end))
    assert ("46 training samples held out, drawn by seed 0" in out) == ("--validation" in options)
    assert "None" not in out + err
    assert "nan" not in out + err
    name = out.split()[1].rstrip(":")
    assert run(["runs", "show", name]) == 0
    head = capsys.readouterr().out.splitlines()[3]
    assert [column in head for column in EVERY] == [column in after_an_epoch for column in EVERY]
    assert run(["runs", "list"]) == 0
    out = capsys.readouterr().out
    assert [f"{part} accuracy" in out for part in ("validation", "test")] == [
        f"{part} accuracy" in at_the_end for part in ("validation", "test")
    ]
    assert "None" not in out


def test_runs_of_all_kinds_beside_each_other(small, capsys, tmp_path):
    for options in COLUMNS:
        assert run(["train", *SMALL, "--quiet", *options.split()]) == 0
    capsys.readouterr()
    assert run(["runs", "list", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["runs"]
    assert [one["tested"] for one in found] == [True, False, True, True, True, False]
    assert [one["test_accuracy"] is not None for one in found] == [one["tested"] for one in found]
    assert [one["validation_accuracy"] is not None for one in found] == [False, True, True, True, False, False]
    assert run(["runs", "list"]) == 0
    out = capsys.readouterr().out
    assert "None" not in out
    assert "validation accuracy  test accuracy" in out
    ids = [one["id"] for one in found]
    for picked in (*([one] for one in ids), ids, ids[4:]):
        assert run(["runs", "plot", *picked, "--into", str(tmp_path / "picture.svg")]) == 0
    assert run(["runs", "export", "--into", str(tmp_path)]) == 0
    with (tmp_path / "runs.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["tested"] for row in rows] == ["true", "false", "true", "true", "true", "false"]
    assert [row["test"] for row in rows] == ["epoch", "never", "end", "epoch", "end", "never"]
    assert [row["validation"] for row in rows] == ["0", "46", "46", "46", "0", "0"]
    assert [row["validation_accuracy"] != "" for row in rows] == [False, True, True, True, False, False]
    with (tmp_path / "epochs.csv").open() as file:
        epochs = list(csv.DictReader(file))
    assert [row["test_accuracy"] != "" for row in epochs[::3]] == [True, False, False, True, False, False]


def test_a_stopped_run_shows_the_same_columns(small, capsys, runs):
    from ravine.storage.store import RunStore
    from training_cases import interrupt_at, named_run

    part = interrupt_at(named_run(validation=46), small, RunStore(runs), 3).result
    assert run(["runs", "show", part.id]) == 0
    assert "validation accuracy" in capsys.readouterr().out
    assert run(["runs", "list"]) == 0
    out = capsys.readouterr().out
    assert "stopped" in out
    assert "validation accuracy" in out
    assert "test accuracy" not in out


def test_an_extended_run_says_it_too(small, capsys):
    assert run(["train", *SMALL, "--quiet", "--validation", "46"]) == 0
    name = capsys.readouterr().out.split()[1].rstrip(":")
    assert run(["runs", "extend", name, "--epochs", "4", "--quiet"]) == 0
    out = capsys.readouterr().out
    assert "46 training samples held out" in out
    assert NOT_LOOKED in out


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (["--validation", "many"], 2, "'many' is not a number, for example 6000 or 0.1."),
        (["--validation", "1.0"], 3, "validation is 1.0; it must be a number of samples, 1 or more, written without"),
        (["--validation", "nan"], 3, "validation is nan; it must be"),
        (["--validation", "-1"], 3, "validation is -1; it must be"),
        (["--validation", "230"], 3, "none would be left to train on"),
        (["--validation", "0.5", "--batch-size", "116"], 3, "batch size is 116; it must be at most 115"),
        (["--validation-seed", "0.5"], 2, "validation-seed"),
        (["--test", "ends"], 3, "did you mean 'end'?"),
    ],
)
def test_what_cannot_be_is_refused(small, capsys, runs, options, code, told):
    assert run(["train", *SMALL, *options]) == code
    out, err = capsys.readouterr()
    assert told in err
    assert out == ""
    assert not runs.exists()


STUDY = """
name = "rates"
[settings]
dataset = "small"
layers = [64, 12, 10]
batch_size = 20
epochs = 2
engine = "reference"
validation = 0.2
%s
[[groups]]
name = "sgd"
grid = { lr = [0.1, 0.3] }
[[figures]]
name = "curves"
rows = ["sgd"]
"""


@pytest.mark.parametrize("test", ["", 'test = "end"', 'test = "epoch"'])
def test_a_study_with_validation(small, capsys, tmp_path, test):
    file = tmp_path / "rates.toml"
    file.write_text(STUDY % test)
    assert run(["study", "run", str(file), "--jobs", "1"]) == 0
    out, err = capsys.readouterr()
    assert "validation accuracy" in out
    assert "validation accuracy" in err
    assert ("test accuracy" in out) == ("test accuracy" in err) == bool(test)
    assert run(["study", "report", str(file), "--into", str(tmp_path / "page")]) == 0
    out = capsys.readouterr().out
    assert "validation accuracy" in out
    assert "None" not in out
    assert "nan" not in out
    assert ("Best row" in out) == bool(test)
    page = (tmp_path / "page" / "index.html").read_text()
    assert "validation accuracy" in page
    assert (tmp_path / "page" / "figures" / "curves.svg").exists()
    with (tmp_path / "page" / "tables" / "sgd.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert all(0 <= float(row["validation accuracy"]) <= 1 for row in rows)
    assert all((row["accuracy"] == "-") == (not test) for row in rows)
    assert run(["study", "report", str(file), "--json"]) == 0
    (table,) = json.loads(capsys.readouterr().out)["tables"]
    assert all(row["validation_accuracy"]["count"] == 1 for row in table["rows"])


def test_a_figure_of_what_the_runs_do_not_have_is_left_out(small, capsys, tmp_path):
    file = tmp_path / "rates.toml"
    file.write_text(STUDY % "" + 'measures = ["test_accuracy"]\n')
    assert run(["study", "run", str(file), "--quiet", "--jobs", "1"]) == 0
    assert run(["study", "report", str(file), "--into", str(tmp_path / "page")]) == 0
    assert not (tmp_path / "page" / "figures").exists()

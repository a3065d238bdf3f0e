"""`ravine runs export`."""

from __future__ import annotations

import json

import pandas
import pytest
from command_cases import SMALL

from ravine.cli.main import run


@pytest.fixture
def two(small, capsys):
    """Train two runs, of which the second diverges, and return their documents."""
    documents = []
    for arguments in (["--lr", "0.1"], ["--optimizer", "momentum", "--lr", "1e30"]):
        assert run(["train", *SMALL, "--json", *arguments]) == 0
        documents.append(json.loads(capsys.readouterr().out))
    return documents


def test_all_runs(two, capsys, tmp_path):
    into = tmp_path / "new" / "tables"
    assert run(["runs", "export", "--into", str(into)]) == 0
    out, err = capsys.readouterr()
    assert out == f"2 runs with 3 epochs\nwritten: {into / 'runs.csv'}\nwritten: {into / 'epochs.csv'}\n"
    assert err == ""
    runs, epochs = (pandas.read_csv(into / name) for name in ("runs.csv", "epochs.csv"))
    assert runs["id"].tolist() == [each["id"] for each in two]
    assert runs["test_accuracy"].tolist() == [each["test_accuracy"] for each in two]
    assert runs["cause"].tolist()[1] == two[1]["cause"]["kind"]
    assert runs["hint"].tolist()[1] == two[1]["hint"]
    assert runs["alpha"].dtype == float
    read = epochs.drop(columns=["id", "seed"]).astype(object)
    assert read.where(read.notna(), None).to_dict("records") == two[0]["history"]


def test_some_runs_as_json(two, capsys, tmp_path):
    second = two[1]["id"]
    for names in ([second[:8]], [second, second]):
        assert run(["runs", "export", *names, "--into", str(tmp_path), "--json"]) == 0
        files = [str(tmp_path / name) for name in ("runs.csv", "epochs.csv")]
        assert json.loads(capsys.readouterr().out) == {"runs": 1, "epochs": 0, "files": files}
        assert pandas.read_csv(tmp_path / "runs.csv")["id"].tolist() == [second]
        assert len(pandas.read_csv(tmp_path / "epochs.csv")) == 0


def test_one_run_is_not_runs(two, capsys, tmp_path):
    assert run(["runs", "export", two[1]["id"], "--into", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("1 run with 0 epochs\n")


def test_a_damaged_run_does_not_hide_the_others(two, capsys, tmp_path, runs):
    (runs / two[0]["id"] / "result.json").write_text("{")
    assert run(["runs", "export", "--into", str(tmp_path / "tables")]) == 0
    assert f"{two[0]['id']} is damaged" in capsys.readouterr().err
    assert pandas.read_csv(tmp_path / "tables" / "runs.csv")["id"].tolist() == [two[1]["id"]]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["none", "--into", "tables"], 3, "there is no run 'none'"),
        (["--into", "tables", "--out", "nowhere"], 3, "there are no runs in nowhere; name another folder with --out."),
        ([], 2, "Missing option '--into'"),
        (["--into", "file"], 3, "cannot make the folder file"),
        (["--into", "tables/" + 300 * "x"], 3, "cannot make the folder tables/xxx"),
        (["--into", 300 * "x"], 3, "--into is 'xxx"),
    ],
)
def test_what_cannot_be_exported_leaves_no_folder(two, capsys, tmp_path, monkeypatch, arguments, code, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("in the way")
    assert run(["runs", "export", *arguments]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert not (tmp_path / "tables").exists()

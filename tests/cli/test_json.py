"""With `--json` every command prints one document, which is an object."""

from __future__ import annotations

import json

import pytest
from command_cases import SMALL
from test_help import LEAVES

from paper.reproduction_cases import use_small_paper
from ravine.cli.main import run
from rule_files import write_rules
from studies.study_cases import SMALL_STUDY

COMMANDS = {
    ("train",): [[*SMALL]],
    ("predict",): [["RUN", "test:0"], ["RUN", "test:0", "test:1"]],
    ("runs", "list"): [[]],
    ("runs", "show"): [["RUN"]],
    ("runs", "export"): [["--into", "rows"]],
    ("runs", "plot"): [["RUN", "--into", "p.svg"], ["RUN", "--confusion"], ["RUN", "--errors"]],
    ("runs", "extend"): [["RUN", "--epochs", "4"]],
    ("runs", "convert"): [[]],
    ("runs", "merge"): [["runs", "--out", "all"]],
    ("gradcheck",): [["--run", "RUN", "--digits", "0"]],
    ("optimizers",): [[], ["sgd"], ["mine.py:mine"]],
    ("check-optimizer",): [["mine.py:mine", "--no-speed"]],
    ("paths",): [["sgd", "--steps", "3", "--out", "p.svg"], ["--list"]],
    ("study", "run"): [["six.toml", "--only", "momenta", "--dry-run"], ["six.toml", "--only", "momenta"]],
    ("study", "status"): [["six.toml"]],
    ("study", "report"): [["six.toml"], ["six.toml", "--into", "report"]],
    ("reproduce",): [["--only", "table1", "--out", "report"]],
    ("compare",): [["sgd", "momentum", "--problem", "tiny.toml", "--dry-run"], ["--list"]],
    ("datasets",): [[], ["--data-dir", "."]],
}
"""By command, lists of arguments; RUN stands for the id of a stored run."""


def test_no_command_is_left_out():
    assert set(COMMANDS) == {path for path, leaf in LEAVES.items() if any(p.name == "as_json" for p in leaf.params)}


@pytest.mark.parametrize(
    ("path", "arguments"),
    [(path, each) for path, lists in COMMANDS.items() for each in lists],
    ids=" ".join,
)
def test_the_document_is_an_object(path, arguments, small, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    use_small_paper(monkeypatch)
    write_rules(tmp_path / "mine.py", "@rule\ndef mine(g, *, lr=0.1):\n    return lr * g\n")
    (tmp_path / "six.toml").write_text(SMALL_STUDY)
    (tmp_path / "tiny.toml").write_text(
        'name = "tiny"\ndataset = "small"\nlayers = [64, 10]\nbatch_size = 20\nepochs = 1\nvalidation = 50\n'
    )
    assert run(["train", *SMALL, "--json", "-q"]) == 0
    stored = json.loads(capsys.readouterr().out)["id"]
    assert run([*path, *(word.replace("RUN", stored) for word in arguments), "--json"]) == 0
    assert isinstance(json.loads(capsys.readouterr().out), dict)

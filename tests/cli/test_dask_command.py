"""`--dask`: the same results and files as without, and what cannot be is told."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from dask_cases import worker_environment
from ravine.cli.main import run
from studies.study_cases import SMALL_STUDY


@pytest.fixture
def study(small, tmp_path, monkeypatch):
    for name, value in worker_environment().items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "six.toml"
    path.write_text(SMALL_STUDY, encoding="utf-8")
    return str(path)


def weights(folder: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in folder.glob("*/weights.safetensors")}


def test_a_study(study, capsys, tmp_path):
    assert run(["study", "run", study, "--dask", "local", "--out", str(tmp_path / "a")]) == 0
    out, err = capsys.readouterr()
    assert "6 of 6 runs are stored." in out
    assert err.count("\n") == 6
    assert run(["study", "run", study, "--out", str(tmp_path / "b"), "-q", "--json"]) == 0
    assert len(weights(tmp_path / "a")) == 6
    assert weights(tmp_path / "a") == weights(tmp_path / "b")


def test_files_of_the_current_folder_are_not_taken_for_modules(study, capsys, tmp_path, monkeypatch):
    (tmp_path / "random.py").write_text("raise SystemExit('the wrong file')\n")
    monkeypatch.chdir(tmp_path)
    assert run(["study", "run", study, "--dask", "local", "--only", "momenta", "-q"]) == 0
    assert "3 of 3 runs are stored." in capsys.readouterr().out


def test_a_dry_run_starts_nothing(study, capsys, monkeypatch):
    monkeypatch.setattr("ravine.studies.runners.connection.connected", None)
    assert run(["study", "run", study, "--dask", "local", "--dry-run"]) == 0
    assert "6 runs to do" in capsys.readouterr().out


def test_a_comparison(study, capsys, tmp_path, empty_pictures):
    boards = []
    for number, more in enumerate((["--dask", "local"], [])):
        out = tmp_path / f"page-{number}"
        arguments = ["--trials", "4", "--finals", "4", "--problem", problem(tmp_path), "--out", str(out)]
        code = run(["compare", "sgd", "momentum", *arguments, "--runs", str(tmp_path / str(number)), "--json", *more])
        assert code == 0
        boards.append(json.loads(capsys.readouterr().out))
    shown = ("optimizer", "rank", "score", "interval", "settings", "validation", "best_of")
    first, second = ([[row[name] for name in shown] for row in board["leaderboard"]] for board in boards)
    assert first == second
    assert boards[0]["pairs"] == boards[1]["pairs"]
    assert weights(tmp_path / "0") == weights(tmp_path / "1") != {}


def problem(folder: Path) -> str:
    path = folder / "problem.toml"
    settings = "layers = [64, 8, 10]\nepochs = 1\nbatch_size = 20\nvalidation = 60\n"
    path.write_text(f'name = "tiny"\ndataset = "small"\n{settings}')
    return str(path)


@pytest.mark.parametrize(
    ("more", "code", "told"),
    [
        (["--dask", "tcp://127.0.0.1:9"], 3, "no Dask scheduler answers at tcp://127.0.0.1:9"),
        (["--dask", "nowhere"], 3, "give local, the address of a scheduler"),
        (["--dask", "tcp://127.0.0.1:9", "--jobs", "2"], 3, "--jobs is 2, and the cluster of --dask decides"),
    ],
)
def test_bad_places(study, capsys, runs, more, code, told):
    assert run(["study", "run", study, *more]) == code
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert told in err
    assert not runs.exists()


def test_without_dask_the_command_says_what_to_install(study, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert run(["study", "run", study, "--dask", "local"]) == 3
    assert capsys.readouterr().err == "ravine: Dask is not installed; `pip install distributed` installs it.\n"

"""`ravine.paper.reproduction.reproduce`, on a small study in the place of the paper's."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from reproduction_cases import SMALL_CLAIMS, files, files_of, small_runs, use_small_paper

from ravine.errors import ConfigError, DataError
from ravine.paper.reproduction import reproduce
from studies.study_cases import StudyRecorder


@pytest.fixture
def folder(small, tmp_path, monkeypatch):
    use_small_paper(monkeypatch)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "report"


def test_what_comes_back(folder, runs):
    done = reproduce(only=["table1", "claims"], out=folder, jobs=2)
    assert done.page == folder / "index.html"
    assert files(folder) == files_of(("table1",), claims=True)
    assert set(done.outcome.results) == {run.id for run in small_runs()}
    assert (done.outcome.failed, done.outcome.reused, done.outcome.signal) == ({}, set(), None)
    assert [judgment.id for judgment in done.report.judgments] == [claim.id for claim in SMALL_CLAIMS]
    assert done.report.command == "ravine reproduce --only table1,claims"
    assert "Beyond the paper" not in done.page.read_text()
    again = reproduce(only=["table1"], out=str(folder), runs=str(runs))
    assert again.outcome.reused == {run.id for run in small_runs(["table1"])}
    assert again.report.judgments == ()


def test_the_watcher_and_the_progress_are_told(folder):
    recorder, counts, told = StudyRecorder(), [], []

    @contextmanager
    def watching(count):
        counts.append(count)
        yield recorder

    for _ in range(2):
        reproduce(only=["figure4"], out=folder, watching=watching, progress=lambda what, moved: told.append(what))
    (run,) = small_runs(["figure4"])
    assert counts == [1, 0]
    assert recorder.begun == [run.id]
    assert list(recorder.results) == [run.id]
    assert set(told) == {"differences", "V-curve", "60 digits"}


@pytest.mark.parametrize(
    ("options", "command"),
    [
        ({"only": ["table1"]}, "ravine reproduce --only table1"),
        ({"only": ["table1", "figure2"], "seeds": 2}, "ravine reproduce --seeds 2 --only table1,figure2"),
        ({"only": ["table1"], "quick": True}, "ravine reproduce --quick --only table1"),
    ],
)
def test_the_command_of_the_page(folder, options, command):
    report = reproduce(out=folder, **options).report
    assert report.command == command
    assert report.seeds == tuple(range(options.get("seeds", 1)))
    assert report.quick == options.get("quick", False)


def test_the_default_folder_is_here(folder, tmp_path):
    assert reproduce(only=["table1"]).page.absolute() == tmp_path / "ravine-report" / "index.html"


def test_bad_input(folder, runs):
    with pytest.raises(ConfigError, match="unknown table or figure 'table9'"):
        reproduce(only=["table9"], out=folder)
    assert not folder.exists()
    with pytest.raises(DataError, match="is not a folder"):
        reproduce(out=folder, data_dir="nowhere")
    assert files(folder) == files(runs) == set()

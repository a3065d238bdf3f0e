"""`ravine reproduce` from end to end, on a small study in the place of the paper's."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
from pathlib import Path
from xml.etree import ElementTree

import pytest
from reproduction_cases import FIGURES, TABLES, files, files_of, small_runs, use_small_paper

from ravine.cli.main import run
from ravine.data import sources
from ravine.errors import DownloadError, StorageError
from ravine.studies import gradients
from ravine.studies.runners import protocol


@pytest.fixture
def report(small, tmp_path, monkeypatch) -> Path:
    """Set everything up and return the folder of the report, which is not there yet."""
    use_small_paper(monkeypatch)
    return tmp_path / "new" / "report"


def reproduce(report: Path, *arguments: str) -> int:
    return run(["reproduce", "--out", str(report), "--jobs", "2", *arguments])


def stored(runs: Path) -> set[str]:
    return {path.name for path in runs.iterdir() if (path / "result.json").exists()}


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def no_training(monkeypatch):
    """Let a test fail that trains."""

    def refuse(*arguments, **options):
        raise AssertionError("a run was trained")

    monkeypatch.setattr(protocol, "train_in", refuse)


def test_the_whole_report(report, capsys, runs):
    assert reproduce(report) == 0
    out, err = capsys.readouterr()
    assert files(report) == files_of(TABLES, FIGURES, claims=True)
    assert stored(runs) == {each.id for each in small_runs()}

    verdicts, counted, best, place = out.splitlines()
    assert verdicts == "4 claims: 2 reproduced, 1 undecided (one seed), 1 cannot be true as written."
    assert counted.startswith("4 runs, 0 of which diverged: ")
    accuracies = {label: result_of(runs, number) for number, label in enumerate(("plain", "heavy ball"), start=1)}
    label = max(accuracies, key=accuracies.get)
    rows = {"plain": "plain (sgd)", "heavy ball": "heavy ball (momentum, alpha 0.5)"}
    assert best == (
        f"Best method: undecided. The highest test accuracy in one seed is {100 * accuracies[label]:.2f} %, "
        f"of {rows[label]}; one seed does not decide."
    )
    assert place == f"The report is in {report / 'index.html'}"

    lines = err.splitlines()
    assert [line.split()[0] for line in lines if "train loss" in line] == ["1/4", "2/4", "3/4", "4/4"]

    page = (report / "index.html").read_text(encoding="utf-8")
    assert "A small paper" in page
    assert ">Beyond the paper</h2>" in page
    assert page.count("<svg") == len(FIGURES)
    assert "quick look" not in page.lower()
    claims = json.loads((report / "claims.json").read_text(encoding="utf-8"))
    assert [claim["id"] for claim in claims] == ["faster", "falls", "gradient-error", "gradient-right"]
    assert [claim["verdict"] for claim in claims] == [None, "reproduced", "cannot be true as written", "reproduced"]
    assert claims[0]["findings"][0]["undecided"] == "one seed"
    for name in FIGURES:
        assert (report / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
        ElementTree.parse(report / "figures" / f"{name}.svg")


def result_of(runs: Path, number: int) -> float:
    """Return the stored accuracy of a row of table 6."""
    (planned,) = [each for each in small_runs() if (each.group, each.row) == ("table6", number - 1)]
    return json.loads((runs / planned.id / "result.json").read_text())["result"]["test_accuracy"]


def test_tables_have_the_numbers_of_the_runs(report, runs):
    assert reproduce(report, "-q", "--only", "table1,table6") == 0
    first, second = read_csv(report / "tables" / "table1.csv")
    assert (first["published loss"], first["published accuracy"], first["published s"]) == ("1.5", "0.600", "3000")
    assert (second["published loss"], second["lr"]) == ("", "0.01")
    assert first["accuracy"] == f"{result_of(runs, 1):.4f}"
    labels = [row["label"] for row in read_csv(report / "tables" / "table6.csv")]
    assert labels == ["plain", "heavy ball"]


def test_json(report, capsys):
    assert reproduce(report, "--json", "--quiet", "--only", "table6,claims") == 0
    out, err = capsys.readouterr()
    shown = json.loads(out)
    assert err == ""
    assert shown["page"] == str(report / "index.html")
    assert (shown["seeds"], shown["quick"], shown["failed"]) == ([0], False, {})
    assert shown["claims"] == json.loads((report / "claims.json").read_text(encoding="utf-8"))
    assert len(shown["highlights"]) == 3


@pytest.mark.parametrize(
    ("only", "tables", "figures", "claims", "needed"),
    [
        ("table1", ("table1",), (), False, ["table1"]),
        ("figure2", (), ("figure2",), False, ["figure2"]),
        ("figure4", (), ("figure4",), False, ["further"]),
        ("table6, figure10", ("table6",), ("figure10",), False, ["table6", "figure10"]),
        ("claims", (), (), True, None),
        ("claims,table6", ("table6",), (), True, None),
    ],
)
def test_only_some_parts(report, capsys, runs, only, tables, figures, claims, needed):
    assert reproduce(report, "--only", only, "-q") == 0
    assert files(report) == files_of(tables, figures, claims)
    assert stored(runs) == {each.id for each in small_runs(needed)}
    assert ("claims:" in capsys.readouterr().out) == claims
    page = (report / "index.html").read_text(encoding="utf-8")
    assert page.count("<svg") == len(figures)
    assert f"--only {only.replace(' ', '')}" in re.sub("<[^>]*>", "", page)


@pytest.mark.parametrize(
    ("only", "words"),
    [
        ("tabel1", "unknown table or figure 'tabel1'; did you mean 'table1'?"),
        ("claim", "unknown table or figure 'claim'; did you mean 'claims'?"),
        ("table1,figure11", "unknown table or figure 'figure11'"),
        ("claims,figure 2", "unknown table or figure 'figure 2'; did you mean 'figure2'?"),
        ("", "unknown table or figure ''"),
        ("table1,", "unknown table or figure ''"),
    ],
)
def test_an_unknown_part_ends_with_3(report, capsys, runs, only, words, no_training):
    assert reproduce(report, "--only", only) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"ravine: {words}")
    assert "claims, figure10, figure2" in err
    assert err.count("\n") == 1
    assert not report.exists()
    assert not runs.exists()


def test_a_quick_look(report, capsys, runs):
    assert reproduce(report, "--quick", "-q", "--only", "table1,figure2,claims") == 0
    out, _ = capsys.readouterr()
    assert out.splitlines()[0] == "A quick look: every run was cut to 2 epochs."
    assert "2 undecided (quick look)" in out
    results = [json.loads((runs / name / "result.json").read_text())["result"] for name in stored(runs)]
    assert sorted(len(result["history"]) for result in results) == [1, 2, 2, 2]
    page = (report / "index.html").read_text(encoding="utf-8")
    assert "quick look" in page.lower()
    assert "ravine reproduce --quick" in re.sub("<[^>]*>", "", page)
    claims = json.loads((report / "claims.json").read_text(encoding="utf-8"))
    assert [claim["undecided"] for claim in claims] == ["quick look", "quick look", None, None]


def test_several_seeds_have_intervals(report, capsys, runs):
    assert reproduce(report, "--seeds", "3", "--json", "-q", "--only", "table1,claims") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["seeds"] == [0, 1, 2]
    assert stored(runs) == {each.id for each in small_runs(seeds=3)}
    for row in read_csv(report / "tables" / "table1.csv"):
        assert "+-" in row["accuracy"]
        assert row["outcome"] == "3 done"
    assert "±" in (report / "index.html").read_text(encoding="utf-8")
    faster, falls, *_ = shown["claims"]
    assert "±" in faster["findings"][0]["measured"]
    assert faster["undecided"] in (None, "too few seeds")
    assert falls["findings"][0]["measured"].endswith("of 6 runs")


def test_a_second_report_runs_nothing(small, report, capsys, runs, monkeypatch):
    only = ("--only", "table1,figure2,figure4,claims")
    assert reproduce(report, "-q", *only) == 0
    before = {path: path.stat().st_mtime_ns for path in runs.rglob("*")}
    first = capsys.readouterr().out

    def refuse(*arguments, **options):
        raise AssertionError("something was done again")

    monkeypatch.setattr(protocol, "train_in", refuse)
    monkeypatch.setattr(gradients, "check_network", refuse)
    other = report.with_name("other")
    assert reproduce(other, *only) == 0
    out, err = capsys.readouterr()
    assert out == first.replace(str(report), str(other))
    assert err == ""
    assert {path: path.stat().st_mtime_ns for path in runs.rglob("*")} == before
    for name in files(report):
        assert (other / name).read_bytes() == (report / name).read_bytes()


@pytest.mark.parametrize("place", ["out", "runs"])
def test_a_place_that_is_no_folder_ends_with_3(report, capsys, tmp_path, place, no_training):
    (tmp_path / "file").write_text("in the way")
    for path in (tmp_path / "file", tmp_path / "file" / "deeper"):
        assert reproduce(report, f"--{place}", str(path)) == 3
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith(f"ravine: cannot make the folder {path}: ")
        assert err.count("\n") == 1


def test_a_folder_that_cannot_be_written_ends_with_3(report, capsys, monkeypatch, no_training):
    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    assert reproduce(report) == 3
    words = f"ravine: cannot write into {report}: Permission denied. Choose another folder.\n"
    assert capsys.readouterr() == ("", words)


def test_a_run_that_fails_ends_with_5_and_a_report(report, capsys, monkeypatch):
    real, failing = protocol.train_in, small_runs(["table1"])[1].id

    def train_in(folder, run, *arguments, **options):
        if run.id == failing:
            raise StorageError("the disk is full.")
        return real(folder, run, *arguments, **options)

    monkeypatch.setattr(protocol, "train_in", train_in)
    assert reproduce(report, "-q", "--only", "table1,figure2,claims") == 5
    out, err = capsys.readouterr()
    assert err == f"ravine: run {failing}: the disk is full.\n"
    assert out.startswith("4 claims: 2 undecided (not run), ")
    assert "\n3 runs, " in out
    assert len(read_csv(report / "tables" / "table1.csv")) == 1
    assert files(report) == files_of(("table1",), ("figure2",), claims=True)


@pytest.mark.parametrize("name", ["weights.safetensors", "result.json"])
def test_a_damaged_run_ends_with_5_and_a_report(report, capsys, runs, name):
    assert reproduce(report, "--only", "further", "-q") == 0
    (damaged,) = small_runs(["further"])
    (runs / damaged.id / name).write_bytes(b"garbage")
    for check in (runs / "gradients").iterdir():
        check.unlink()
    capsys.readouterr()
    assert reproduce(report, "-q", "--json", "--only", "figure2,figure4,claims") == 5
    out, err = capsys.readouterr()
    assert set(json.loads(out)["failed"]) == {damaged.id}
    assert err.startswith(f"ravine: run {damaged.id}: ")
    claims = json.loads((report / "claims.json").read_text(encoding="utf-8"))
    assert [claim["undecided"] for claim in claims if claim["id"] == "gradient-right"] == ["not run"]
    assert "figures/figure4.svg" not in files(report)
    assert "figures/figure2.svg" in files(report)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_and_gone_on(report, capsys, runs, monkeypatch, number, code):
    real = protocol.train_in

    def train_in(*arguments, **options):
        os.kill(os.getpid(), number)
        return real(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(protocol, "train_in", train_in)
        assert reproduce(report, "-q", "--jobs", "1") == code
    out, err = capsys.readouterr()
    assert (out, err) == ("", "ravine: interrupted; the same command goes on from here.\n")
    with monkeypatch.context() as patch:
        patch.setattr(protocol, "train_in", train_in)
        assert reproduce(report, "-q", "--jobs", "1", "--json") == code
    assert json.loads(capsys.readouterr().out) == {"page": None, "done": 0, "failed": {}}
    assert files(report) == set()
    assert not (runs / "gradients").exists()
    assert reproduce(report, "-q", "--only", "table1,claims") == 0
    assert files(report) == files_of(("table1",), claims=True)


def test_no_such_data_folder_ends_with_3(report, capsys, no_training):
    assert reproduce(report, "--data-dir", "nowhere") == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("ravine: --data-dir=nowhere is not a folder")
    assert err.count("\n") == 1


def test_no_source_of_data_ends_with_4(report, capsys, monkeypatch, no_training):
    def nowhere(info, data_dir, *, quiet):
        assert quiet
        raise DownloadError("No source has a good copy of small.")

    monkeypatch.setattr(sources, "obtain", nowhere)
    assert reproduce(report, "--quiet") == 4
    assert capsys.readouterr() == ("", "ravine: No source has a good copy of small.\n")


@pytest.mark.parametrize(
    "arguments", [["--seeds", "0"], ["--jobs", "0"], ["--seeds", "two"], ["--onyl", "table1"], ["now"]]
)
def test_bad_usage_ends_with_2(report, capsys, runs, arguments, no_training):
    assert reproduce(report, *arguments) == 2
    assert capsys.readouterr().out == ""
    assert not report.exists()
    assert not runs.exists()


def test_another_folder_of_runs(report, tmp_path, runs):
    assert reproduce(report, "--only", "table1", "--runs", str(tmp_path / "elsewhere"), "-q") == 0
    assert stored(tmp_path / "elsewhere") == {each.id for each in small_runs(["table1"])}
    assert not runs.exists()

"""Reports put together from runs that are made up, and their files."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from stored_cases import DEAD, check_of, result

from ravine.errors import StorageError
from ravine.paper.measures import ACCURACY
from ravine.report import written
from ravine.report.claims import Claim
from ravine.report.findings import every, higher
from ravine.report.make import make_report, verdict_counts, write_report
from ravine.storage.record import Seconds
from ravine.storage.store import StoredRun
from ravine.studies import Figure, Group, Study, plan

STUDY = Study(
    name="s",
    methods="methods",
    seeds=[0, 1],
    groups=[
        Group(name="rates", title="Two rates", rows=[{"lr": 0.1}, {"lr": 0.01}]),
        Group(name="none", rows=[{"lr": 0.5}]),
        Group(name="methods", rows=[{"label": "a", "lr": 0.3}, {"label": "b", "optimizer": "momentum", "lr": 0.3}]),
    ],
    figures=[
        Figure(name="curves", rows=["rates"]),
        Figure(name="empty", rows=["none"]),
        Figure(name="errors", rows=["rates:1"], kind="gradient-errors"),
    ],
)
PLANNED = plan(STUDY)
CLAIMS = (
    Claim("done", "1", "All of it is done.", (every("done", ["rates:1"], lambda r: r.status == "done"),)),
    Claim("higher", "1", "The higher rate is better.", (higher(ACCURACY, "rates:1", "rates:2"),)),
    Claim("unknown", "1", "The other rate is better.", (higher(ACCURACY, "none:1", "rates:2"),)),
)
ACCURACIES = {("rates", 0): 0.99, ("rates", 1): 0.9, ("methods", 0): 0.95, ("methods", 1): 0.96}


def stored_runs(**environment):
    """Return the runs of all rows but one as they would be stored."""
    runs = {}
    for number, run in enumerate(PLANNED):
        accuracy = ACCURACIES.get((run.group, run.row))
        if accuracy is not None:
            one = result(run, accuracy + 0.001 * run.spec.seed, seconds=Seconds(train=1.0, total=30.0))
            values = {"python": "3.11.7", "time": f"2026-01-{number + 1:02}", **environment}
            runs[run.id] = StoredRun(Path(run.id), one, values, "")
    return runs


def made(**options):
    stored = options.pop("stored", stored_runs())
    checks = options.pop("checks", {PLANNED[0].id: check_of()})
    return make_report(STUDY, PLANNED, stored, checks, CLAIMS, **options)


def test_what_is_in_a_report():
    report = made(command="ravine reproduce --seeds 2")
    assert (report.title, report.seeds, report.quick) == ("s", (0, 1), False)
    assert [table.name for table in report.tables] == ["rates", "methods"]
    assert [drawing.name for drawing in report.drawings] == ["curves", "errors"]
    assert [judgment.id for judgment in report.judgments] == ["done", "higher", "unknown"]
    assert report.command == "ravine reproduce --seeds 2"
    assert len(report.made_by) == 8
    assert report.made_by[1].command == "ravine train --optimizer sgd --lr 0.1 --batch-size 10 --epochs 10 --seed 1"
    assert (report.made_by[1].run, report.made_by[1].outcome) == (PLANNED[1].id, "done")


def test_the_summary():
    verdicts, runs, best = made().highlights
    assert verdicts == "3 claims: 2 reproduced, 1 undecided (not run)."
    assert runs == "8 runs, 0 of which diverged: 4 minutes of computing on one core."
    # 0.960 and 0.961: s = 0.0007, and 12.706 s / sqrt(2) = 0.00635. The table that compares the methods decides.
    assert best.startswith("Best method: b (momentum, alpha 0.9), test accuracy 96.05 ± 0.64 %. For every other row ")
    (runs, best) = made(names=["rates"]).highlights
    assert best.startswith("Best row: sgd, lr 0.1, test accuracy 99.05 ± 0.64 %. For every other row ")


def test_the_summary_names_no_best_row_that_the_seeds_do_not_show():
    stored = stored_runs()
    second = next(run for run in PLANNED if (run.group, run.row, run.spec.seed) == ("methods", 0, 1))
    stored[second.id] = StoredRun(Path(), result(second, 0.97), {}, "")
    # The differences are 0.01 and -0.009, and so is the mean of the one row above that of the other.
    assert made(stored=stored).highlights[2] == (
        "Best method: undecided. b (momentum, alpha 0.9) leads with test accuracy 96.05 ± 0.64 %, and 2 seeds do not "
        "tell it from a (sgd)."
    )
    del stored[second.id]
    assert made(stored=stored).highlights[2].endswith("; 1 run has no result yet.")
    # A group that is not stored has no table, and its rows may be the best.
    assert made(names=["rates", "none"]).highlights[1].endswith("; 2 runs have no result yet.")
    assert [made(names=["none"]).highlights, made(names=["curves"]).highlights] == [
        made(names=["claims"]).highlights[1:]
    ] * 2


def test_the_summary_counts_what_diverged():
    stored = stored_runs()
    dead = PLANNED[0]
    stored[dead.id] = StoredRun(Path(), result(dead, 0.098, 2.3, cause=DEAD), {}, "")
    report = made(stored=stored)
    assert report.highlights[1].startswith("8 runs, 1 of which diverged: ")
    assert report.made_by[0].outcome == "diverged (dead_network)"
    assert report.judgments[0].verdict == "not reproduced"


def test_the_best_of_nothing():
    report = make_report(STUDY, PLANNED, {}, {}, CLAIMS)
    assert report.highlights == (
        "3 claims: 3 undecided (not run).",
        "0 runs, 0 of which diverged: 0 seconds of computing on one core.",
    )
    assert (report.tables, report.drawings, report.made_by, report.environment) == ((), (), (), {})


def test_verdicts_are_counted_the_most_frequent_first():
    done, _, unknown = made().judgments
    assert verdict_counts([unknown, done, done]) == "3 claims: 2 reproduced, 1 undecided (not run)"


@pytest.mark.parametrize(
    ("names", "tables", "drawings", "judgments"),
    [(["rates"], 1, 0, 0), (["curves", "errors"], 0, 2, 0), (["claims"], 0, 0, 3), ([], 0, 0, 0), (["none"], 0, 0, 0)],
)
def test_parts_of_a_report(names, tables, drawings, judgments):
    report = made(names=names)
    assert (len(report.tables), len(report.drawings), len(report.judgments)) == (tables, drawings, judgments)


def test_a_quick_look():
    report = made(quick=True)
    assert report.quick
    assert {judgment.undecided for judgment in report.judgments} == {"quick look"}


def test_the_environment_is_that_of_all_runs():
    stored = stored_runs()
    first = next(iter(stored))
    stored[first] = StoredRun(Path(), stored[first].result, {"python": "3.12.1", "cores": 2, "time": "2025-12-31"}, "")
    assert made(stored=stored).environment == {
        "python": "3.12.1, 3.11.7",
        "cores": "2",
        "time": "2025-12-31 to 2026-01-10",
    }


def test_files(tmp_path):
    index = write_report(made(), tmp_path / "a" / "b")
    assert index == tmp_path / "a" / "b" / "index.html"
    found = {path.relative_to(index.parent).as_posix() for path in index.parent.rglob("*") if path.is_file()}
    tables = {f"tables/{name}.{ending}" for name in ("rates", "methods") for ending in ("csv", "md", "tex")}
    figures = {f"figures/{name}.{ending}" for name in ("curves", "errors") for ending in ("png", "svg")}
    claims = {"claims.json", "tables/claims.csv", "tables/claims.md"}
    assert found == {"files.json", "index.html", "runs.csv", "epochs.csv", *claims, *tables, *figures}
    claims = json.loads((index.parent / "claims.json").read_text(encoding="utf-8"))
    assert [claim["verdict"] for claim in claims] == ["reproduced", "reproduced", None]
    assert claims[0]["findings"][0]["measured"] == "2 of 2 runs"
    with (index.parent / "tables" / "claims.csv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert [row[3] for row in rows] == ["verdict", "reproduced", "reproduced", "undecided (not run)"]
    assert rows[2][4] == "99.05 % against 90.05 %: +9.00 ± 0.00 points"
    text = index.read_text(encoding="utf-8")
    assert text.count("<svg") == 2


@pytest.mark.usefixtures("empty_pictures")
def test_what_an_earlier_report_left_is_cleared_away_and_nothing_else(tmp_path):
    write_report(made(), tmp_path)
    (tmp_path / "tables" / "mine.csv").write_text("1")
    (tmp_path / "notes.txt").write_text("2")
    index = write_report(made(names=["curves"]), tmp_path)
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    own = {"files.json", "index.html", "runs.csv", "epochs.csv", "figures/curves.png", "figures/curves.svg"}
    assert found == {*own, "tables/mine.csv", "notes.txt"}
    outside = tmp_path.parent / "outside.txt"
    outside.write_text("3")
    names = ["index.html", "../outside.txt", "notes.txt/../../outside.txt"]
    (tmp_path / "files.json").write_text(json.dumps({"written_by_ravine": names}))
    assert write_report(made(), tmp_path) == index
    assert outside.exists()


@pytest.mark.parametrize("listed", [None, '["keep.txt", "index.html"]', '{"files": ["keep.txt"]}', "{", "[]"])
@pytest.mark.usefixtures("empty_pictures")
def test_a_page_of_the_users_is_not_overwritten_and_nothing_of_theirs_is_removed(tmp_path, listed):
    for name in ("index.html", "keep.txt"):
        (tmp_path / name).write_text("mine")
    if listed is not None:
        (tmp_path / "files.json").write_text(listed)
    with pytest.raises(StorageError, match=r"index\.html is there already, and ravine did not write it"):
        write_report(made(), tmp_path)
    assert [(tmp_path / name).read_text() for name in ("index.html", "keep.txt")] == ["mine", "mine"]


@pytest.mark.usefixtures("empty_pictures")
def test_a_report_that_was_killed_while_it_was_written_can_be_written_again(tmp_path, monkeypatch):
    real, count = written.write_whole, [0]

    def killed(path, content):
        count[0] += 1
        if path.name == "index.html":
            real(path, content)
            raise KeyboardInterrupt
        real(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(written, "write_whole", killed)
        with pytest.raises(KeyboardInterrupt):
            write_report(made(), tmp_path)
    assert write_report(made(), tmp_path).exists()


def test_the_same_report_has_the_same_files(tmp_path):
    folders = [write_report(made(), tmp_path / name).parent for name in "ab"]
    for path in folders[0].rglob("*.*"):
        assert path.read_bytes() == (folders[1] / path.relative_to(folders[0])).read_bytes()


@pytest.mark.parametrize("place", ["", "tables", "figures"])
@pytest.mark.usefixtures("empty_pictures")
def test_a_file_in_the_way(tmp_path, place):
    (tmp_path / "report").mkdir()
    path = tmp_path / "report" / place
    if not place:
        path.rmdir()
    path.write_text("in the way")
    with pytest.raises(StorageError, match="cannot make the folder"):
        write_report(made(), tmp_path / "report")

"""`ravine study run`, `status` and `report` on the small data set."""

from __future__ import annotations

import functools
import html
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from command_cases import on_a_terminal

from ravine.cli.main import run
from ravine.errors import StorageError
from ravine.paper.study import STUDIES
from ravine.storage.store import RunStore
from ravine.studies import plan
from ravine.studies.runners import protocol
from studies.study_cases import SMALL_STUDY, ids, small_plan, study_of

PROGRAM = str(Path(__file__).parents[1] / "studies" / "small_ravine.py")


@pytest.fixture
def study(small, tmp_path):
    """Write the small study to a file."""
    path = tmp_path / "six.toml"
    path.write_text(SMALL_STUDY, encoding="utf-8")
    return str(path)


@pytest.fixture
def one_fails(monkeypatch, study):
    """Let the second run fail; return its id."""
    real, failing = protocol.train_in, small_plan()[1].id

    def train_in(folder, run, *arguments, **options):
        if run.id == failing:
            raise StorageError("the disk is full.")
        return real(folder, run, *arguments, **options)

    monkeypatch.setattr(protocol, "train_in", train_in)
    return failing


def cells(table: str) -> list[list[str]]:
    """Split a table at two or more spaces, without what stands below the empty line."""
    return [re.split(r" {2,}", line.strip()) for line in table.split("\n\n")[0].splitlines()]


def document(capsys, *arguments: str) -> dict:
    """Run a command that ends with 0; return its JSON."""
    capsys.readouterr()
    assert run(list(arguments)) == 0
    return json.loads(capsys.readouterr().out)


def test_a_study_is_run(study, capsys, runs):
    assert run(["study", "run", study]) == 0
    out, err = capsys.readouterr()
    head, *rows = cells(out)
    assert head[:5] == ["group", "row", "settings", "seed", "state"]
    assert [(row[0], row[1], *row[3:5]) for row in rows] == [
        (each.group, str(each.row + 1), "0", "done") for each in small_plan()
    ]
    assert rows[0][2] == "sgd lr 0.1, m 20, 3 epochs"
    assert any(row[2].startswith("momentum lr") and "alpha" in row[2] for row in rows)
    assert [row[-1] for row in rows] == [each.id for each in small_plan()]
    results = RunStore(runs).results(ids(small_plan()))[0]
    hints = [(run, results[run].hint) for run in dict.fromkeys(ids(small_plan())) if results[run].hint]
    assert hints  # three epochs at a small rate are few
    last = f"{len(hints)} runs diverged or did not learn; the first, {hints[0][0]}: {hints[0][1]}"
    assert out.endswith(f"\n6 of 6 runs are stored.\n{last}\n")
    assert {path.name for path in runs.iterdir()} == set(ids(small_plan()))

    lines = err.splitlines()
    assert [line.split()[0] for line in lines] == [f"{number}/6" for number in range(1, 7)]
    settings = r"(sgd|momentum) lr 0\.0?1, (alpha [\d.]+, )?m \d0, \d epochs, seed 0"
    form = rf"\d/6  {settings}: done, train loss [\d.]+, test accuracy [\d.]+ %, [\d.]+ s"
    for line in lines:
        assert re.fullmatch(form, line)


def test_a_study_that_is_done_says_nothing_more(study, capsys):
    assert run(["study", "run", study]) == 0
    first = capsys.readouterr().out
    assert run(["study", "run", study]) == 0
    assert capsys.readouterr() == (first, "")


def test_json(study, capsys, runs):
    shown = document(capsys, "study", "run", study, "--json", "--jobs", "2")
    assert (shown["study"], shown["done"], shown["failed"]) == ("six", 6, {})
    assert [(each["group"], each["row"], each["id"]) for each in shown["runs"]] == [
        (each.group, each.row + 1, each.id) for each in small_plan()
    ]
    for each in shown["runs"]:
        stored = json.loads((runs / each["id"] / "result.json").read_text())["result"]
        assert each["train_loss"] == stored["train_loss"]
        assert each["test_accuracy"] == stored["test_accuracy"]
        assert each["hint"] == stored["hint"]
        assert (each["state"], each["seed"]) == ("done", 0)
    published = [each["published"] for each in shown["runs"]]
    assert published == [None] * 5 + [{"train_loss": None, "test_accuracy": 0.975, "seconds": None}, None]
    assert document(capsys, "study", "status", study, "--json") == shown


def test_quiet(study, capsys):
    assert run(["study", "run", study, "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_failed_runs_end_with_5(study, one_fails, capsys):
    assert run(["study", "run", study]) == 5
    out, err = capsys.readouterr()
    assert [row[4] for row in cells(out)[1:]] == ["done", "failed", *["done"] * 5]
    assert "\n5 of 6 runs are stored, 1 failed.\n" in out
    assert "sgd lr 0.1, m 50, 3 epochs, seed 0: failed: the disk is full." in err
    assert err.endswith(f"\nravine: run {one_fails}: the disk is full.\n")


STUDY_WITH_RULES = """
name = "rules"
seeds = [0, 1]

[settings]
dataset = "small"
layers = [64, 12, 10]
epochs = 1
batch_size = 50
engine = "reference"

[[groups]]
name = "all"
grid = { optimizer = ["rules/mine.py:broken", "rules/mine.py:mine", "sgd"] }
"""
RULES = """
from ravine import rule, matrix_rule

@rule
def mine(g, *, lr=0.1):
    return lr * g

@matrix_rule
def broken(gradients, weights, state, t, *, lr=0.1):
    return [missing * g for g in gradients], {}
"""


def test_optimizers_beside_the_study_and_one_that_cannot_run(small, capsys, tmp_path, monkeypatch):
    (tmp_path / "study" / "rules").mkdir(parents=True)
    (tmp_path / "study" / "rules" / "mine.py").write_text(RULES, encoding="utf-8")
    (tmp_path / "study" / "rules.toml").write_text(STUDY_WITH_RULES, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert run(["study", "run", "study/rules.toml", "-q"]) == 5
    out, err = capsys.readouterr()
    assert [row[4] for row in cells(out)[1:]] == ["failed", "failed", *["done"] * 4]
    place = tmp_path / "study" / "rules" / "mine.py"
    assert err.count(f"{place}:10: rule broken fails with NameError: name 'missing' is not defined.") == 2
    assert run(["study", "report", "study/rules.toml"]) == 0
    out = capsys.readouterr().out
    assert "mine.py:mine" in out
    assert str(tmp_path) not in out


def test_failed_runs_as_json(study, one_fails, capsys):
    assert run(["study", "run", study, "--json", "-q"]) == 5
    out, err = capsys.readouterr()
    shown = json.loads(out)
    assert (shown["done"], shown["failed"]) == (5, {one_fails: "the disk is full."})
    assert [each["state"] for each in shown["runs"]].count("failed") == 1
    assert err == ""


def test_a_damaged_run_ends_with_5_and_the_rest_are_run(study, capsys, runs):
    assert run(["study", "run", study, "--only", "momenta"]) == 0
    damaged = small_plan()[4].id
    (runs / damaged / "result.json").write_text("{")
    capsys.readouterr()
    assert run(["study", "run", study]) == 5
    out, err = capsys.readouterr()
    assert "\n5 of 6 runs are stored, 1 failed.\n" in out
    assert "is damaged" in err
    assert run(["study", "status", study]) == 0
    assert capsys.readouterr().out == out


@pytest.mark.parametrize("command", ["run", "status"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot read the study"),
        (b"name = ", "is not a study"),
        (b"name = '\xfc'", "cannot read the study"),
        (b"name = 'six'\ngroups = []", "has no groups"),
        (b"name = 'six'\n[[groups]]\nname = 'a'\nrows = [{ optimizer = 'adma' }]", "did you mean 'adam'?"),
    ],
)
def test_a_bad_study_ends_with_3(small, capsys, tmp_path, runs, command, content, words):
    path = tmp_path / "bad.toml"
    if content is not None:
        path.write_bytes(content)
    assert run(["study", command, str(path)]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("ravine: ")
    assert words in err
    assert err.count("\n") == 1
    assert not runs.exists()


def test_an_unknown_group_ends_with_3(study, capsys, runs):
    assert run(["study", "run", study, "--only", "rates,momentum"]) == 3
    assert "'momentum'; did you mean 'momenta'?" in capsys.readouterr().err
    assert not runs.exists()


@pytest.mark.parametrize("arguments", [["--seeds", "0"], ["--jobs", "0"], ["--jobs", "two"], ["--sede", "1"]])
def test_bad_usage_ends_with_2(study, capsys, runs, arguments):
    assert run(["study", "run", study, *arguments]) == 2
    assert capsys.readouterr().out == ""
    assert not runs.exists()


def test_a_dry_run_lists_and_runs_nothing(study, capsys, runs):
    assert run(["study", "run", study, "--dry-run", "--jobs", "2"]) == 0
    out, err = capsys.readouterr()
    assert [(row[0], row[1], row[3], row[4]) for row in cells(out)[1:]] == [
        (each.group, str(each.row + 1), "0", each.id) for each in small_plan()
    ]
    assert re.search(
        r"\n6 runs to do: about (less than )?[\d.]+ (second|minute|hour)s? with 2 at a time, and \d+ MB of disk\.\n$",
        out,
    )
    assert err == ""
    assert not runs.exists()


def test_a_dry_run_counts_what_is_left(study, capsys, runs):
    assert run(["study", "run", study, "--only", "momenta"]) == 0
    capsys.readouterr()
    before = sorted(runs.iterdir())
    shown = document(capsys, "study", "run", study, "--dry-run", "--json", "--jobs", "2")
    assert set(shown["runs"]) == {each.id for each in small_plan()[1:4]}
    assert all(seconds > 0 for seconds in shown["runs"].values())
    total, longest = sum(shown["runs"].values()), max(shown["runs"].values())
    assert shown["wall_seconds"] == pytest.approx(max(longest, total / 2))
    assert shown["disk_bytes"] >= 3 * 4 * (64 * 12 + 12 * 10)
    assert sorted(runs.iterdir()) == before


def test_only_some_groups(study, capsys, runs):
    assert run(["study", "run", study, "--only", "momenta"]) == 0
    out, _ = capsys.readouterr()
    assert [row[0] for row in cells(out)[1:]] == ["momenta"] * 3
    assert {path.name for path in runs.iterdir()} == {each.id for each in small_plan()[4:]}
    shown = document(capsys, "study", "status", study, "--json", "--only", "rates,momenta")
    assert [each["state"] for each in shown["runs"]] == ["done", "to do", "to do", "to do", "done", "done", "done"]


def test_seeds(study, capsys, runs):
    shown = document(capsys, "study", "run", study, "--only", "momenta", "--seeds", "2", "--json")
    assert [(each["row"], each["seed"]) for each in shown["runs"]] == [(1, 0), (1, 1), (2, 0), (2, 1), (3, 0), (3, 1)]
    assert len(list(runs.iterdir())) == 6
    shown = document(capsys, "study", "status", study, "--seeds", "3", "--only", "momenta", "--json")
    assert (shown["done"], len(shown["runs"])) == (6, 9)


def test_status_before_and_after(study, capsys, runs):
    assert run(["study", "status", study]) == 0
    out, err = capsys.readouterr()
    assert [row[4:] for row in cells(out)[1:]] == [["to do", "-", "-", "-", each.id] for each in small_plan()]
    assert out.endswith("\n0 of 6 runs are stored.\n")
    assert err == ""
    assert not runs.exists()
    assert run(["study", "run", study, "-q"]) == 0
    after = capsys.readouterr().out
    assert run(["study", "status", study]) == 0
    assert capsys.readouterr() == (after, "")


def test_an_unknown_study_tells_which_are_built_in(capsys):
    assert run(["study", "status", "papier"]) == 3
    words = "ravine: cannot read the study papier: No such file or directory. Built in: paper, batch-size.\n"
    assert capsys.readouterr() == ("", words)


def test_the_help_names_the_built_in_studies(capsys):
    assert run(["study", "--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in STUDIES)


def test_status_of_the_paper(capsys, tmp_path):
    shown = document(capsys, "study", "status", "paper", "--json", "--out", str(tmp_path / "none"))
    assert (shown["done"], len(shown["runs"])) == (0, 31 + 5 + 19)
    assert shown["runs"][1]["published"] == {"train_loss": 0.025, "test_accuracy": 0.977, "seconds": 3268}


def test_another_folder(study, capsys, tmp_path, runs):
    assert run(["study", "run", study, "-q", "--out", str(tmp_path / "other")]) == 0
    assert len(list((tmp_path / "other").iterdir())) == 6
    assert not runs.exists()


def start(*arguments: str, **options) -> subprocess.Popen[str]:
    """Start a command in a process that knows the small data set."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, PROGRAM, "0", *arguments], text=True, **{**pipes, **options})


def test_interrupted_and_gone_on(study, tmp_path, runs):
    path = tmp_path / "long.toml"
    path.write_text(SMALL_STUDY.replace("epochs = 3", "epochs = 40"), encoding="utf-8")
    with start("study", "run", str(path), "--jobs", "1", "--json") as process:
        assert process.stderr.readline().startswith("1/6 ")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.endswith("ravine: interrupted; the same command goes on from here.\n")
    assert "Traceback" not in err
    states = [each["state"] for each in json.loads(out)["runs"]]
    assert set(states) == {"done", "stopped", "to do"}
    assert len(list(runs.glob("*.partial/checkpoint.safetensors"))) == 1
    with start("study", "run", str(path), "--json", "-q") as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err, json.loads(out)["done"]) == (0, "", 6)
    assert not list(runs.glob("*.partial"))


def study_on_a_terminal(*arguments: str) -> tuple[int, str, str]:
    """Run with stderr on a terminal; return exit code, what stdout got and what was shown, without colors."""
    code, out, shown = on_a_terminal(functools.partial(start, *arguments), os.environ)
    return code, out, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)


def test_bars_on_a_terminal(study, tmp_path):
    path = tmp_path / "mixed.toml"
    text = SMALL_STUDY.replace("batch_size = [20, 50]", "batch_size = [20, 231]").replace("epochs = 3", "epochs = 30")
    path.write_text(text, encoding="utf-8")
    code, out, shown = study_on_a_terminal("study", "run", str(path), "--jobs", "2", "--json")
    assert code == 5
    assert json.loads(out)["done"] == 4
    assert "━" in shown
    assert "6 runs" in shown
    lines = " ".join(shown.split())  # the terminal breaks long ones
    assert "sgd lr 0.1, m 231, 30 epochs, seed 0: failed: batch size is 231" in lines
    assert len(re.findall(r"m 20, 30 epochs, seed 0: done, train loss", lines)) == 4
    assert "Traceback" not in shown


def test_quiet_on_a_terminal(study):
    assert study_on_a_terminal("study", "run", study, "-q", "--only", "rates")[::2] == (0, "")


def test_tables_into_a_place_that_is_no_folder(study, capsys, tmp_path):
    assert run(["study", "run", study, "--quiet", "--only", "rates"]) == 0
    capsys.readouterr()
    (tmp_path / "file").write_text("in the way")
    assert run(["study", "report", study, "--into", str(tmp_path / "file")]) == 3
    err = capsys.readouterr().err
    assert err.startswith(f"ravine: cannot make the folder {tmp_path / 'file'}: ")
    assert err.count("\n") == 1


PAGE = {"files.json", "index.html", "runs.csv", "epochs.csv"}

FIGURES = """
[[figures]]
name = "losses"
rows = ["rates", "momenta:2"]
measures = ["train_loss"]

[[figures]]
name = "errors"
rows = ["momenta:1"]
kind = "gradient-errors"
"""


@pytest.fixture
def drawn_study(study):
    """Add figures to the small study."""
    Path(study).write_text(SMALL_STUDY + FIGURES, encoding="utf-8")
    return study


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def tables_of(*names: str) -> set[str]:
    return {f"tables/{name}.{ending}" for name in names for ending in ("csv", "md", "tex")}


def test_the_report_of_a_study_is_written(drawn_study, capsys, tmp_path):
    assert run(["study", "run", drawn_study, "--quiet"]) == 0
    capsys.readouterr()
    into = tmp_path / "here" / "report"
    assert run(["study", "report", drawn_study, "--into", str(into)]) == 0
    pictures = {f"figures/{name}.{ending}" for name in ("losses", "errors") for ending in ("png", "svg")}
    assert files(into) == {*PAGE, *tables_of("rates", "momenta"), *pictures}
    out, err = capsys.readouterr()
    assert out.splitlines()[0] == "rates"
    *_, best, place = out.splitlines()
    assert best.startswith("Best row: undecided. The highest test accuracy in one seed is ")
    assert place == f"The report is in {into / 'index.html'}"
    assert err == ""
    page = (into / "index.html").read_text(encoding="utf-8")
    assert "ravine study report " in page
    assert "Six short runs" in page


def test_a_report_as_json(drawn_study, capsys, tmp_path, runs):
    assert run(["study", "run", drawn_study, "--quiet", "--seeds", "2"]) == 0
    results = {run: stored.result for run, stored in RunStore(runs).load_all(RunStore(runs).ids())[0].items()}
    capsys.readouterr()
    assert run(["study", "report", drawn_study, "--seeds", "2"]) == 0
    highlights = capsys.readouterr().out.splitlines()[-2:]
    shown = document(capsys, "study", "report", drawn_study, "--seeds", "2", "--json")
    assert (shown["study"], shown["title"], shown["seeds"]) == ("six", "Six short runs", [0, 1])
    assert shown["highlights"] == highlights
    assert (shown["figures"], shown["failed"]) == (["losses", "errors"], {})
    assert (shown["source"], shown["page"], shown["files"]) == (None, None, [])
    rates, momenta = shown["tables"]
    assert [row["settings"] for row in rates["rows"]] == [
        {"lr": lr, "batch_size": size} for lr in (0.1, 0.01) for size in (20, 50)
    ]
    assert momenta["rows"][1]["settings"] == {"optimizer": "momentum", "lr": 0.01, "batch_size": 20, "alpha": 0.9}
    assert momenta["rows"][2]["settings"]["alpha"] is None
    assert [row["published"] for row in momenta["rows"]] == [
        None,
        {"train_loss": None, "test_accuracy": 0.975, "seconds": None},
        None,
    ]
    for number, row in enumerate(rates["rows"]):
        own = [results[each.id] for each in plan(study_of(seeds=[0, 1])) if (each.group, each.row) == ("rates", number)]
        first, second = (each.test_accuracy for each in own)
        # s / sqrt(2) is half of the difference of two values, and t is 12.706 for one degree of freedom.
        half_width = pytest.approx(12.706 * abs(first - second) / 2, rel=1e-4)
        assert row["test_accuracy"] == {"value": (first + second) / 2, "half_width": half_width, "count": 2}
        assert row["train_loss"]["value"] == pytest.approx(sum(each.train_loss for each in own) / 2)
        assert row["seconds"]["count"] == 2
        assert (row["outcomes"], row["label"], row["steps"]) == ({"done": 2}, None, None)


def test_the_files_of_a_report_as_json(drawn_study, capsys, tmp_path):
    assert run(["study", "run", drawn_study, "--quiet"]) == 0
    into = tmp_path / "report"
    shown = document(capsys, "study", "report", drawn_study, "--into", str(into), "--json")
    assert shown["page"] == str(into / "index.html")
    assert {*shown["files"], str(into / "files.json")} == {str(into / name) for name in files(into)}
    shown = document(capsys, "study", "report", drawn_study, "--only", "momenta", "--json")
    assert [table["name"] for table in shown["tables"]] == ["momenta"]
    assert [row["test_accuracy"]["half_width"] for row in shown["tables"][0]["rows"]] == [None] * 3


def test_a_report_of_nothing_as_json(study, capsys, tmp_path, runs):
    shown = document(capsys, "study", "report", study, "--into", str(tmp_path / "report"), "--json")
    assert (shown["tables"], shown["files"], shown["page"]) == ([], [], None)
    assert not (tmp_path / "report").exists()


def test_a_report_tells_which_runs_are_damaged(study, capsys, runs):
    assert run(["study", "run", study, "--quiet"]) == 0
    damaged = small_plan()[0].id
    (runs / damaged / "result.json").write_text("{")
    capsys.readouterr()
    assert run(["study", "report", study]) == 0
    out, err = capsys.readouterr()
    assert "Best row: undecided. The highest test accuracy so far is " in out
    assert out.endswith("; 1 run has no result yet.\n")
    assert err.startswith(f"ravine: run {damaged}: ")
    assert set(document(capsys, "study", "report", study, "--json")["failed"]) == {damaged}


def test_counts_of_one_are_singular(study, capsys, tmp_path):
    path = tmp_path / "one.toml"
    head, _, _ = SMALL_STUDY.partition("[[groups]]")
    path.write_text(f'{head}[[groups]]\nname = "one"\nrows = [{{ lr = 0.1 }}]\n', encoding="utf-8")
    assert run(["study", "run", str(path), "--dry-run", "--jobs", "1"]) == 0
    form = r"\n1 run to do: about (less than )?[\d.]+ (second|minute|hour)s? with 1 at a time, and 0 MB of disk\.\n$"
    assert re.search(form, capsys.readouterr().out)
    assert run(["study", "run", str(path), "--quiet"]) == 0
    assert "\n1 of 1 run is stored.\n" in capsys.readouterr().out
    assert run(["study", "report", str(path)]) == 0
    *_, table, _, summary = capsys.readouterr().out.splitlines()
    assert table.endswith("done")
    assert re.match("1 run, 0 of which diverged: ", summary)


@pytest.mark.parametrize(
    ("only", "tables", "pictures"),
    [("momenta", {"momenta"}, set()), ("losses", set(), {"figures/losses.png", "figures/losses.svg"})],
)
def test_part_of_a_report(drawn_study, capsys, tmp_path, only, tables, pictures):
    assert run(["study", "run", drawn_study, "--quiet"]) == 0
    capsys.readouterr()
    assert run(["study", "report", drawn_study, "--only", only, "--into", str(tmp_path / "report")]) == 0
    assert files(tmp_path / "report") == {*PAGE, *tables_of(*tables), *pictures}
    out, _ = capsys.readouterr()
    assert "None of the runs" not in out
    assert ("momenta" in out, "rates" in out) == (bool(tables), False)


def test_a_report_of_nothing(study, capsys, tmp_path, runs):
    assert run(["study", "report", study, "--into", str(tmp_path / "report")]) == 0
    assert capsys.readouterr() == ("None of the runs is stored yet.\n", "")
    assert not (tmp_path / "report").exists()
    assert not runs.exists()


def test_a_report_checks_no_gradient(drawn_study, tmp_path, runs):
    assert run(["study", "run", drawn_study, "--quiet"]) == 0
    shutil.rmtree(runs / "gradients")
    assert run(["study", "report", drawn_study, "--into", str(tmp_path / "report")]) == 0
    assert {path.name for path in (tmp_path / "report" / "figures").iterdir()} == {"losses.png", "losses.svg"}
    assert not (runs / "gradients").exists()


def test_damaged_weights_of_a_run_whose_gradient_is_checked_end_with_5(drawn_study, capsys, runs):
    assert run(["study", "run", drawn_study, "--quiet"]) == 0
    shutil.rmtree(runs / "gradients")
    (runs / small_plan()[4].id / "weights.safetensors").write_bytes(b"garbage")
    capsys.readouterr()
    assert run(["study", "run", drawn_study, "--quiet"]) == 5
    assert "weights.safetensors does not match its checksum" in capsys.readouterr().err


def test_only_names_may_have_spaces_behind_commas(drawn_study, capsys):
    shown = document(capsys, "study", "status", drawn_study, "--json", "--only", "errors, losses")
    assert [(each["group"], each["row"]) for each in shown["runs"]] == [
        *(("rates", number) for number in range(1, 5)),
        *(("momenta", number) for number in (1, 2)),
    ]


def test_the_page_has_the_whole_command_that_makes_it(study, capsys, tmp_path, runs):
    assert run(["study", "run", study, "--only", "momenta", "-q"]) == 0
    options = ["--only", "momenta", "--out", str(runs), "--into", str(tmp_path / "re port")]
    assert run(["study", "report", study, *options]) == 0
    page = re.sub("<[^>]*>", "", (tmp_path / "re port" / "index.html").read_text())
    whole = f"ravine study report {study} --only momenta --out {runs} --into '{tmp_path / 're port'}'"
    assert whole in html.unescape(page)

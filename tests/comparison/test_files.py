"""The files of a comparison: which there are, that they hold what the page shows, and that old ones go."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess

import msgspec
import pytest
from outcome_cases import FOUR, NASTY, NASTY_IN_LATEX, everything, on_four, outcome, problem

from ravine.comparison.comparison import Comparison
from ravine.comparison.files import write_comparison
from ravine.comparison.latex import leaderboard_to_latex
from ravine.comparison.outcome import Outcome
from ravine.errors import StorageError
from ravine.report.written import written

FIGURES = ("rates", "best-of-k", "curves-epochs", "curves-seconds")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files") / "new" / "comparison"
    assert write_comparison(everything(), folder) == folder / "index.html"
    return folder


def rows(path) -> list[dict]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_all_files_are_there_and_none_else(folder):
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    tables = {
        "index.html",
        "trials.csv",
        "leaderboard.csv",
        "pairs.csv",
        "leaderboard.tex",
        "comparison.json",
        "files.json",
    }
    figures = {f"figures/{name}-{place}.{kind}" for name in FIGURES for place in (1, 2) for kind in ("png", "svg")}
    assert names == tables | figures
    assert set(written(folder)) == names - {"files.json"}
    assert (folder / "figures/rates-1.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in (folder / "figures/rates-2.svg").read_bytes()


def test_one_problem_needs_no_number(tmp_path, empty_pictures):
    write_comparison(Comparison(outcome()), tmp_path)
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {
        f"{name}.{kind}" for name in FIGURES for kind in ("png", "svg")
    }


def test_four_problems_have_the_files_of_their_profiles(tmp_path, empty_pictures):
    made = on_four()
    write_comparison(Comparison(made), tmp_path)
    found = rows(tmp_path / "profiles.csv")
    assert [(row["optimizer"], float(row["tau"]), float(row["share"])) for row in found] == [
        (profile.optimizer, share.tau, share.share) for profile in made.profiles for share in profile.shares
    ]
    assert {"profiles.png", "profiles.svg", "rates-4.svg"} <= {path.name for path in (tmp_path / "figures").iterdir()}
    assert msgspec.json.decode((tmp_path / "comparison.json").read_bytes(), type=Outcome) == made
    write_comparison(Comparison(outcome(problems=[problem(name) for name in FOUR[:3]])), tmp_path)
    assert not [path for path in tmp_path.rglob("*") if "profiles" in path.name]


def test_the_outcome_can_be_read_again(folder):
    found = msgspec.json.decode((folder / "comparison.json").read_bytes(), type=Outcome)
    assert found == everything().outcome
    assert json.loads((folder / "comparison.json").read_text())["id"] == "0123456789abcdef"


def test_the_tables_have_a_row_for_each_optimizer_pair_and_run(folder):
    made = everything()
    board, pairs, trials = (rows(folder / f"{name}.csv") for name in ("leaderboard", "pairs", "trials"))
    assert [row["optimizer"] for row in board] == [standing.optimizer for standing in made.outcome.leaderboard]
    assert [float(row["score"]) for row in board] == [standing.score for standing in made.outcome.leaderboard]
    assert len(pairs) == 2 * 10
    assert {row["verdict"] for row in pairs} == {"better", "equivalent", "undecided"}
    assert len(trials) == len(made.outcome.trials)
    assert {row["set_lr"] for row in trials} == {"0.002", "0.02", "0.2", "0.9"}


def test_files_of_an_earlier_comparison_go_and_those_of_the_user_stay(tmp_path, empty_pictures):
    write_comparison(Comparison(outcome(problems=(problem("one"), problem("two")))), tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    write_comparison(Comparison(outcome()), tmp_path)
    assert not (tmp_path / "figures/rates-1.png").exists()
    assert (tmp_path / "figures/rates.png").exists()
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_the_same_outcome_makes_the_same_page(folder, tmp_path):
    write_comparison(everything(), tmp_path)
    for name in ("index.html", "leaderboard.tex", "figures/rates-1.svg", "comparison.json"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_a_folder_that_cannot_be_made_is_told(tmp_path, empty_pictures):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError):
        write_comparison(Comparison(outcome()), tmp_path / "file" / "below")


def test_latex_has_lines_for_every_optimizer_and_needs_no_package():
    text = leaderboard_to_latex(outcome())
    assert text.count(r"\hline") == 3
    assert "rule" not in text
    assert r"1 & adam & 98.00 \% $\pm$ 0.10 & lr=0.02, schedule=cosine, alpha=0.5 \\" in text
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 1
    assert leaderboard_to_latex(everything().outcome).count(r"\begin{table}") == 2


def test_names_are_escaped_for_latex():
    text = leaderboard_to_latex(outcome((NASTY_IN_LATEX, "a_b")))
    assert r"50\%\_of \$x\textasciicircum{}2\$ \& \textbackslash{}input\{x\} \#1 \{\textasciitilde{}\}" in text
    assert r"\input" not in text
    assert r"a\_b" in text


def test_latex_takes_it(tmp_path):
    program = shutil.which("pdflatex")
    if program is None:
        pytest.skip("there is no pdflatex")
    table = leaderboard_to_latex(outcome((NASTY_IN_LATEX, NASTY, "sgd")))
    document = "\\documentclass{article}\n\\begin{document}\n" + table + "\\end{document}\n"
    (tmp_path / "table.tex").write_text(document)
    done = subprocess.run([program, "-interaction=nonstopmode", "-halt-on-error", "table.tex"], cwd=tmp_path)
    assert done.returncode == 0

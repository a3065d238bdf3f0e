"""`ravine compare` on the small data set."""

from __future__ import annotations

import json
import re

import pytest

from ravine.cli.main import run
from rule_files import write_rules

PROBLEM = """
name = "tiny"
dataset = "small"
layers = [64, 10]
batch_size = 20
epochs = 2
validation = 50
"""
QUICK = ["--problem", "tiny.toml", "--trials", "4", "--contenders", "2", "--tuning-seeds", "2", "--finals", "3",
         "--extensions", "0", "--controls", "2", "--jobs", "1"]  # fmt: skip


@pytest.fixture
def drawn(small, tmp_path, monkeypatch):
    """Go to a folder with a small problem, whose comparison has pictures."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.toml").write_text(PROBLEM)
    return tmp_path


@pytest.fixture
def here(drawn, empty_pictures):
    return drawn


def document(capsys, *arguments: str) -> dict:
    capsys.readouterr()
    assert run(["compare", *arguments, "--json", "--quiet"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_comparison_ends_with_a_table_a_sentence_and_a_page(drawn, capsys):
    assert run(["compare", "sgd", "momentum", *QUICK]) == 0
    shown = capsys.readouterr()
    assert re.search(r"rank +optimizer +test accuracy", shown.out)
    assert f"The page is {drawn / 'ravine-comparison' / 'index.html'}" in shown.out
    page = (drawn / "ravine-comparison" / "index.html").read_text()
    assert "ravine compare sgd momentum --problem tiny.toml" in re.sub("<[^>]+>", "", page)
    assert "finals with fresh seeds: 6 runs" in shown.err


def test_the_document_has_the_leaderboard_the_pairs_and_the_trials(here, capsys):
    found = document(capsys, "sgd", "momentum", "signsgd", *QUICK)
    assert {row["optimizer"] for row in found["leaderboard"]} == {"sgd", "momentum", "signsgd"}
    assert {"score", "interval", "rank", "settings"} <= set(found["leaderboard"][0])
    assert len(found["pairs"]) == 3
    assert {pair["verdict"] for pair in found["pairs"]} <= {"better", "worse", "equivalent", "undecided"}
    lines = (here / "ravine-comparison" / "trials.csv").read_text().splitlines()
    # 4 trials, 2 runs at the defaults, one further seed for 2 contenders, 3 finals; 2 controls and a seed of the best
    assert len(lines) == 1 + 3 * (4 + 2 + 2 + 3) + 3
    assert found["trials"].endswith("trials.csv")
    assert "profiles" not in found  # of one problem


def test_four_problems_have_profiles_in_the_document(here, capsys):
    for place in range(4):
        text = PROBLEM.replace('"tiny"', f'"tiny{place}"').replace("epochs = 2", f"epochs = {1 + place}")
        (here / f"tiny{place}.toml").write_text(text)
    few = ["sgd", "signsgd", *QUICK[2:], "--contenders", "1", "--tuning-seeds", "1"]
    found = document(capsys, *few, "--problem", "tiny0.toml,tiny1.toml,tiny2.toml,tiny3.toml")
    assert {profile["optimizer"] for profile in found["profiles"]} == {"sgd", "signsgd"}
    for profile in found["profiles"]:
        assert set(profile["ratios"]) == {"tiny0", "tiny1", "tiny2", "tiny3"}
        assert profile["largest"] == max(profile["ratios"].values())
        assert profile["shares"][0]["tau"] == 1
    assert (here / "ravine-comparison" / "profiles.csv").exists()
    assert 'id="together"' in (here / "ravine-comparison" / "index.html").read_text()


def test_the_same_comparison_again_trains_nothing(here, capsys):
    first = document(capsys, "sgd", "momentum", *QUICK)
    assert run(["compare", "sgd", "momentum", *QUICK]) == 0
    assert "runs" not in capsys.readouterr().err.partition("at a time")[2]
    assert document(capsys, "sgd", "momentum", *QUICK) == first


def test_a_dry_run_trains_nothing_and_tells_the_plan(here, capsys):
    assert run(["compare", "sgd", "momentum", *QUICK, "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert "lr: log 0.000316228 to 31.6228" in shown
    assert "4 scrambled Sobol points" in shown
    assert not (here / "runs").exists()
    plan = document(capsys, "sgd", "momentum", *QUICK, "--dry-run")
    assert plan["runs"] == {"tuning": 2 * (4 + 2 + 2) + 3, "finals": 6}
    assert plan["plan"] == document(capsys, "sgd", "momentum", *QUICK)["plan"]


def test_comparisons_are_listed_and_opened_again_by_their_ids(here, capsys):
    assert run(["compare", "--list"]) == 0
    assert "There are no comparisons" in capsys.readouterr().out
    first = document(capsys, "sgd", "momentum", *QUICK)
    assert run(["compare", "--list"]) == 0
    assert re.search(rf"{first['plan']}.*ended.*tiny.*sgd, momentum", capsys.readouterr().out)
    assert document(capsys, "--list")["comparisons"][0]["plan"] == first["plan"]
    again = document(capsys, first["plan"][:6], "--out", "again")
    assert again["leaderboard"] == first["leaderboard"]
    assert (here / "again" / "index.html").exists()


def test_finals_are_added_until_it_is_decided_or_the_time_is_up(here, capsys):
    batches = ["--batch-size", "10,20", "--margin", "1e-6"]  # hardly any pair is equivalent within such a margin
    found = document(capsys, "sgd", "signsgd", *QUICK, *batches, "--until-decided", "--at-most", "1h")
    (pair,) = found["pairs"]
    assert 1 <= pair["look"] <= 5
    assert pair["seeds"] == 3 * pair["look"]
    assert pair["verdict"] != "undecided" or pair["look"] == 5
    assert all(row["settings"]["batch_size"] in (10, 20) for row in found["leaderboard"])
    page = (here / "ravine-comparison" / "index.html").read_text()
    assert "--until-decided" in page
    assert "--at-most" not in page


def test_a_rule_of_ones_own_and_a_file_of_a_comparison(here, capsys):
    write_rules(here / "mine.py", "@rule\ndef mine(g, *, lr=0.1):\n    return lr * g\n")
    (here / "both.toml").write_text(
        """
        problems = ["tiny.toml"]
        optimizers = ["mine.py:mine"]
        [protocol]
        trials = 4
        finals = 3
        extensions = 0
        [search.mine]
        lr = { log = [0.01, 1.0] }
        [variants."sgd falling"]
        optimizer = "sgd"
        schedule = "linear"
        final_lr = 0.0
        """
    )
    found = document(capsys, "both.toml", "--tuning-seeds", "2", "--jobs", "1")
    assert {row["optimizer"] for row in found["leaderboard"]} == {"mine", "sgd falling"}
    rates = [row["settings"]["lr"] for row in found["leaderboard"] if row["optimizer"] == "mine"]
    assert 0.01 <= rates[0] <= 1
    plan = document(capsys, "both.toml", "--dry-run")
    assert [entry["overridden"] for entry in plan["optimizers"]] == [["lr"], []]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["sgd"], "one optimizer is given"),
        ([], "no optimizers are given"),
        (["sgd", "sgd"], "two optimizers are called sgd"),
        (["sgd", "nonsense"], "unknown optimizer 'nonsense'"),
        (["sgd", "adam", "--problem", "nonsense"], "unknown problem 'nonsense'"),
        (["sgd", "adam", "--problem", "nothing.toml"], "cannot read the problem nothing.toml"),
        (["sgd", "adam", "--trials", "12"], "trials is 12; it must be a power of two"),
        (["sgd", "adam", "--margin", "0"], "margin is 0"),
        (["sgd", "adam", "--finals", "1"], "finals is 1"),
        (["sgd", "adam", "--objective", "speed"], "unknown objective 'speed'"),
        (["sgd", "adam", "--schedule", "wavy"], "unknown form of the schedule 'wavy'"),
        (["sgd", "adam", "--at-most", "30m"], "give --until-decided too"),
        (["sgd", "adam", "--budget", "soon"], "--budget is 'soon'"),
        (["sgd", "adam", "--budget", "0.001s", "--problem", "tiny.toml"], "is too short"),
        (["abcdef012345"], "there is no comparison 'abcdef012345'"),
        (["nothing.toml"], "cannot read the comparison nothing.toml"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_is_not_allowed_is_told_in_one_sentence(here, capsys, arguments, told):
    assert run(["compare", *arguments]) == 3
    shown = capsys.readouterr().err
    assert told in shown, shown
    assert [line for line in shown.splitlines() if "compiling" not in line][1:] == []
    assert not (here / "runs").exists()


def test_a_rule_that_always_diverges_scores_as_chance_and_is_worse(here, capsys):
    write_rules(here / "bad.py", "@rule\ndef bad(g, *, lr=0.1):\n    return lr * g / 0.0\n")
    found = document(capsys, "sgd", "bad.py:bad", *QUICK, "--finals", "6")
    bad = next(row for row in found["leaderboard"] if row["optimizer"] == "bad")
    assert bad["score"] == pytest.approx(0.1)
    assert (bad["diverged"], bad["train_loss"]) == (1.0, None)
    assert [(pair["a"], pair["verdict"]) for pair in found["pairs"]] == [("sgd", "better")]


@pytest.mark.parametrize("name", ["abcd", "fade", "99", "0a", "0123456789abcdef"])
def test_what_begins_like_an_id_is_looked_up_as_one(here, capsys, name):
    assert run(["compare", name]) == 3
    assert f"there is no comparison '{name}'" in capsys.readouterr().err


@pytest.mark.parametrize("more", [["--finals", "5"], ["--dry-run"], ["adam"], ["--until-decided"]])
@pytest.mark.parametrize("what", [["99"], ["--list"]])
def test_what_is_stored_takes_nothing_that_it_cannot_answer(here, capsys, what, more):
    assert run(["compare", *what, *more]) == 3
    assert f"shows what is stored, and takes no {more[0]}: leave it out." in capsys.readouterr().err

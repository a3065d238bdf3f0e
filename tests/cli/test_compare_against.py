"""`ravine compare --against atlas` on the small data set, with an atlas that the command itself has made."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

import ravine
import ravine.comparison.against as atlas_of
from ravine.cli.main import run
from rule_files import write_rules

PROBLEM = """
name = "{name}"
dataset = "small"
layers = {layers}
batch_size = 20
epochs = 2
validation = 50
"""
SEARCH = ["--trials", "4", "--contenders", "2", "--tuning-seeds", "2", "--extensions", "0"]
FEW = ["--finals", "3", "--controls", "2", "--jobs", "1"]
RULES = """
@rule
def twin(g, *, lr=0.1):
    return lr * g

@rule(bounds={"alpha": "[0, 1)"}, contains={"sgd": {"alpha": 0.0}})
def mine(g, v, *, lr=0.1, alpha=0.5):
    v = alpha * v + lr * g
    return v, v
"""
OTHER = "@rule\ndef sgd(g, *, lr=0.1):\n    return 2 * lr * g\n"


def document(capsys, *arguments: str) -> dict:
    capsys.readouterr()
    assert run(["compare", *arguments, "--json", "--quiet"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Keep the files of the atlas and its leaderboard, which the first test makes."""
    return {"folder": tmp_path_factory.mktemp("made") / "atlas"}


@pytest.fixture
def here(small, tmp_path, monkeypatch, capsys, made, empty_pictures):
    """Put a comparison of the command in place of the atlas; return its leaderboard by problem and optimizer."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.toml").write_text(PROBLEM.format(name="tiny", layers=[64, 10]))
    (tmp_path / "deep.toml").write_text(PROBLEM.format(name="deep", layers=[64, 12, 10]))
    write_rules(tmp_path / "rules.py", RULES)
    write_rules(tmp_path / "other.py", OTHER)
    if "rows" not in made:
        where = ["--problem", "tiny.toml,deep.toml", "--runs", "first", "--out", "page"]
        done = document(capsys, "sgd", "momentum", "adam", "signsgd", *where, *SEARCH, *FEW, "--pairs", "best")
        made["folder"].mkdir()
        shutil.copy(tmp_path / "page" / "leaderboard.csv", made["folder"])
        shutil.copy(tmp_path / "first" / "comparisons" / done["plan"] / "plan.json", made["folder"])
        made["rows"] = {(row["problem"], row["optimizer"]): row for row in done["leaderboard"]}
    monkeypatch.setattr(atlas_of, "FOLDER", made["folder"])
    return made["rows"]


def best(rows: dict, problem: str) -> str:
    return max((name for where, name in rows if where == problem), key=lambda name: rows[problem, name]["score"])


def test_one_rule_stands_beside_the_best_of_each_problem(here, capsys, tmp_path):
    found = document(capsys, "rules.py:mine", "--against", "atlas", *FEW)
    beside = {best(here, "tiny"), best(here, "deep")}
    rows = {(row["problem"], row["optimizer"]): row for row in found["leaderboard"]}
    assert set(rows) == {(problem, name) for problem in ("tiny", "deep") for name in {"mine", *beside}}
    for problem, name in rows:
        row = rows[problem, name]
        if name == "mine":
            assert None not in (row["validation"], row["default"])
        else:
            assert row["settings"] == here[problem, name]["settings"]
            assert (row["validation"], row["default"], row["diverged"]) == (None, None, None)
    assert {tuple(sorted((pair["a"], pair["b"]))) for pair in found["pairs"]} == {
        tuple(sorted(("mine", name))) for name in beside
    }
    stages = {}
    for line in (tmp_path / "ravine-comparison" / "trials.csv").read_text().splitlines()[1:]:
        _, name, stage, *_ = line.split(",")
        stages.setdefault(name, []).append(stage)
    assert all(set(stages[name]) == {"final"} for name in beside)
    for stage, count in {"search": 4, "default": 2, "seeds": 2, "final": 3}.items():
        assert stages["mine"].count(stage) == 2 * count, stage


def test_a_rule_that_is_one_of_the_atlas_under_another_name_finds_its_settings_and_is_equivalent(here, capsys):
    """The search is the same: the points, the seeds and the choice of the best."""
    found = document(capsys, "rules.py:twin", "--against", "atlas:sgd", *FEW)
    rows = {(row["problem"], row["optimizer"]): row for row in found["leaderboard"]}
    for problem in ("tiny", "deep"):
        twin, sgd = rows[problem, "twin"], rows[problem, "sgd"]
        assert twin["settings"] == sgd["settings"] == here[problem, "sgd"]["settings"]
        assert twin["score"] == sgd["score"]
        assert twin["validation"] == here[problem, "sgd"]["validation"]
    assert {pair["difference"] for pair in found["pairs"]} == {0.0}
    assert not {pair["verdict"] for pair in found["pairs"]} & {"better", "worse"}


def test_the_table_the_page_and_its_command_say_what_was_tuned_before(here, capsys, tmp_path):
    words = ["rules.py:mine", "--against", "atlas:adam,sgd", "--problem", "tiny", *FEW]
    assert run(["compare", *words]) == 0
    shown = capsys.readouterr()
    assert re.search(r"adam +\d.*lr=.* - +-\n", shown.out)
    sentence = "adam and sgd were tuned by an earlier comparison; this one made their final runs alone."
    assert sentence in shown.out
    assert "finals with fresh seeds: 9 runs" in shown.err
    assert "controls: 2 runs" in shown.err
    page = re.sub("<[^>]+>", "", (tmp_path / "ravine-comparison" / "index.html").read_text())
    assert sentence in page
    command = next(line for line in page.splitlines() if line.startswith("ravine compare rules.py"))
    first = document(capsys, *words)
    assert document(capsys, *shlex.split(command)[2:]) == first  # the same plan, of which all is stored


def test_a_stored_one_is_listed_and_opened_again(here, capsys):
    words = ["rules.py:mine", "--against", "atlas:adam", "--problem", "deep", *FEW]
    first = document(capsys, *words)
    assert run(["compare", "--list"]) == 0
    assert re.search(rf"{first['plan']}.*ended.*deep.*mine, adam", capsys.readouterr().out)
    again = document(capsys, first["plan"], "--out", "again")
    assert (again["leaderboard"], again["sentences"]) == (first["leaderboard"], first["sentences"])


def test_a_dry_run_tells_what_is_searched_and_what_was_tuned_before(here, capsys, runs):
    words = ["rules.py:twin", "--against", "atlas:adam", "--problem", "tiny", *FEW, "--dry-run"]
    assert run(["compare", *words]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"twin +lr: log", shown)
    assert not re.search(r"adam +lr: log", shown)
    assert re.search(rf"adam +tiny +lr={here['tiny', 'adam']['settings']['lr']:.4g}, beta1=", shown)
    assert "no pair of two optimizers that an earlier comparison tuned" in shown
    plan = document(capsys, *words)
    assert plan["runs"] == {"tuning": 4 + 2 + 2, "finals": 6}
    assert [entry["tuned"] for entry in plan["optimizers"]] == [{}, {"tiny": here["tiny", "adam"]["settings"]}]
    assert not runs.exists()


def test_the_same_in_python(here, capsys, tmp_path):
    words = ["rules.py:mine", "--against", "atlas:adam,sgd", "--problem", "tiny", *FEW]
    first = document(capsys, *words)
    found = ravine.compare(
        ["rules.py:mine"], against="atlas:adam,sgd", problem="tiny", finals=3, controls=2, jobs=1, quiet=True
    )
    assert found.id == first["plan"]
    assert [row["score"] for row in found.leaderboard] == [row["score"] for row in first["leaderboard"]]
    assert len(ravine.compare(["rules.py:twin"], against="atlas", finals=2, jobs=1, quiet=True).outcome.verdicts) == 2


def test_the_example_of_the_page(here, capsys, monkeypatch, tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "comparison.md").read_text(encoding="utf-8")
    (example,) = (block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "against=" in block)
    write_rules(tmp_path / "my_rule.py", "@rule\ndef my_rule(g, *, lr=0.1):\n    return lr * g\n")
    assert 'problem="mnist-small"' in example
    exec(example.replace('"mnist-small"', '"tiny", jobs=1, quiet=True'), {})
    shown = capsys.readouterr().out
    assert "adam and sgd were tuned by an earlier comparison" in shown


def test_a_file_may_have_axes_variants_and_problems(here, capsys, tmp_path):
    (tmp_path / "both.toml").write_text(
        """
        problems = ["deep"]
        optimizers = ["rules.py:mine", "other.py:sgd"]
        [protocol]
        finals = 2
        [search.mine]
        lr = { log = [0.01, 1.0] }
        [variants."sgd falling"]
        optimizer = "sgd"
        schedule = "linear"
        final_lr = 0.0
        """
    )
    plan = document(capsys, "both.toml", "--against", "atlas:sgd", "--dry-run")
    assert [problem["name"] for problem in plan["problems"]] == ["deep"]
    assert [entry["label"] for entry in plan["optimizers"]] == ["mine", "other.py:sgd", "sgd falling", "sgd"]
    assert plan["optimizers"][0]["overridden"] == ["lr"]
    # It contains the atlas's sgd; the user's own is another one, and the variant has another schedule.
    assert list(plan["optimizers"][0]["contains"]) == ["sgd"]
    assert (plan["protocol"]["finals"], plan["protocol"]["trials"]) == (2, 4)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("schedules = ['cosine']", "schedule cannot be given against the atlas"),
        ("batch_sizes = [10]", "batch_size cannot be given against the atlas"),
        ("problems = ['mnist-mlp']", "unknown problem of the atlas 'mnist-mlp'"),
        ("[protocol]\ntrials = 8", "trials cannot be given against the atlas"),
        ("[protocol]\nobjective = 'loss'", "objective cannot be given against the atlas"),
        ("[search.adam]\nlr = { log = [0.01, 1.0] }", "search of adam: it is tuned already"),
    ],
)
def test_a_file_that_contradicts_the_atlas(here, capsys, tmp_path, content, told):
    (tmp_path / "file.toml").write_text(f"optimizers = ['rules.py:mine']\n{content}\n")
    refused(capsys, ["file.toml", "--against", "atlas:adam"], told)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["rules.py:mine", "--against", "atlas:"], "names no optimizer"),
        (["rules.py:mine", "--against", ""], "against is ''"),
        (["rules.py:mine", "--against", "atlas:adma"], "did you mean 'adam'"),
        (["--against", "atlas"], "no optimizers are given"),
        (["adam", "--against", "atlas"], "adam is in the atlas"),
        (["rules.py:mine", "--against", "atlas", "--all"], "--all cannot be given"),
        (["rules.py:mine", "--against", "atlas", "--problem", "tiny.toml"], "Known: deep, tiny"),
        (["rules.py:mine", "--against", "atlas", "--batch-size", "10"], "batch_size cannot be given"),
        (["rules.py:mine", "--against", "atlas", "--schedule", "cosine"], "schedule cannot be given"),
        (["rules.py:mine", "--against", "atlas", "--objective", "loss"], "objective cannot be given"),
        (["rules.py:mine", "--against", "atlas", "--budget", "1h"], "budget cannot be given"),
        (["rules.py:mine", "--against", "atlas", "--trials", "4"], "it gave each optimizer 4 trials"),
        (["rules.py:mine", "--against", "atlas", "--contenders", "3"], "contenders cannot be given"),
        (["rules.py:mine", "--against", "atlas", "--tuning-seeds", "3"], "tuning_seeds cannot be given"),
        (["rules.py:mine", "--against", "atlas", "--extensions", "0"], "extensions cannot be given"),
        (["rules.py:mine", "--against", "atlas", "--pairs", "all"], "pairs cannot be given"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_not_allowed_is_told_in_one_sentence(here, capsys, arguments, told):
    refused(capsys, arguments, told)


def refused(capsys, arguments, told):
    capsys.readouterr()
    assert run(["compare", *arguments]) == 3
    shown = capsys.readouterr()
    assert told in shown.err
    assert len(shown.err.splitlines()) == 1
    assert shown.out == ""


def test_the_options_that_stay_allowed(here, capsys):
    given = {"finals": "3", "most-finals": "20", "controls": "1", "level": "0.01", "power": "0.9", "margin": "0.01",
             "seed": "5"}  # fmt: skip
    options = [word for name, value in given.items() for word in (f"--{name}", value)]
    words = ["rules.py:twin", "--against", "atlas:adam", *options, "--until-decided", "--at-most", "1h", "--dry-run"]
    protocol = document(capsys, *words)["protocol"]
    for name, value in given.items():
        assert protocol[name.replace("-", "_")] == float(value)
    assert protocol["looks"] == 5


def test_a_missing_record_is_told_in_one_sentence(here, capsys, monkeypatch, tmp_path):
    shutil.copytree(atlas_of.FOLDER, tmp_path / "half")
    (tmp_path / "half" / "leaderboard.csv").unlink()
    monkeypatch.setattr(atlas_of, "FOLDER", tmp_path / "half")
    refused(capsys, ["rules.py:mine", "--against", "atlas"], "leaderboard.csv cannot be read")

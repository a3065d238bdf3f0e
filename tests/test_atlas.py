"""The records of the atlas, and the page that is made from them."""

from __future__ import annotations

import csv
from collections import defaultdict
from statistics import fmean

import msgspec
import pytest
from benchmarks import atlas

from ravine.comparison.folder import Made
from ravine.comparison.planning import all_elementwise
from ravine.formulas.shelves import OPTIMIZERS

LEADERBOARD, PAIRS = atlas.read("leaderboard"), atlas.read("pairs")
MADE = msgspec.json.decode((atlas.RECORDS / "plan.json").read_bytes(), type=Made)


@pytest.fixture(scope="module")
def trials():
    with (atlas.BESIDE / "trials.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_optimizer_of_the_plan_has_a_row_on_each_problem():
    assert {(row["optimizer"], row["problem"]) for row in LEADERBOARD} == {
        (name, problem) for name in MADE.plan.labels for problem in atlas.PROBLEMS
    }
    assert len(LEADERBOARD) == len(MADE.plan.labels) * len(atlas.PROBLEMS)
    assert [problem.name for problem in MADE.plan.problems] == list(atlas.PROBLEMS)
    assert {problem.batch_size for problem in MADE.plan.problems} == {100}
    assert MADE.plan.protocol.pairs == "best"


def test_an_element_wise_optimizer_that_is_not_in_it_is_named_on_the_page():
    page = atlas.PAGE.read_text(encoding="utf-8")
    assert set(MADE.plan.labels) <= set(all_elementwise())
    assert all(f"[{name}](optimizers/{name}.md)" in page for name in all_elementwise())


def test_the_spaces_are_those_that_the_optimizers_declare_today():
    assert MADE.plan == atlas.plan_of_today(MADE.plan.labels)


def test_scores_are_the_means_of_the_final_runs(trials):
    finals = defaultdict(list)
    for row in trials:
        if row["stage"] == "final":
            finals[row["problem"], row["optimizer"]].append(float(row["score"]))
    for row in LEADERBOARD:
        own = finals[row["problem"], row["optimizer"]]
        assert (len(own), fmean(own)) == (int(row["finals"]), pytest.approx(float(row["score"]), abs=1e-12))
    for pair in PAIRS:
        a, b = (fmean(finals[pair["problem"], pair[side]]) for side in ("a", "b"))
        assert a - b == pytest.approx(float(pair["difference"]), abs=1e-12)


def test_no_final_run_shares_its_seed_with_the_tuning(trials):
    seeds = {stage: {row["seed"] for row in trials if (row["stage"] == "final") == stage} for stage in (True, False)}
    assert not seeds[True] & seeds[False]


def test_the_settings_are_those_of_a_trial_of_the_search(trials):
    settings = [name for name in LEADERBOARD[0] if name.startswith("set_")]
    searched = {
        (row["problem"], row["optimizer"], *(row[name] for name in settings))
        for row in trials
        if row["stage"] in ("search", "extension")
    }
    for row in LEADERBOARD:
        assert (row["problem"], row["optimizer"], *(row[name] for name in settings)) in searched


def test_the_page_has_the_tables_that_the_records_give():
    page = atlas.PAGE.read_text(encoding="utf-8")
    for name, table in atlas.tables(LEADERBOARD, PAIRS).items():
        assert f"<!-- {name} -->\n{table}\n<!-- end of {name} -->" in page


def test_ratios_by_hand():
    rows = [
        {"problem": problem, "optimizer": name, "score": str(score)}
        for problem, scores in (("p", (0.9, 0.8)), ("q", (0.95, 0.98)))
        for name, score in zip(("one", "two"), scores, strict=True)
    ]
    found = atlas.ratios(rows)
    assert list(found) == ["two", "one"]
    assert found["one"] == {"p": 1.0, "q": pytest.approx(2.5)}
    assert found["two"] == {"p": pytest.approx(2.0), "q": 1.0}


def test_marks_say_what_an_optimizer_is_beside_the_one_that_tuned_best():
    pairs = [
        {"problem": "p", "a": "best", "b": "one", "verdict": "better"},
        {"problem": "p", "a": "two", "b": "best", "verdict": "undecided"},
        {"problem": "p", "a": "best", "b": "three", "verdict": "worse"},
        {"problem": "q", "a": "three", "b": "best", "verdict": "worse"},
        {"problem": "q", "a": "three", "b": "one", "verdict": "equivalent"},
    ]
    marks = [atlas.mark({"problem": "p", "optimizer": name}, pairs) for name in ("best", "one", "two", "three")]
    assert marks == ["★", "▼", "?", "▲"]


def test_a_page_without_a_place_is_told():
    with pytest.raises(SystemExit, match="no place for the table scores"):
        atlas.filled("# a page\n", "scores", "| a |")


def test_the_default_rates_are_those_of_the_shelf():
    table = atlas.rates_table(LEADERBOARD)
    adam = next(line for line in table.splitlines() if line.startswith("| adam |"))
    assert f"{OPTIMIZERS['adam'].defaults['lr']:g}" in adam

"""`ravine.run_study`: a study from a file, a name or dictionaries, and what Python shows meanwhile."""

from __future__ import annotations

import logging

import pytest

import ravine
from ravine.api.study_watching import StudyBar
from ravine.errors import ConfigError
from ravine.storage.store import RunStore
from ravine.studies import plan
from small_data import small_arrays
from studies.study_cases import SMALL_STUDY, StudyRecorder, ids, small_plan, study_of


@pytest.fixture
def study(small, tmp_path):
    path = tmp_path / "six.toml"
    path.write_text(SMALL_STUDY, encoding="utf-8")
    return path


def test_a_file(study, runs, caplog):
    caplog.set_level(logging.INFO)
    outcome = ravine.run_study(study)
    assert list(outcome.results) == ids(small_plan())  # in the order of the study
    assert (outcome.failed, outcome.reused) == ({}, set())
    assert sorted(RunStore(runs).ids()) == sorted(outcome.results)
    assert repr(outcome) == "StudyOutcome(6 of 6 runs stored, 0 failed)"
    assert "6 of 6: sgd lr" in caplog.text
    again = ravine.run_study(study)
    assert again.reused == set(outcome.results)
    assert again.results == outcome.results


def test_some_groups_more_seeds_another_folder_and_a_watcher(study, tmp_path):
    recorder = StudyRecorder()
    outcome = ravine.run_study(study, only=["momenta"], seeds=2, runs=tmp_path / "other", jobs=1, watcher=recorder)
    assert set(outcome.results) == set(ids(plan(study_of(seeds=[0, 1]), ["momenta"])))
    assert recorder.results == outcome.results
    assert sorted(RunStore(tmp_path / "other").ids()) == sorted(outcome.results)


@ravine.rule
def mine(g, *, lr=0.1):
    return lr * 0.5 * g


def test_dictionaries_with_an_optimizer_of_one_s_own():
    settings = {"layers": [64, 12, 10], "epochs": 2, "engine": "reference"}
    outcome = ravine.run_study(
        {
            "name": "mine",
            "settings": settings,
            "groups": [{"name": "a", "grid": {"optimizer": [mine, "sgd"], "lr": [0.1]}}],
        },
        data=small_arrays(),
    )
    assert [result.spec.optimizer_name for result in outcome.results.values()] == ["mine", "sgd"]
    assert {result.status for result in outcome.results.values()} == {"done"}


@pytest.mark.parametrize(
    ("study", "more", "told"),
    [
        ("nothing", {}, "cannot read the study nothing"),
        ({"name": "a"}, {}, "groups is missing"),
        ({"name": "a", "groups": [], "seed": 1}, {}, "seed"),
        ("batch-size", {"only": "growing"}, r"only is 'growing'; give a list of names, as \['growing'\]"),
        ("batch-size", {"jobs": 0}, "jobs"),
        ("batch-size", {"jobs": 1, "runner": print}, "jobs and runner are given"),
        ("batch-size", {"seeds": 0}, "seeds"),
    ],
)
def test_bad_input(small, runs, study, more, told):
    with pytest.raises(ConfigError, match=told):
        ravine.run_study(study, **more)
    assert not runs.exists()


@pytest.mark.parametrize(
    ("runner", "told"), [(lambda jobs, session: None, "returns None"), (lambda jobs, session: [3], "yields 3")]
)
def test_runners_that_are_none(study, runner, told):
    with pytest.raises(ConfigError, match=rf"the runner {told}.*must yield an `Ending` for each job"):
        ravine.run_study(study, runner=runner)


def test_the_bar_of_a_notebook(monkeypatch):
    bar = StudyBar(3)
    monkeypatch.setattr(bar._bar, "_show", lambda: None)
    spec = small_plan_spec()
    bar.started("a", spec)
    bar.started("b", spec)
    bar.progress("a", 0.5, 1.0)
    assert 'value="0.5000" max="3"' in bar._bar.html()
    assert "0 of 3 runs, 2 under way" in bar._bar.html()
    bar.ended("a", None, "the disk is full.")
    assert 'value="1.0000" max="3"' in bar._bar.html()
    assert "1 of 3 runs, 1 under way" in bar._bar.html()
    assert "run a failed: the disk is full." in bar._bar.html()


def small_plan_spec():
    return ravine.RunSpec()

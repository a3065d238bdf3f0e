"""A study with validation: all threads and the estimate share one split, and no run touches the test set."""

from __future__ import annotations

import numpy as np
from study_cases import SMALL_STUDY, assert_as_single_runs, study_of

from ravine.data import Dataset, datasets
from ravine.storage.store import RunStore
from ravine.studies import plan, run_study
from ravine.studies.estimate import estimate

STUDY = SMALL_STUDY.replace("[settings]", "[settings]\nvalidation = 0.2", 1).replace("reference", "fused")


class Untouchable:
    def __getattr__(self, name):
        raise AssertionError(f"the test set was touched: {name}")


def test_one_split_for_all_runs_and_the_estimate(small, tmp_path, monkeypatch):
    made, cut = [], []
    compact, held_out = datasets.compact, datasets.held_out
    monkeypatch.setattr(datasets, "compact", lambda images, scale: made.append(len(images)) or compact(images, scale))
    monkeypatch.setattr(datasets, "held_out", lambda *given: cut.append(given[1:]) or held_out(*given))
    data = Dataset(small.info, small.train, Untouchable())
    planned, store = plan(study_of(STUDY, seeds=[0, 1, 2])), RunStore(tmp_path / "study")
    costs = estimate(planned, store, 4, lambda name: data)
    assert all(cost > 0 for cost in costs.seconds.values())
    outcome = run_study(planned, store, load_data=lambda name: data, jobs=4)
    assert outcome.failed == {}
    assert len(outcome.results) == 18
    assert cut == [(46, 0)]
    assert sorted(made) == [46, 184]
    assert not any(result.tested for result in outcome.results.values())
    assert_as_single_runs(planned, store, small, tmp_path / "alone")


def test_the_estimate_counts_the_samples_that_are_left(small, tmp_path, monkeypatch):
    from ravine.studies import estimate as module

    seen = []
    monkeypatch.setattr(module, "_cost", lambda run, split: seen.append(split) or (1.0, 1))
    planned = plan(study_of(STUDY.replace("validation = 0.2", "validation = 46\nvalidation_seed = 3", 1)))
    module.estimate(planned, RunStore(tmp_path), 1, lambda name: small)
    assert all(split is small.held_out(46, 3).train for split in seen)
    seeds = [plan(study_of(STUDY.replace("0.2", f"46\nvalidation_seed = {seed}", 1))) for seed in (1, 2)]
    seen.clear()
    module.estimate([run for one in seeds for run in one], RunStore(tmp_path), 1, lambda name: small)
    assert {id(split) for split in seen} == {id(small.held_out(46, seed).train) for seed in (1, 2)}
    assert not np.array_equal(seen[0].targets, small.train.targets)

"""How long a study will take, where it is not to be seen from the first steps at rest."""

from __future__ import annotations

import dataclasses

import pytest

from ravine.formulas.matrix import matrix_rule
from ravine.optimizers.sgd import sgd
from ravine.spec import from_settings
from ravine.storage.store import RunStore
from ravine.studies import Planned, run_study
from ravine.studies.estimate import Estimate, estimate, tell_cost

RATES = []


@matrix_rule(searches=True)
def noting(gradients, weights, state, t, loss, *, lr=0.1):
    """Notes its rate."""
    RATES.append(lr)
    return [lr * g for g in gradients], {}


watched = dataclasses.replace(noting, made_of=(sgd,))  # the same whatever RATES holds


@pytest.mark.parametrize("optimizer", ["sgd", "lbfgs", watched])
@pytest.mark.parametrize("batch_size", [20, 230])
def test_every_run_takes_time(small, tmp_path, optimizer, batch_size):
    settings = {"dataset": "small", "layers": (64, 12, 10), "engine": "reference"}
    run = from_settings({**settings, "optimizer": optimizer, "batch_size": batch_size})
    planned = Planned("one", 0, run, None)
    assert estimate([planned], RunStore(tmp_path), 1, lambda name: small).seconds[run.id] > 0


def test_a_line_search_is_timed_where_it_moves(small, tmp_path):
    RATES.clear()
    test_every_run_takes_time(small, tmp_path, watched, 20)
    assert set(RATES) == {0.1}


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam", "muon"])
def test_the_disk_is_what_is_stored(small, tmp_path, optimizer):
    settings = {"dataset": "small", "layers": (64, 200, 10), "optimizer": optimizer, "epochs": 1}
    run, store = from_settings({**settings, "batch_size": 230}), RunStore(tmp_path)
    planned = [Planned("one", 0, run, None)]
    disk = estimate(planned, store, 1, lambda name: small).disk
    run_study(planned, store, load_data=lambda name: small)
    stored = sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file())
    assert 0.75 < disk / stored < 1.25


def test_a_long_study_tells_its_cost_and_a_short_one_does_not(caplog):
    tell_cost(Estimate({"a": 20.0, "b": 25.0}, wall=25.0, disk=1), jobs=2)
    assert not caplog.records
    tell_cost(Estimate({"a": 200.0}, wall=200.0, disk=1), jobs=1)
    (record,) = caplog.records
    assert record.getMessage() == "1 run to do, 1 at a time: this takes about 3.3 minutes"

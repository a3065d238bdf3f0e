"""How long a study will take, where it is not to be seen from the first steps at rest."""

from __future__ import annotations

import dataclasses

import pytest

from ravine.formulas.matrix import matrix_rule
from ravine.optimizers.sgd import sgd
from ravine.spec import from_settings
from ravine.storage.store import RunStore
from ravine.studies import Planned
from ravine.studies.estimate import estimate

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

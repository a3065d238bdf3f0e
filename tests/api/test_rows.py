"""Stored runs as rows: whom the caller names, and how."""

from __future__ import annotations

import pytest

import ravine
from ravine.errors import ConfigError
from small_data import small_arrays

SMALL = {"data": small_arrays(), "layers": (64, 12, 10), "batch_size": 20, "epochs": 1}


@pytest.mark.parametrize("rows", [ravine.run_rows, ravine.epoch_rows])
def test_runs_are_named_in_a_list(rows):
    run = ravine.train(**SMALL)
    assert rows([run]) == rows((run.id,)) == rows([run.folder]) == rows() == rows([run, run.id[:8]])
    assert rows([]) == []
    for wrong in (run, run.id, 3, ravine.train, {run.id}):
        with pytest.raises(ConfigError, match="it must be a list of runs, ids or folders, or None for all"):
            rows(wrong)

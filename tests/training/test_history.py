"""The history of a run as records and as columns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ravine.errors import ConfigError
from ravine.storage.record import Epoch
from ravine.training.history import History

RECORDS = [
    Epoch(1, 12, 0.1, 20, train_loss=2.0, test_loss=1.5, test_accuracy=0.25, seconds=0.5),
    Epoch(2, 24, 0.05, 20, train_loss=1.0, test_loss=None, test_accuracy=0.5, seconds=0.25),
]


def test_records_and_columns():
    history = History(RECORDS)
    assert (len(history), history[0], history[-1], list(history)) == (2, RECORDS[0], RECORDS[1], RECORDS)
    assert history == RECORDS
    assert history[1:] == RECORDS[1:]
    assert history["epoch"].dtype == int
    assert history["epoch"].tolist() == [1, 2]
    np.testing.assert_array_equal(history["test_loss"], [1.5, np.nan])
    assert history["lr"].tolist() == [0.1, 0.05]


def test_pandas_takes_it_as_it_is():
    frame = pd.DataFrame(History(RECORDS))
    assert list(frame.columns) == list(History.columns)
    assert frame["steps"].tolist() == [12, 24]
    assert frame["test_loss"].isna().tolist() == [False, True]
    assert all(dtype.kind in "if" for dtype in frame.dropna(axis="columns", how="all").dtypes)
    assert list(frame.columns[frame.isna().all()]) == [
        *("validation_loss", "validation_accuracy", "validation_r2", "validation_mean_absolute_error"),
        *("test_r2", "test_mean_absolute_error"),
    ]


def test_an_empty_one():
    history = History([])
    assert (len(history), history["train_loss"].shape) == (0, (0,))
    assert pd.DataFrame(history).empty


def test_no_such_column():
    with pytest.raises(ConfigError, match="unknown column of the history 'loss'; did you mean"):
        History(RECORDS)["loss"]

"""The tidy files of a report, read by pandas and compared with the results."""

from __future__ import annotations

import math

import pandas
import pytest
from stored_cases import DEAD, epochs, result

from ravine.report import tidy
from ravine.report.make import make_report, write_report
from ravine.storage.store import StoredRun
from ravine.studies import Group, Study, plan

STUDY = Study(
    name="s",
    seeds=[0, 1],
    groups=[
        Group(
            name="rates",
            rows=[
                {"label": "plain", "lr": 0.1, "published": {"train_loss": math.nan, "test_accuracy": 0.98}},
                {"lr": 0.01, "optimizer": "momentum", "alpha": 0.5},
            ],
        ),
        Group(name="again", rows=[{"lr": 0.1}, {"lr": 0.7}]),
    ],
)
PLANNED = plan(STUDY)
RESULTS = {
    run.id: result(run, 0.9 + run.spec.seed / 300, history=epochs([0.5, 0.9 + run.spec.seed / 300]))
    for run in PLANNED
    if run.spec.lr != 0.7
}
DIED = PLANNED[3]
RESULTS[DIED.id] = result(DIED, 0.098, cause=DEAD, history=epochs([0.098]))


@pytest.fixture
def frames(tmp_path):
    """Return the two files of a report."""
    stored = {run: StoredRun(tmp_path, each, {}, "") for run, each in RESULTS.items()}
    write_report(make_report(STUDY, PLANNED, stored, {}), tmp_path)
    return tuple(pandas.read_csv(tmp_path / name) for name in ("runs.csv", "epochs.csv"))


def test_a_row_for_each_run_of_each_group(frames):
    runs, _ = frames
    assert runs[["group", "row", "seed"]].values.tolist() == [
        ["rates", 1, 0],
        ["rates", 1, 1],
        ["rates", 2, 0],
        ["rates", 2, 1],
        ["again", 1, 0],
        ["again", 1, 1],
    ]
    assert runs["id"].tolist() == [run.id for run in PLANNED[:6]]
    assert runs["label"].tolist()[:2] == ["plain", "plain"]
    assert runs["label"].isna().tolist() == [False, False, True, True, True, True]
    assert runs["published_test_accuracy"].tolist()[:2] == [0.98, 0.98]
    assert runs["published_train_loss"].dtype == runs["published_seconds"].dtype == float
    assert runs["alpha"].tolist()[2:4] == [0.5, 0.5]
    assert runs["cause"].tolist()[3] == "dead_network"
    assert runs["test_accuracy"].tolist() == [RESULTS[run].test_accuracy for run in runs["id"]]
    assert runs["epochs_done"].tolist() == [2, 2, 2, 1, 2, 2]


def test_a_row_for_each_epoch(frames):
    runs, found = frames
    assert list(found.columns[:5]) == ["id", "group", "row", "seed", "epoch"]
    assert len(found) == runs["epochs_done"].sum()
    joined = runs.merge(found, on=["id", "group", "row", "seed"], suffixes=("", "_of_epoch"))
    last = joined[joined["epoch"] == joined["epochs_done"]]
    assert last["test_accuracy"].tolist() == last["test_accuracy_of_epoch"].tolist()
    assert found[found["id"] == DIED.id].values.tolist()[0][:12] == [
        *[DIED.id, "rates", 2, 1, 1, 6000, 0.1, 10, 1.0, 1.1, 0.098, 0.5]
    ]
    assert found[["validation_loss", "validation_accuracy"]].isna().all(axis=None)


def test_a_number_that_was_published_as_nan_is_written_and_reads_as_none(tmp_path):
    stored = {run: StoredRun(tmp_path, each, {}, "") for run, each in RESULTS.items()}
    write_report(make_report(STUDY, PLANNED, stored, {}), tmp_path)
    first, _, third, *_ = (tmp_path / "runs.csv").read_text().splitlines()[1:]
    assert first.endswith(",nan,0.98,")
    assert third.endswith(",,,")


def test_a_report_of_nothing_has_no_rows():
    assert tidy.run_rows(PLANNED, {}) == tidy.epoch_rows(PLANNED, {}) == []
    assert make_report(STUDY, PLANNED, {}, {}).runs == []

"""Tables from results that are made up here, number by number."""

from __future__ import annotations

import csv
import io
import math

import msgspec
import pytest

from ravine.report.tables import cells, make_table, table_to_csv, table_to_latex, table_to_markdown
from ravine.storage.record import DeadNetwork, Epoch, Result, Seconds
from ravine.studies import Group, Study, plan

GROUP = Group(
    name="decay_and_not",
    title="With 5 % decay & without",
    rows=[
        {"lr": 0.1, "published": {"train_loss": math.nan, "test_accuracy": 0.098, "seconds": 3000.0}},
        {"lr": 0.1, "final_lr": 0.001, "published": {"train_loss": 2.303, "seconds": 3000.0}},
        {"lr": 0.01, "final_lr": 0.001},
    ],
)
PLANNED = plan(Study(name="s", groups=[GROUP], seeds=[0, 1, 2]))


def result(run, accuracy: float, loss: float, cause=None) -> Result:
    return Result(
        status="done" if cause is None else "diverged",
        cause=cause,
        id=run.id,
        parameters=1,
        train_loss=loss,
        test_loss=0.1,
        test_accuracy=accuracy,
        seconds=Seconds(total=2.0),
        history=[],
        spec=run.spec,
    )


@pytest.fixture
def table():
    dead = DeadNetwork(epoch=1, layer=1, loss=2.3, logits_equal=True, message="dead")
    results = {
        PLANNED[0].id: result(PLANNED[0], 0.098, 4.0, dead),
        PLANNED[3].id: result(PLANNED[3], 0.97, 0.02),
        PLANNED[4].id: result(PLANNED[4], 0.98, 0.03),
        PLANNED[5].id: result(PLANNED[5], 0.99, 0.04),
    }
    return make_table(GROUP, PLANNED, results)


def test_only_rows_that_were_run_and_settings_that_differ_are_shown(table):
    assert [dict(row.settings) for row in table.rows] == [
        {"lr": "0.1", "final_lr": "", "batch_size": "10"},
        {"lr": "0.1", "final_lr": "0.001", "batch_size": "10"},
    ]


def test_seeds_are_averaged_and_a_dead_run_has_no_training_loss(table):
    dead, decayed = table.rows
    assert dead.train_loss is None
    assert dead.test_accuracy.value == 0.098
    assert dead.outcome == "diverged (dead_network)"
    assert decayed.test_accuracy.value == pytest.approx(0.98)
    # t = 4.303 for two degrees of freedom, s = 0.01.
    assert decayed.test_accuracy.half_width == pytest.approx(4.303 * 0.01 / math.sqrt(3), rel=1e-3)
    assert decayed.outcome == "3 done"


def test_steps_are_told_where_batches_grow():
    decay = {"schedule": "step", "decay_every": 1, "epochs": 2}
    group = Group(name="g", rows=[decay, {**decay, "largest_batch": 100}])
    runs = plan(Study(name="s", groups=[group]))
    histories = zip(runs, ((6000, 12000), (6000, 6600)), strict=True)
    results = {
        run.id: msgspec.structs.replace(
            result(run, 0.9, 0.1), history=[Epoch(k + 1, s, 0.1, 10, 0.1, 0.1, 0.9, 1.0) for k, s in enumerate(steps)]
        )
        for run, steps in histories
    }
    head, body = cells(make_table(group, runs, results))
    assert [row[head.index("steps")] for row in body] == ["12000", "6600"]
    assert [row[head.index("largest_batch")] for row in body] == ["", "100"]


def test_csv_reads_back(table):
    head, first, second = csv.reader(io.StringIO(table_to_csv(table)))
    assert len(head) == len(first) == len(second)
    row = dict(zip(head, first, strict=True))
    assert (row["published loss"], row["loss"], row["published accuracy"]) == ("nan", "-", "0.098")
    assert row["times faster"] == ""  # it did not go to its end
    row = dict(zip(head, second, strict=True))
    assert (row["published loss"], row["published accuracy"], row["times faster"]) == ("2.303", "", "1500")
    assert row["accuracy"].startswith("0.9800 +- 0.0248")


def test_a_column_in_which_nothing_stands_is_left_out():
    group = Group(name="g", rows=[{"lr": 0.1}])
    (run,) = plan(Study(name="s", groups=[group]))
    head, body = cells(make_table(group, [run], {run.id: result(run, 0.98, 0.02)}))
    assert head == ["lr", "batch_size", "loss", "accuracy", "s", "outcome"]
    assert body == [["0.1", "10", "0.0200", "0.9800", "2.0", "done"]]
    assert cells(make_table(group, [run], {})) == ([], [])


def test_markdown_and_latex_have_every_row(table):
    lines = table_to_markdown(table).splitlines()
    assert lines[0] == "**decay_and_not.** With 5 % decay & without"
    assert len({line.count("|") for line in lines[2:]}) == 1
    assert "±" in lines[-1]
    latex = table_to_latex(table)
    assert r"\caption{With 5 \% decay \& without}" in latex
    assert r"final\_lr" in latex
    assert r"$\pm$" in latex
    assert latex.count(r"\\") == 3


LABELED = Group(
    name="methods",
    rows=[{"label": "plain", "lr": 0.1}, {"label": "heavy ball", "optimizer": "momentum", "lr": 0.1}, {"lr": 0.2}],
)


def test_labels_stand_before_the_settings():
    planned = plan(Study(name="s", groups=[LABELED, GROUP], seeds=[0]))
    results = {run.id: result(run, 0.9, 0.1) for run in planned}
    rows = make_table(LABELED, planned, results).rows
    assert [list(row.settings.values()) for row in rows] == [
        ["plain", "sgd", "0.1", "10", ""],
        ["heavy ball", "momentum", "0.1", "10", "0.9"],
        ["", "sgd", "0.2", "10", ""],
    ]
    assert list(rows[0].settings) == ["label", "optimizer", "lr", "batch_size", "alpha"]
    assert "label" not in make_table(GROUP, planned, results).rows[0].settings


def test_a_table_of_some_rows_shows_the_settings_that_differ_in_the_whole_group():
    planned = plan(Study(name="s", groups=[LABELED], seeds=[0]))
    (row,) = make_table(LABELED, planned, {planned[1].id: result(planned[1], 0.9, 0.1)}).rows
    assert row.settings["optimizer"] == "momentum"
    assert make_table(LABELED, planned, {}).rows == ()

"""The built-in study holds what the paper published."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from ravine.schedules import Constant, Linear
from ravine.studies import load_study, plan

PAPER = load_study("paper")
PLANNED = plan(PAPER)


def row(group: str, number: int):
    """Return a row, counted from 1 as in the paper."""
    (found,) = [run for run in PLANNED if (run.group, run.row) == (group, number - 1)]
    return found


def facts(group: str, number: int) -> tuple:
    """Return what decides a row, and what was published of it."""
    run = row(group, number)
    spec, published = run.spec, run.published
    final = spec.schedule.final_lr if isinstance(spec.schedule, Linear) else None
    settings = (spec.optimizer, spec.lr, final, spec.batch_size, spec.hyperparameters.get("alpha"))
    return (*settings, published.train_loss, published.test_accuracy, published.seconds)


def test_the_counts():
    counts = {"table1": 9, "table2": 5, "table3": 8, "table4": 3, "table5": 6, "figure3": 1, "figure8": 2}
    assert Counter(run.group for run in PLANNED) == counts
    assert sum(counts[f"table{number}"] for number in range(1, 6)) == 31
    assert len({run.id for run in PLANNED}) == 32


def test_every_run_is_the_papers():
    for run in PLANNED:
        spec = run.spec
        assert (spec.dataset, spec.layers) == ("mnist", (784, 300, 100, 100, 10))
        assert (spec.activation, spec.bias, spec.engine, spec.dtype) == ("relu", False, "fused", "float32")
        assert spec.epochs == (20 if run.group == "figure3" else 10)
        assert (spec.seed, spec.warmup) == (0, 0)


@pytest.mark.parametrize(
    ("group", "number", "expected"),
    [
        ("table1", 2, ("sgd", 0.1, None, 10, None, 0.025, 0.977, 3268)),
        ("table1", 9, ("sgd", 0.001, None, 100, None, 0.53, 0.872, 3288)),
        ("table2", 1, ("sgd", 0.1, 0.001, 1, None, 2.303, 0.098, None)),
        ("table2", 4, ("sgd", 0.1, 0.0001, 10, None, 0.001, 0.984, None)),
        ("table3", 2, ("momentum", 0.1, None, 10, 0.9, 2.3, 0.098, None)),
        ("table3", 8, ("momentum", 0.001, None, 10, 0.5, 0.1, 0.962, None)),
        ("table4", 3, ("momentum", 0.1, 0.001, 100, 0.9, 0.027, 0.978, None)),
        ("table5", 5, ("adagrad", 0.01, None, 10, None, 0.003, 0.98, None)),
    ],
)
def test_some_rows(group, number, expected):
    assert facts(group, number) == expected


def test_what_diverged_in_the_paper():
    lost = [
        (run.group, run.row + 1)
        for run in PLANNED
        if run.published is not None and math.isnan(run.published.train_loss)
    ]
    assert lost == [("table1", 1), ("table3", 1), ("table4", 1), ("table4", 2), ("table5", 6)]
    assert {row(*place).published.test_accuracy for place in lost} == {0.098}


@pytest.mark.parametrize(
    ("group", "losses", "accuracies", "seconds"),
    [
        ("table1", 0.967, 7.756, 30438),
        ("table2", 2.364, 4.019, 0),
        ("table3", 4.788, 5.164, 0),
        ("table4", 0.027, 1.174, 0),
        ("table5", 0.264, 4.962, 0),
    ],
)
def test_totals(group, losses, accuracies, seconds):
    published = [run.published for run in PLANNED if run.group == group]
    assert sum(p.train_loss for p in published if not math.isnan(p.train_loss)) == pytest.approx(losses)
    assert sum(p.test_accuracy for p in published) == pytest.approx(accuracies)
    assert sum(p.seconds or 0 for p in published) == seconds


def test_the_two_momenta_are_rows_of_table_3():
    assert [row("figure8", number).id for number in (1, 2)] == [row("table3", number).id for number in (7, 8)]
    assert [row("figure8", number).spec.hyperparameters for number in (1, 2)] == [{"alpha": 0.9}, {"alpha": 0.5}]


def test_the_20_epochs_are_plain_sgd():
    spec = row("figure3", 1).spec
    assert (spec.optimizer, spec.lr, spec.batch_size, spec.schedule) == ("sgd", 0.1, 10, Constant())
    assert spec.id not in {run.id for run in PLANNED if run.group != "figure3"}

"""The built-in study holds what the paper published."""

from __future__ import annotations

import math
from collections import Counter

import msgspec
import pytest

from ravine.paper.study import load_paper
from ravine.studies import find_rows, plan

PAPER = load_paper()
PLANNED = plan(PAPER)


def row(group: str, number: int):
    """Return a row, counted from 1 as in the paper."""
    (found,) = [run for run in PLANNED if (run.group, run.row) == (group, number - 1)]
    return found


def facts(group: str, number: int) -> tuple:
    """Return what decides a row, and what was published of it."""
    run = row(group, number)
    spec, published = run.spec, run.published
    final = spec.schedule_settings.get("final_lr")
    settings = (spec.optimizer, spec.lr, final, spec.batch_size, spec.hyperparameters.get("alpha"))
    return (*settings, published.train_loss, published.test_accuracy, published.seconds)


def test_the_counts():
    counts = {"table1": 9, "table2": 5, "table3": 8, "table4": 3, "table5": 6, "table6": 5, "further": 19}
    assert Counter(run.group for run in PLANNED) == counts
    assert sum(counts[f"table{number}"] for number in range(1, 6)) == 31
    assert len({run.id for run in PLANNED}) == 31 + 19


def test_every_run_is_the_papers():
    for run in PLANNED:
        spec = run.spec
        assert (spec.dataset, spec.layers) == ("mnist", (784, 300, 100, 100, 10))
        assert (spec.activation, spec.bias, spec.engine) == ("relu", False, "fused")
        assert (spec.seed, spec.warmup) == (0, 0)
        if run.group != "further":
            assert (spec.epochs, spec.softmax, spec.init, spec.dtype) == (10, "shifted", "glorot-uniform", "float32")


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
        ("table6", 1, ("adagrad", 0.01, None, 10, None, 0.003, 0.98, 3300)),
        ("table6", 2, ("sgd", 0.01, None, 10, None, 0.019, 0.976, 3300)),
        ("table6", 3, ("sgd", 0.1, 0.0001, 10, None, 0.001, 0.984, 2600)),
        ("table6", 4, ("momentum", 0.01, None, 10, 0.9, 0.02, 0.975, 2600)),
        ("table6", 5, ("momentum", 0.1, 0.001, 100, 0.9, 0.03, 0.978, 3500)),
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
        ("table6", 0.073, 4.893, 15300),
    ],
)
def test_totals(group, losses, accuracies, seconds):
    published = [run.published for run in PLANNED if run.group == group]
    assert sum(p.train_loss for p in published if not math.isnan(p.train_loss)) == pytest.approx(losses)
    assert sum(p.test_accuracy for p in published) == pytest.approx(accuracies)
    assert sum(p.seconds or 0 for p in published) == seconds


def test_table_6_repeats_rows_of_the_other_tables():
    places = [("table5", 5), ("table1", 5), ("table2", 4), ("table3", 5), ("table4", 3)]
    assert [row("table6", number).id for number in range(1, 6)] == [row(*place).id for place in places]
    labels = ["AdaGrad", "SGD", "SGD with decay", "SGD with momentum", "decay and momentum"]
    assert [row("table6", number).label for number in range(1, 6)] == labels


def labelled(label: str):
    """Return the further run of a label."""
    (found,) = find_rows(PLANNED, f"further:{label}")
    return found.spec


def test_the_further_runs_are_new_and_were_not_published():
    further = [run for run in PLANNED if run.group == "further"]
    assert not {run.id for run in further} & {run.id for run in PLANNED if run.group != "further"}
    assert {run.published for run in further} == {None}
    assert len({run.label for run in further}) == 19


@pytest.mark.parametrize(
    ("label", "group", "number", "changes"),
    [
        ("20 epochs", "table1", 2, {"epochs": 20}),
        ("1 epoch", "table1", 2, {"epochs": 1}),
        ("decay to 0.00001", "table2", 4, {"schedule": "linear", "schedule_settings": {"final_lr": 0.00001}}),
        ("SGD, naive softmax", "table1", 1, {"softmax": "naive"}),
        ("decay, naive softmax", "table2", 1, {"softmax": "naive"}),
        ("momentum, naive softmax", "table3", 1, {"softmax": "naive"}),
        ("momentum m 10, naive softmax", "table3", 2, {"softmax": "naive"}),
        ("momentum 0.01, naive softmax", "table3", 4, {"softmax": "naive"}),
        ("combined m 1, naive softmax", "table4", 1, {"softmax": "naive"}),
        ("combined m 10, naive softmax", "table4", 2, {"softmax": "naive"}),
        ("AdaGrad 0.01, naive softmax", "table5", 6, {"softmax": "naive"}),
        ("AdaGrad 0.01, float64", "table5", 6, {"dtype": "float64"}),
        ("AdaGrad 0.01, He-normal", "table5", 6, {"init": "he-normal"}),
        # The sum over m samples is m times the mean, which is the mean with eps divided by m^2.
        ("AdaGrad of sums, m 100", "table5", 3, {"hyperparameters": {"eps": 1e-8 / 100**2}}),
        (
            "AdaGrad 0.01 of sums, naive softmax",
            "table5",
            6,
            {"hyperparameters": {"eps": 1e-8 / 100**2}, "softmax": "naive"},
        ),
        ("AdaGrad 0.001 x sqrt 10", "table5", 2, {"lr": 0.0031623}),
        ("AdaGrad 0.01 x sqrt 10", "table5", 5, {"lr": 0.031623}),
        ("AdaGrad 0.01 x sqrt 100", "table5", 6, {"lr": 0.1}),
        ("AdaGrad 0.01 x sqrt 100, naive softmax", "table5", 6, {"lr": 0.1, "softmax": "naive"}),
    ],
)
def test_a_further_run_changes_one_thing_of_a_row(label, group, number, changes):
    assert labelled(label) == msgspec.structs.replace(row(group, number).spec, **changes)


@pytest.mark.parametrize(
    ("name", "places", "kind", "measures"),
    [
        ("figure2", [("table1", 2)], "curves", 3),
        ("figure3", [("further", 1)], "curves", 1),
        ("figure4", [("further", 2)], "gradient-errors", 3),
        ("figure5", [("further", 2)], "gradient-distribution", 3),
        ("v-curve", [("further", 2)], "v-curve", 3),
        ("figure6", [("table2", 2)], "curves", 3),
        ("figure7", [("table2", 4), ("further", 3)], "curves", 3),
        ("figure8", [("table3", 7), ("table3", 8)], "curves", 3),
        ("figure9", [("table4", 3)], "curves", 3),
        ("figure10", [("table1", number) for number in range(1, 10)], "curves", 1),
        ("methods", [("table6", number) for number in range(1, 6)], "curves", 1),
    ],
)
def test_the_figures(name, places, kind, measures):
    (figure,) = [each for each in PAPER.figures if each.name == name]
    assert (figure.kind, len(figure.measures)) == (kind, measures)
    assert [(run.group, run.row + 1) for run in plan(PAPER, [name])] == places


def test_the_names():
    assert [figure.name for figure in PAPER.figures] == [
        *("figure2", "figure3", "figure4", "figure5", "v-curve"),
        *("figure6", "figure7", "figure8", "figure9", "figure10", "methods"),
    ]
    for part in (*PAPER.groups, *PAPER.figures):
        assert part.title

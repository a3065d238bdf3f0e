"""The best row of a study: named only where the intervals show it, against intervals worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from stored_cases import DEAD, T4, around, result

from ravine.report.best import Contender, best_row, contenders
from ravine.studies import Group, Study, plan

BASE = (0.91, 0.95, 0.93, 0.97, 0.92)
"""Accuracies that scatter widely from seed to seed."""

HALF = T4 / math.sqrt(5)
"""Half the width of the interval of a mean of five values of standard deviation 1."""


def above(row, differences, name="other"):
    """Return a row whose accuracies are below those of the given one by these differences."""
    return Contender(name, tuple(a - d for a, d in zip(row.accuracies, differences, strict=True)))


@pytest.mark.parametrize(
    ("mean", "deviation", "decided"),
    [
        (0.01, 0.001, True),
        (0.001 * HALF * 1.02, 0.001, True),  # the interval is just clear of 0, and rows scatter by 20 times as much
        (0.001 * HALF * 0.98, 0.001, False),
        (0.01, 0.01, False),
        (0.0, 0.0, False),
    ],
)
def test_the_paired_interval_decides(mean, deviation, decided):
    best = Contender("best", BASE)
    far = above(best, around(0.2, 0.001), "far")
    for rows in ([best, above(best, around(mean, deviation)), far], [far, above(best, around(mean, deviation)), best]):
        found = best_row(rows, "Best row")
        if decided:
            assert found.startswith("Best row: best, test accuracy 93.60 ± ")
            assert found.endswith(
                " %. For every other row the 95 % interval of the difference, paired by seed, lies above 0."
            )
        else:
            assert found.startswith("Best row: undecided. ")


def test_rows_that_cannot_be_told_apart_are_named_up_to_three_and_then_counted():
    best = Contender("a, lr 1", BASE)
    others = [above(best, around(0.001, 0.01), name) for name in ("b", "c", "d", "e", "f")]
    far = above(best, around(0.1, 0.01), "far")
    # The standard deviation of BASE is 0.02408: 2.776 of it over sqrt(5) is 0.0299.
    start = "Best method: undecided. a, lr 1 leads with test accuracy 93.60 ± 2.99 %, and 5 seeds do not tell it from "
    for count, words in [(1, "b."), (2, "b; and c."), (3, "b; c; and d."), (4, "b; c; d; and 1 more row.")]:
        assert best_row([far, *others[:count], best], "Best method") == start + words
    assert best_row([best, *others, far], "Best method") == f"{start}b; c; d; and 2 more rows."


def test_the_rows_that_are_far_below_are_not_named():
    rows = [Contender("a", (0.98, 0.99)), Contender("b", (0.5, 0.51)), Contender("c", (0.97, 0.985))]
    assert best_row(rows, "Best row").endswith("and 2 seeds do not tell it from c.")


def test_one_seed_names_no_winner():
    rows = [Contender("a", (0.5,)), Contender("b", (0.9846,)), Contender("c", (0.2,))]
    assert best_row(rows, "Best method") == (
        "Best method: undecided. The highest test accuracy in one seed is 98.46 %, of b; one seed does not decide."
    )
    rows.append(Contender("d", (0.9846,)))
    assert " is 98.46 %, of b; and d; one seed does not decide." in best_row(rows, "Best method")


def test_rows_without_all_their_results_decide_nothing():
    rows = [Contender("a", (0.98, 0.981)), Contender("b", (0.5, None)), Contender("c", (None, None))]
    found = best_row(rows, "Best row")
    # s = 0.000707, and 12.706 s / sqrt(2) = 0.00635.
    start = "Best row: undecided. The highest test accuracy so far is 98.05 ± 0.64 %, of a; "
    assert found == f"{start}3 runs have no result yet."
    assert best_row(rows[:2], "Best row") == f"{start}1 run has no result yet."


@pytest.mark.parametrize("rows", [[], [Contender("a", (0.9, 0.8))], [Contender("a", (None,)), Contender("b", (None,))]])
def test_a_row_without_rivals_is_not_the_best(rows):
    assert best_row(rows, "Best row") is None


@pytest.mark.parametrize("seeds", [2, 5])
@pytest.mark.parametrize(
    ("rows", "means"),
    [
        (2, [0.0, 0.0]),
        (5, [0.0, 0.0, -9.0, -9.0, -9.0]),  # the worst case
        (8, [0.0] * 8),
        (3, [0.0, 0.0, -0.5]),
    ],
)
def test_of_rows_of_which_none_is_the_best_one_is_named_in_five_of_a_hundred_studies_at_most(seeds, rows, means):
    rng, studies, named = np.random.default_rng(seeds + rows), 1500, 0
    for _ in range(studies):
        values = np.array(means)[:, None] + rng.normal(0, 1, (rows, seeds)) + rng.normal(0, 3, seeds)
        found = [Contender(str(k), tuple(map(float, row))) for k, row in enumerate(values)]
        named += "undecided" not in best_row(found, "Best row")
    assert named / studies < 0.05 + 3 * math.sqrt(0.05 * 0.95 / studies)
    if rows == 2:
        assert named / studies > 0.05 - 3 * math.sqrt(0.05 * 0.95 / studies)


STUDY = Study(
    name="s",
    seeds=[0, 1],
    groups=[
        Group(
            name="methods",
            rows=[
                {"label": "plain", "lr": 0.3},
                {"label": "heavy", "optimizer": "momentum", "lr": 0.3, "alpha": 0.5},
                {"lr": 0.3, "batch_size": 100, "bias": True},
            ],
        ),
        Group(name="again", rows=[{"lr": 0.3}, {"optimizer": "adam"}]),
    ],
)
PLANNED = plan(STUDY)


def test_a_row_is_named_by_its_label_its_optimizer_and_what_tells_it_from_the_others():
    results = {run.id: result(run, 0.9 + 0.01 * run.spec.seed) for run in PLANNED}
    found = contenders([run for run in PLANNED if run.group == "methods"], results)
    assert [row.name for row in found] == [
        "plain (sgd, batch_size 10, bias false)",
        "heavy (momentum, batch_size 10, bias false, alpha 0.5)",
        "sgd, batch_size 100, bias true",
    ]
    assert found[0].accuracies == (0.9, 0.91)
    alike = plan(Study(name="s", groups=[Group(name="g", rows=[{"lr": 0.1}, {"lr": 0.2}])]))
    assert [row.name for row in contenders(alike, {})] == ["sgd, lr 0.1", "sgd, lr 0.2"]


def test_a_row_is_not_its_own_rival():
    assert PLANNED[0].id == PLANNED[6].id
    results = {run.id: result(run, 0.5 if run.row else 0.9 + 0.01 * run.spec.seed) for run in PLANNED}
    for planned in (PLANNED, PLANNED[6:] + PLANNED[:6]):
        found = contenders(planned, results)
        assert len(found) == 4
        assert best_row(found, "Best row").startswith("Best row: plain (sgd, lr 0.3, ")


def test_a_run_that_is_not_stored_has_no_accuracy_and_one_that_diverged_has():
    dead = PLANNED[0]
    (row, *_) = contenders(PLANNED, {dead.id: result(dead, 0.098, 2.3, cause=DEAD)})
    assert row.accuracies == (0.098, None)
    assert row.found == [0.098]

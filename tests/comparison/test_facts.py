"""What else the trials say, against drawing all choices by hand."""

from __future__ import annotations

import itertools
import math
import time

import numpy as np
import pytest
from comparison_cases import planned, result_of
from scipy import stats

from ravine.comparison.facts import at_seconds, best_of, curve, decades, to_target
from ravine.comparison.plan import Protocol
from ravine.comparison.trials import at_point
from ravine.search import choice, linear, log

_, ENTRANTS = planned("sgd", "momentum")
TRIAL = at_point(ENTRANTS[0], ENTRANTS[0].entry.space, 0, Protocol(), "search")


@pytest.mark.parametrize("values", [[3.0], [1.0, 2.0, 4.0], [0.5, 0.1, 0.5, 0.9, 0.1], list(np.arange(9.0) ** 2)])
def test_the_best_of_k_is_the_mean_over_all_choices(values):
    for found in best_of(values):
        bests = [max(chosen) for chosen in itertools.combinations(values, found.trials)]
        assert found.mean == pytest.approx(np.mean(bests))
        for value, share in ((found.low, 0.1), (found.high, 0.9)):
            assert np.mean(np.less_equal(bests, value)) >= share - 1e-9
            assert np.mean(np.less(bests, value)) < share


def test_the_best_of_k_never_falls_and_ends_at_the_best():
    found = best_of(list(np.random.default_rng(0).random(64)))
    means = [one.mean for one in found]
    assert means == sorted(means)
    assert found[-1].mean == found[-1].low == found[-1].high == max(np.random.default_rng(0).random(64))


def test_thousands_of_trials_take_no_time():
    values = list(np.random.default_rng(0).random(4096))
    began = time.perf_counter()
    found = best_of(values)
    assert time.perf_counter() - began < 5
    drawn = np.random.default_rng(1).choice(values, (20_000, 10)).max(axis=1)
    assert found[9].mean == pytest.approx(drawn.mean(), abs=0.003)
    assert all(map(math.isfinite, (one.mean for one in found)))
    assert stats.hypergeom.pmf(0, 4096, 1, 10) > 0


def test_decades_near_the_best():
    axis = log(1e-4, 10)
    assert decades([0.9, 0.8988, 0.5, 0.1], axis, 0.002) == pytest.approx(2.5)
    assert decades([0.9] * 4, axis, 0.002) == pytest.approx(5)
    assert decades([0.9], linear(0, 1), 0.002) is None
    assert decades([0.9], choice(0.1, 0.2), 0.002) is None


def test_a_quantity_after_some_seconds_lies_between_epochs():
    first = result_of(TRIAL, 0.9, seconds=(1.0, 1.0)).history
    second = [*first[:1], type(first[1])(**{**vars(first[1]), "validation_accuracy": 0.95})]
    assert at_seconds([second], "validation_accuracy", 1.5) == pytest.approx(0.925)
    assert at_seconds([first, second], "validation_accuracy", 2.0) == pytest.approx(0.925)
    for too in (0.5, 2.1):
        assert at_seconds([first, second], "validation_accuracy", too) is None
    assert at_seconds([first, []], "validation_accuracy", 1.5) is None
    assert at_seconds([first], "test_accuracy", 1.5) is None
    assert at_seconds([], "validation_accuracy", 1.5) is None


def histories(*values):
    """Return results with these accuracies after each of their epochs, which take a second each."""
    found = []
    for accuracies in values:
        result = result_of(TRIAL, 0.5, seconds=(1.0,) * len(accuracies))
        result.history[:] = [
            type(epoch)(**{**vars(epoch), "validation_accuracy": value})
            for epoch, value in zip(result.history, accuracies, strict=True)
        ]
        found.append(result)
    return found


def test_the_way_to_a_target():
    runs = histories([0.5, 0.9, 0.8], [0.9, 0.9, 0.9], [0.1, 0.2, 0.95])
    found = to_target(runs, 0.9, 50_000)
    assert (found.epochs, found.samples, found.seconds, found.reached, found.runs) == (2.0, 100_000.0, 2.0, 3, 3)
    most = to_target([*runs[:2], *histories([0.1, None, 0.2])], 0.9, 10)
    assert (most.epochs, most.reached) == (2.0, 2)
    half = to_target([*runs[:1], *histories([0.1, 0.1, 0.2])], 0.9, 10)
    assert (half.epochs, half.samples, half.seconds, half.reached, half.runs) == (None, None, None, 1, 2)


def test_a_curve_goes_as_far_as_all_runs_do():
    found = curve(histories([0.5, 0.7, 0.9], [0.7, 0.8]), "validation_accuracy")
    assert found.epochs == (1, 2)
    assert found.mean == pytest.approx((0.6, 0.75))
    assert (found.low, found.high) == ((0.5, 0.7), (0.7, 0.8))
    assert found.seconds == pytest.approx((1.0, 2.0))
    broken = curve(histories([0.5, None]), "validation_accuracy")
    assert broken.mean == (0.5, None)
    assert curve(histories([0.5], []), "validation_accuracy").mean == ()


def test_the_curve_of_no_run_is_empty():
    assert curve([], "validation_accuracy").epochs == ()

"""The score of a run."""

from __future__ import annotations

import math

import msgspec
import pytest
from comparison_cases import TOY, planned, result_of

from ravine.comparison.plan import Protocol
from ravine.comparison.scores import means, ranked, score, scores
from ravine.comparison.trials import at_point, at_settings

_, ENTRANTS = planned("sgd", "momentum")
TRIALS = [at_point(ENTRANTS[0], ENTRANTS[0].entry.space, k, Protocol(), "search") for k in range(8)]
FINAL = at_settings(ENTRANTS[0], TRIALS[0], 100, "final", final=True)


def test_more_is_better_for_both_objectives():
    assert score(result_of(TRIALS[0], 0.9), "accuracy") == 0.9
    assert score(result_of(TRIALS[0], 0.9), "loss") == pytest.approx(-0.1)
    assert score(result_of(FINAL, 0.8), "accuracy") == 0.8
    assert score(result_of(FINAL, 0.8), "loss") == pytest.approx(-0.2)


def test_each_kind_of_run_is_judged_by_its_own_samples():
    tuned = msgspec.structs.replace(result_of(TRIALS[0], 0.9), test_accuracy=0.1, test_loss=9.0)
    assert score(tuned, "accuracy") == 0.9
    assert score(tuned, "loss") == pytest.approx(-0.1)
    final = msgspec.structs.replace(result_of(FINAL, 0.9), validation_accuracy=0.1, validation_loss=9.0)
    assert score(final, "accuracy") == 0.9
    assert score(final, "loss") == pytest.approx(-0.1)


@pytest.mark.parametrize("trial", [TRIALS[0], FINAL], ids=["tuning", "final"])
@pytest.mark.parametrize("classes", [10, 2, 26])
def test_a_run_that_diverged_scores_as_chance(trial, classes):
    result = result_of(trial, None)
    spec = msgspec.structs.replace(result.spec, layers=(784, classes))
    for status in ("diverged", "done"):  # a done run may have a loss that is not finite, which is None
        lost = msgspec.structs.replace(result, spec=spec, status=status)
        assert score(lost, "accuracy") == pytest.approx(1 / classes)
        assert score(lost, "loss") == pytest.approx(-math.log(classes))
    # A run that diverged after some good epochs does not keep their accuracy.
    kept = msgspec.structs.replace(result_of(trial, 0.9), status="diverged", spec=spec)
    assert score(kept, "accuracy") == pytest.approx(1 / classes)


def test_of_equal_trials_the_earlier_is_first_whatever_the_order_of_the_results():
    values = [0.5, 0.9, 0.7, 0.9, None, 0.1, 0.9, 0.05]
    results = {t.id: result_of(t, v) for t, v in zip(TRIALS, values, strict=True)}
    turned = dict(reversed(list(results.items())))
    for found in (results, turned):
        assert [t.number for t in ranked(TRIALS, found, "accuracy")] == [1, 3, 6, 2, 0, 4, 5, 7]
    assert scores(TRIALS, results, "accuracy") == [0.5, 0.9, 0.7, 0.9, 0.1, 0.1, 0.9, 0.1]


def test_means_are_over_the_seeds_of_one_number():
    further = [at_settings(ENTRANTS[0], trial, seed, "seeds") for trial in TRIALS[:2] for seed in (1, 2)]
    given = dict(zip([t.id for t in (*TRIALS[:2], *further)], [0.9, 0.8, 0.6, 0.3, 0.8, None], strict=True))
    results = {t.id: result_of(t, given[t.id]) for t in (*TRIALS[:2], *further)}
    assert means([*TRIALS[:2], *further], results, "accuracy") == pytest.approx({0: 0.6, 1: (0.8 + 0.8 + 0.1) / 3})
    assert TOY.layers[-1] == 10

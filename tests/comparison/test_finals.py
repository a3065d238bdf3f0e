"""The number of final runs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from comparison_cases import noise, planned, played
from scipy import stats

from ravine.comparison.finals import USUAL_SPREAD, final_count, seen, spread_of, usual_spread
from ravine.comparison.plan import Protocol


def test_the_spread_is_pooled_over_groups():
    groups = [list(g) for g in np.random.default_rng(1).normal([[5.0], [1.0], [0.0]], 0.5, (3, 4))]
    residuals = np.concatenate([np.subtract(g, np.mean(g)) for g in groups])
    assert spread_of(groups) == pytest.approx(math.sqrt((residuals**2).sum() / (12 - 3)))
    assert spread_of([*groups, [7.0]]) == spread_of(groups)  # one run shows no spread
    assert spread_of([[0.1, 0.1, 0.1], [2.0, 2.0]]) == 0.0


@pytest.mark.parametrize("groups", [[], [[1.0]], [[1.0], [2.0]]])
def test_without_two_seeds_nothing_is_known_of_the_spread(groups):
    assert spread_of(groups) is None


@pytest.mark.parametrize("optimizers", [2, 3, 6])
@pytest.mark.parametrize("spread", [0.0015, 0.003])
def test_so_many_finals_find_twice_the_margin_with_the_power_of_the_plan(optimizers, spread):
    protocol = Protocol(most_finals=200)
    count = final_count(protocol, optimizers * (optimizers - 1) // 2, spread)
    rng = np.random.default_rng(optimizers)
    level = protocol.level / (optimizers * (optimizers - 1) / 2)

    def found(number):
        first, second = rng.normal(0, spread, (2, 40_000, number))
        test = stats.ttest_rel(first + 2 * protocol.margin, second, axis=1)
        return float(np.mean((test.pvalue <= level) & (test.statistic > 0)))

    assert found(count) >= 0.79
    if 2 / 2 ** (count - 1) <= level:  # the sign-flip test would allow one run less
        assert found(count - 1) <= 0.81


@pytest.mark.parametrize("optimizers", [2, 3, 10, 32])
def test_a_sign_flip_test_could_always_decide(optimizers):
    tests = optimizers * (optimizers - 1) // 2
    count = final_count(Protocol(most_finals=2), tests, 1e-6)
    assert 2 / 2**count <= 0.05 / tests < 2 / 2 ** (count - 1)


def test_a_given_number_goes_before_the_power():
    assert final_count(Protocol(finals=3), 5, 1.0) == 3
    assert final_count(Protocol(), 1, 1.0) == 32


def test_what_the_finals_see_is_twice_the_margin_where_the_power_chose_them():
    protocol = Protocol(most_finals=500)
    count = final_count(protocol, 3, 0.003)
    assert seen(protocol, 3, 0.003, count) <= 2 * protocol.margin < seen(protocol, 3, 0.003, count - 1)


def test_the_spread_of_a_course_is_that_of_its_second_round():
    protocol = Protocol(trials=4, finals=2)
    _, entrants = planned("sgd", "momentum", protocol=protocol)
    done, results, _ = played(entrants, protocol, lambda t: 0.9 + noise(t, 0.003))
    groups = []
    for label in ("sgd", "momentum"):
        further = {t.number for t in done.of(label, "seeds")}
        assert len(further) == 3
        for number in further:
            runs = [t for t in done.of(label, "search", "seeds") if t.number == number]
            assert sorted(t.seed for t in runs) == [0, 1, 2]
            groups.append([results[t.id].validation_accuracy for t in runs])
    assert done.spread == pytest.approx(math.sqrt(np.mean([np.var(g, ddof=1) for g in groups])))


@pytest.mark.parametrize(("objective", "spread"), [("accuracy", USUAL_SPREAD), ("loss", 0.01)])
def test_one_tuning_seed_shows_no_spread_and_the_usual_one_counts(objective, spread):
    protocol = Protocol(
        trials=4, tuning_seeds=1, objective=objective, margin=0.002 if objective == "accuracy" else 0.01
    )
    _, entrants = planned("sgd", "momentum", protocol=protocol)
    done, _, _ = played(entrants, protocol, lambda t: 0.9 + noise(t, 0.003))
    assert done.spread == usual_spread(protocol) == spread
    assert done.finals == final_count(protocol, 1, spread) > 6

"""Performance profiles: ratios, shares and intervals, beside closed forms and a plain loop."""

from __future__ import annotations

import random
import time
import warnings
from statistics import fmean

import msgspec
import numpy as np
import pytest
from comparison_cases import TOY, noise, result_of
from msgspec.structs import replace
from outcome_cases import FOUR, on_four, outcome
from outcome_cases import problem as small_problem
from scipy.stats import binom

from ravine.comparison.compare import follow
from ravine.comparison.comparison import Comparison
from ravine.comparison.course import course
from ravine.comparison.outcome import Outcome, outcome_of
from ravine.comparison.plan import Protocol
from ravine.comparison.planning import make_plan
from ravine.comparison.prepare import entrants_of
from ravine.comparison.profiles import GRID, Profile, Share, _costs, _seeds, profiles


def scores_of(costs: dict[str, dict[str, list[float]]], objective: str = "accuracy") -> dict:
    """Return scores by seed from costs by problem and optimizer; the first one is that of seed 100."""
    return {
        problem: {
            name: {100 + k: 1 - cost if objective == "accuracy" else -cost for k, cost in enumerate(values)}
            for name, values in own.items()
        }
        for problem, own in costs.items()
    }


def found(costs: dict, objective: str = "accuracy") -> dict[str, Profile]:
    return {profile.optimizer: profile for profile in profiles(scores_of(costs, objective), objective)}


BY_HAND = {
    "p": {"a": [0.02, 0.04], "b": [0.03, 0.03], "c": [0.06, 0.06]},  # 1, 1, 2
    "q": {"a": [0.10, 0.10], "b": [0.12, 0.12], "c": [0.10, 0.12]},  # 1, 1.2, 1.1
    "r": {"a": [0.07, 0.05], "b": [0.04, 0.04], "c": [0.05, 0.05]},  # 1.5, 1, 1.25
    "s": {"a": [0.30, 0.30], "b": [0.31, 0.35], "c": [0.90, 0.90]},  # 1, 1.1, 3
}


def test_four_problems_by_hand():
    by_name = found(BY_HAND)
    assert by_name["a"].ratios == pytest.approx({"p": 1, "q": 1, "r": 1.5, "s": 1})
    assert by_name["b"].ratios == pytest.approx({"p": 1, "q": 1.2, "r": 1, "s": 1.1})
    assert by_name["c"].ratios == pytest.approx({"p": 2, "q": 1.1, "r": 1.25, "s": 3})
    shares = {tau: [by_name[name].within(tau).share for name in "abc"] for tau in (1, 1.07, 1.1, 1.2, 1.3, 1.5, 2, 3)}
    assert shares == {
        1: [0.75, 0.5, 0], 1.07: [0.75, 0.5, 0], 1.1: [0.75, 0.75, 0.25], 1.2: [0.75, 1, 0.25], 1.3: [0.75, 1, 0.5],
        1.5: [1, 1, 0.5], 2: [1, 1, 0.75], 3: [1, 1, 1],
    }  # fmt: skip
    assert [(by_name[name].worst, by_name[name].largest) for name in "abc"] == [
        ("r", pytest.approx(1.5)), ("q", pytest.approx(1.2)), ("s", pytest.approx(3)),
    ]  # fmt: skip
    assert [share.tau for share in by_name["a"].shares] == list(GRID)


def test_the_smallest_largest_ratio_comes_first_and_ties_keep_their_order():
    assert list(found(BY_HAND)) == ["b", "a", "c"]
    same = {problem: {"z": own["a"], **own, "y": own["b"]} for problem, own in BY_HAND.items()}
    assert list(found(same)) == ["b", "y", "z", "a", "c"]


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_fewer_than_four_problems_have_none(count):
    assert profiles(scores_of(dict(list(BY_HAND.items())[:count])), "accuracy") == ()


@pytest.mark.parametrize("shift", [0.001, 1e-6])
def test_one_that_is_better_at_every_seed_is_the_best_in_every_resample(shift):
    """Only if all optimizers get the same seeds: the spread over seeds is far larger than the difference."""
    drawn = np.random.default_rng(5).uniform(0.02, 0.2, (6, 10))
    costs = {f"p{k}": {"a": list(own), "b": list(own - shift), "c": list(own + 0.1)} for k, own in enumerate(drawn)}
    by_name = found(costs)
    one = by_name["b"]
    assert {(share.share, share.low, share.high) for share in one.shares} == {(1.0, 1.0, 1.0)}
    assert (one.largest, one.interval, one.worst) == (1.0, (1.0, 1.0), None)
    assert by_name["a"].shares[0] == Share(tau=1.0, share=0.0, low=0.0, high=0.0)
    assert by_name["c"].interval[0] > 1


def test_identical_optimizers_are_all_the_best():
    drawn = np.random.default_rng(6).uniform(0.02, 0.2, (5, 7))
    by_name = found({f"p{k}": {name: list(own) for name in "abcdefg"} for k, own in enumerate(drawn)})
    for profile in by_name.values():
        assert set(profile.ratios.values()) == {1.0}
        assert {(share.share, share.low, share.high) for share in profile.shares} == {(1.0, 1.0, 1.0)}


@pytest.mark.parametrize(("count", "within"), [(4, 1), (4, 2), (4, 3), (7, 2), (12, 9), (20, 5)])
def test_without_noise_a_share_has_the_interval_of_a_binomial_number(count, within):
    """A draw of P problems has Binomial(P, k / P) of the k problems on which the optimizer is within the ratio."""
    costs = {f"p{k}": {"best": [0.1] * 3, "other": [0.11 if k < within else 0.2] * 3} for k in range(count)}
    share = found(costs)["other"].within(1.2)
    assert share.share == within / count
    ends = [binom.ppf(tail, count, within / count) / count for tail in (0.025, 0.975)]
    assert [share.low, share.high] == pytest.approx(ends)


def test_the_largest_ratio_has_the_interval_of_the_maximum_of_drawn_problems():
    costs = {f"p{k}": {"best": [0.1], "other": [0.1 * ratio]} for k, ratio in enumerate((1.1, 1.2, 1.3, 1.4))}
    low, high = found(costs)["other"].interval
    # All four draws are at most the second smallest ratio with probability 1 / 16, at most the smallest with 1 / 256.
    assert (low, high) == (pytest.approx(1.2), pytest.approx(1.4))


def resample(costs: dict, names: list[str], draw: random.Random) -> list[dict[str, float]]:
    """Return the ratios of one resample, problem by problem, in plain Python."""
    ratios = []
    for _ in costs:
        own = costs[draw.choice(list(costs))]
        chosen = [draw.randrange(len(own[names[0]])) for _ in own[names[0]]]
        means = {name: fmean(own[name][k] for k in chosen) for name in names}
        ratios.append({name: means[name] / min(means.values()) for name in names})
    return ratios


@pytest.mark.parametrize("objective", ["accuracy", "loss"])
def test_intervals_are_those_of_a_plain_loop(objective):
    generator, names, draw = np.random.default_rng(7), ["a", "b", "c"], random.Random(8)
    costs = {
        f"p{k}": {
            name: list(0.1 + 0.015 * place * (k % 3) + 0.02 * generator.standard_normal(6))
            for place, name in enumerate(names)
        }
        for k in range(5)
    }
    by_name = found(costs, objective)
    resamples = [resample(costs, names, draw) for _ in range(4000)]

    def agree(ends: tuple[float | None, float | None], values: list[float]) -> None:
        """Check both ends with the values at tails a little shorter and a little longer."""
        ordered = sorted(values)
        for end, tail in zip(ends, (0.025, 0.975), strict=True):
            low, high = (ordered[int((tail + change) * len(ordered))] for change in (-0.014, 0.014))
            assert low - 1e-9 <= end <= high + 1e-9

    for name, profile in by_name.items():
        assert profile.ratios == pytest.approx(
            {problem: fmean(own[name]) / min(map(fmean, own.values())) for problem, own in costs.items()}
        )
        agree(profile.interval, [max(ratios[name] for ratios in each) for each in resamples])
        for share in profile.shares:
            agree((share.low, share.high), [fmean(each[name] <= share.tau for each in ratios) for ratios in resamples])
    assert len({(share.low, share.high) for profile in by_name.values() for share in profile.shares}) > 5


def test_a_best_error_of_zero_makes_the_ratios_of_the_others_infinite():
    costs = {**BY_HAND, "t": {"a": [0.0, 0.0], "b": [0.0, 0.0], "c": [0.0, 0.01]}}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = profiles(scores_of(costs), "accuracy")
    by_name = {profile.optimizer: profile for profile in made}
    assert [by_name[name].ratios["t"] for name in "abc"] == [1.0, 1.0, None]
    c = by_name["c"]
    assert (c.largest, c.worst, c.within(5.0).share) == (None, "t", 0.8)
    assert c.interval[0] is not None
    assert c.interval[1] is None
    assert made[-1] is c
    encoded = msgspec.json.encode(made)
    assert b"nan" not in encoded.lower()
    assert b"inf" not in encoded.lower()
    assert msgspec.json.decode(encoded, type=tuple[Profile, ...]) == made


def test_all_errors_of_zero_are_ratios_of_one():
    by_name = found({f"p{k}": {"a": [0.0], "b": [0.0]} for k in range(4)})
    assert by_name["b"].ratios == dict.fromkeys(("p0", "p1", "p2", "p3"), 1.0)


def test_optimizers_with_fewer_finals_are_compared_by_their_own_mean():
    costs = {name: {"a": [0.1] * 12, "b": [0.2, 0.3] + [0.0] * 4, "c": [0.2] * 12} for name in FOUR}
    assert found(costs)["b"].ratios == pytest.approx(dict.fromkeys(FOUR, 1.0))  # 0.5 / 6 is the best
    assert found(costs)["a"].ratios == pytest.approx(dict.fromkeys(FOUR, 1.2))
    drawn = np.random.default_rng(9).uniform(0.02, 0.2, (4, 12))
    paired = {
        name: {"a": list(own), "b": list(own - 1e-5), "c": [0.5] * 6} for name, own in zip(FOUR, drawn, strict=True)
    }
    assert {(share.low, share.high) for share in found(paired)["b"].shares} == {(1.0, 1.0)}


def test_each_draw_has_as_many_runs_of_each_optimizer_as_there_are():
    own = scores_of({"p": {"a": [0.1] * 12, "b": [0.2] * 6, "c": [0.3] * 12, "d": [0.4] * 9}})["p"]
    costs = _costs(own, "accuracy")
    draws = _seeds(costs, 500, np.random.default_rng(0))
    assert draws.shape == (500, 12)
    assert set(np.unique(draws)) == set(range(12))
    counts = np.isfinite(costs[draws]).sum(axis=1)
    assert (counts == [12, 6, 12, 9]).all()
    assert len({tuple(draw) for draw in draws}) > 490


def test_the_same_scores_give_the_same_profiles_in_time():
    drawn = np.random.default_rng(10).uniform(0.02, 0.2, (4, 32, 30))
    scores = scores_of(
        {f"p{k}": {f"o{j}": list(values) for j, values in enumerate(own)} for k, own in enumerate(drawn)}
    )
    began = time.process_time()
    first = profiles(scores, "accuracy")
    assert time.process_time() - began < 2
    assert profiles(scores, "accuracy") == first


def test_a_further_optimizer_can_change_the_profiles_of_the_others():
    more = {problem: {**own, "new": [0.5 * min(map(min, own.values()))] * 2} for problem, own in BY_HAND.items()}
    assert found(BY_HAND)["a"].within(1.0).share == 0.75
    assert found(more)["a"].within(1.0).share == 0


def compared(count: int, protocol: Protocol, score) -> Outcome:
    """Follow a comparison on some toy problems with made-up results."""
    problems = [replace(TOY, name=f"toy{k}", epochs=1 + k) for k in range(count)]
    plan, own = make_plan(["sgd", "adam", "momentum"], problems, protocol)
    entrants = entrants_of(plan, own)
    courses, results = follow(
        {name: course(each, protocol) for name, each in entrants.items()},
        lambda trials: {t.id: result_of(t, score(t)) for t in trials},
    )
    return outcome_of(plan, "0" * 16, entrants, courses, results, {})


def usual(trial) -> float | None:
    if trial.stage == "final" and (trial.problem, trial.optimizer) == ("toy3", "sgd"):
        return None  # it diverges
    return {"sgd": 0.95, "adam": 0.951, "momentum": 0.96}[trial.optimizer] + noise(trial, 0.0005)


def test_an_outcome_has_the_profiles_of_its_final_runs():
    made = compared(4, Protocol(finals=6), usual)
    assert {profile.optimizer for profile in made.profiles} == {"sgd", "adam", "momentum"}
    cost = {(s.problem, s.optimizer): 1 - s.score for s in made.leaderboard}
    for profile in made.profiles:
        assert list(profile.ratios) == ["toy0", "toy1", "toy2", "toy3"]
        for problem, ratio in profile.ratios.items():
            best = min(value for (where, _), value in cost.items() if where == problem)
            assert ratio == pytest.approx(cost[problem, profile.optimizer] / best)
    sgd = made.profiles[-1]
    assert (sgd.optimizer, sgd.worst) == ("sgd", "toy3")
    assert sgd.ratios["toy3"] == pytest.approx(0.9 / cost["toy3", "momentum"])  # the error of chance
    assert msgspec.json.decode(msgspec.json.encode(made), type=Outcome) == made
    assert compared(3, Protocol(finals=6), usual).profiles == ()


def test_an_outcome_in_several_looks_has_profiles_too():
    def score(trial):  # adam and momentum are not told apart at the first looks, sgd is
        if trial.optimizer == "sgd":
            return 0.9 + noise(trial, 0.0005)
        return 0.96 + noise(trial, 0.01)

    made = compared(4, Protocol(finals=6, looks=3), score)
    finals = {(s.problem, s.optimizer): s.finals for s in made.leaderboard}
    assert any(finals[name, "sgd"] < finals[name, "adam"] for name in made.profiles[0].ratios)
    cost = {(s.problem, s.optimizer): 1 - s.score for s in made.leaderboard}
    for profile in made.profiles:
        for name, ratio in profile.ratios.items():
            best = min(value for (where, _), value in cost.items() if where == name)
            assert ratio == pytest.approx(cost[name, profile.optimizer] / best)


def test_an_outcome_that_was_stored_without_profiles_can_be_read():
    made = msgspec.to_builtins(on_four())
    del made["profiles"]
    assert msgspec.convert(made, Outcome) == replace(on_four(), profiles=())


def test_rows_have_every_ratio_of_the_grid_for_every_optimizer():
    rows = Comparison(on_four()).profiles
    assert len(rows) == 3 * len(GRID)
    assert {tuple(row) for row in rows} == {("optimizer", "tau", "share", "low", "high")}
    first = on_four().profiles[0]
    assert [row["tau"] for row in rows[: len(GRID)]] == list(GRID)
    assert [row["share"] for row in rows[: len(GRID)]] == [share.share for share in first.shares]
    assert all(0 <= row["low"] <= row["share"] <= row["high"] <= 1 for row in rows)
    assert Comparison(outcome(problems=[small_problem(name) for name in FOUR[:3]])).profiles == []

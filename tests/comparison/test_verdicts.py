"""The verdicts: right where they must be, and wrong as seldom as the plan says."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from ravine.comparison.plan import Protocol
from ravine.comparison.verdicts import judge

PROTOCOL = Protocol()


@pytest.fixture
def quick(monkeypatch):
    """Leave out the sign-flip test, which decides nothing and takes most of the time."""
    monkeypatch.setattr("ravine.comparison.verdicts.sign_flip_p", lambda first, second: 1.0)


def drawn(rng, means, spread=0.003, shared=0.0, count=12):
    """Return scores that are normal around their means, with a part that all have at a seed."""
    common = rng.normal(0, 1, count) * shared
    return {f"o{k}": list(mean + common + rng.normal(0, spread, count)) for k, mean in enumerate(means)}


def verdicts(scores, protocol=PROTOCOL):
    return {(pair.a, pair.b): pair.verdict for pair in judge(scores, [], protocol)}


def test_every_pair_stands_once_in_the_order_of_the_optimizers():
    found = judge(drawn(np.random.default_rng(0), [0.9] * 4), [], PROTOCOL)
    assert [(pair.a, pair.b) for pair in found] == list(itertools.combinations(["o0", "o1", "o2", "o3"], 2))


def test_the_four_verdicts():
    rng = np.random.default_rng(4)
    close = drawn(rng, [0.95, 0.93, 0.95], spread=0.0004)
    assert verdicts(close) == {("o0", "o1"): "better", ("o0", "o2"): "equivalent", ("o1", "o2"): "worse"}
    wide = drawn(rng, [0.95, 0.9501], spread=0.01, count=6)
    assert verdicts(wide) == {("o0", "o1"): "undecided"}


def test_a_difference_that_is_surely_small_is_equivalent_and_still_shown():
    [pair] = judge(drawn(np.random.default_rng(4), [0.9505, 0.95], spread=0.0002), [], PROTOCOL)
    assert pair.verdict == "equivalent"
    assert pair.differs
    assert pair.difference == pytest.approx(0.0005, abs=0.0003)
    assert pair.interval[0] > 0


def test_each_number_of_a_pair_is_that_of_scipy():
    scores = drawn(np.random.default_rng(9), [0.95, 0.948, 0.94])
    found = judge(scores, [], PROTOCOL)
    by_p = sorted(found, key=lambda pair: pair.p)
    for place, pair in enumerate(by_p):
        test = stats.ttest_rel(scores[pair.a], scores[pair.b])
        assert pair.p == pytest.approx(test.pvalue)
        assert pair.level == pytest.approx(0.05 / (3 - place))
        interval = test.confidence_interval(1 - pair.level)
        assert pair.interval == pytest.approx((interval.low, interval.high))
        assert pair.difference == pytest.approx(np.mean(scores[pair.a]) - np.mean(scores[pair.b]))
        assert (pair.seeds, pair.look, pair.note) == (12, 1, "")
        if pair.verdict in ("better", "worse"):
            assert not pair.interval[0] <= 0 <= pair.interval[1]


def test_the_order_of_the_optimizers_turns_verdicts_round_and_changes_nothing_else():
    scores = drawn(np.random.default_rng(2), [0.95, 0.947, 0.9501, 0.94])
    turned = dict(reversed(scores.items()))
    other = {"better": "worse", "worse": "better"}
    there = verdicts(turned)
    for (a, b), verdict in verdicts(scores).items():
        assert there[b, a] == other.get(verdict, verdict)


@pytest.mark.parametrize("optimizers", [2, 5])
@pytest.mark.parametrize("shared", [0.0, 0.01])
def test_equal_optimizers_are_said_to_differ_as_seldom_as_the_level_says(optimizers, shared, quick):
    rng = np.random.default_rng(optimizers)
    repetitions = 600
    wrong = 0
    for _ in range(repetitions):
        found = judge(drawn(rng, [0.95] * optimizers, shared=shared, count=8), [], PROTOCOL)
        wrong += any(pair.differs for pair in found)
    assert wrong <= stats.binom.ppf(0.999, repetitions, PROTOCOL.level)
    if optimizers == 2:  # the level is used
        assert wrong >= stats.binom.ppf(0.001, repetitions, PROTOCOL.level)


@pytest.mark.parametrize("optimizers", [2, 4])
def test_optimizers_that_differ_by_the_margin_are_said_to_be_equivalent_as_seldom_as_the_level_says(optimizers, quick):
    rng = np.random.default_rng(optimizers)
    means = [0.95 + 0.002 * k for k in range(optimizers)]
    repetitions = 600
    wrong = sum(
        any(pair.verdict == "equivalent" for pair in judge(drawn(rng, means, spread=0.0012), [], PROTOCOL))
        for _ in range(repetitions)
    )
    assert wrong <= stats.binom.ppf(0.999, repetitions, PROTOCOL.level)


@pytest.mark.parametrize("true", [0.0, 0.002])
def test_looks_keep_the_level(true, quick):
    """Add seeds until all is decided: verdicts that are wrong stay as seldom as with one look."""
    protocol = Protocol(looks=5)
    rng = np.random.default_rng(11)
    repetitions, each = 600, 7
    wrong = {"differs": 0, "equivalent": 0}
    for _ in range(repetitions):
        scores = drawn(rng, [0.95, 0.95 + true], spread=0.0015, count=5 * each)
        found = []
        for look in range(1, 6):
            found = judge({name: values[: look * each] for name, values in scores.items()}, found, protocol, look)
            if found[0].verdict != "undecided":
                break
        wrong["differs"] += true == 0 and found[0].differs
        wrong["equivalent"] += true == 0.002 and found[0].verdict == "equivalent"
    assert max(wrong.values()) <= stats.binom.ppf(0.999, repetitions, 0.05)


def test_several_pairs_and_looks_keep_the_level_together(quick):
    protocol = Protocol(looks=3)
    rng = np.random.default_rng(12)
    repetitions, wrong = 300, 0
    for _ in range(repetitions):
        scores = drawn(rng, [0.95, 0.95, 0.95, 0.9], spread=0.003, count=24)
        found = []
        for look in range(1, 4):
            found = judge({name: values[: look * 8] for name, values in scores.items()}, found, protocol, look)
        wrong += any(pair.differs for pair in found if "o3" not in (pair.a, pair.b))
    assert wrong <= stats.binom.ppf(0.999, repetitions, 0.05)


def test_a_verdict_of_an_earlier_look_stands():
    protocol = Protocol(looks=3)
    rng = np.random.default_rng(1)
    scores = drawn(rng, [0.95, 0.9, 0.9495], spread=0.003, count=8)
    first = judge(scores, [], protocol, 1)
    decided = [pair for pair in first if pair.verdict != "undecided"]
    assert {(pair.a, pair.b) for pair in decided} == {("o0", "o1"), ("o1", "o2")}
    more = {name: [*values, *([0.95, 0.951] * 4)] for name, values in scores.items() if name != "o1"}
    second = judge({"o0": more["o0"], "o1": scores["o1"], "o2": more["o2"]}, first, protocol, 2)
    assert [pair for pair in second if pair.look == 1] == decided
    [judged] = [pair for pair in second if pair.look == 2]
    assert (judged.a, judged.b, judged.seeds) == ("o0", "o2", 16)
    # Two of three differences are found, so the last one is tested at the level of a family of one.
    alone = judge({"o0": more["o0"], "o2": more["o2"]}, [], protocol, 2)[0]
    assert judged.level == alone.level


def test_pairs_that_are_equivalent_without_a_difference_stay_in_the_family():
    protocol = Protocol(looks=2)
    rng = np.random.default_rng(6)
    scores = drawn(rng, [0.95, 0.95, 0.96], spread=0.0005, count=10)
    scores["o2"] = list(0.955 + rng.normal(0, 0.02, 10))
    first = judge(scores, [], protocol, 1)
    assert [pair.verdict for pair in first] == ["equivalent", "undecided", "undecided"]
    assert not first[0].differs
    second = judge(scores, first, protocol, 2)
    three = judge(scores, [], protocol, 2)
    assert {pair.level for pair in second[1:]} == {pair.level for pair in three[1:]}


@pytest.mark.parametrize("value", [0.1, -2.302585092994046])
def test_runs_that_all_diverged_do_not_differ(value):
    [pair] = judge({"a": [value] * 6, "b": [value] * 6}, [], PROTOCOL)
    assert (pair.difference, pair.p, pair.verdict, pair.interval) == (0.0, 1.0, "equivalent", (0.0, 0.0))
    assert (pair.p_signs, pair.wins) == (1.0, 0.5)


def test_a_final_run_that_diverged_widens_the_interval():
    good, bad = [0.95, 0.951, 0.949, 0.95, 0.952, 0.95], [0.95, 0.95, 0.95, 0.1, 0.95, 0.95]
    [pair] = judge({"a": good, "b": bad}, [], PROTOCOL)
    assert pair.verdict == "undecided"
    assert pair.interval[0] < 0 < 0.14 < pair.interval[1]

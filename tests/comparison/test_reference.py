"""Comparisons in which not all pairs are judged: each optimizer beside the best, or beside earlier winners."""

from __future__ import annotations

import math

import msgspec
import pytest
from comparison_cases import TOY, noise, planned, played

from ravine.comparison.finals import final_count, pairs_of
from ravine.comparison.outcome import outcome_of
from ravine.comparison.plan import Plan, Protocol
from ravine.comparison.prepare import entrants_of
from ravine.comparison.words import verdict_sentence
from ravine.formulas.shelves import OPTIMIZERS

TOP = {"sgd": 0.93, "momentum": 0.95, "adam": 0.96, "lion": 0.9595}
BEST = {"sgd": 0.3, "momentum": 0.02, "adam": 0.001, "lion": 0.0003}
TUNED = {"adam": {"lr": 0.001, "beta1": 0.9}, "lion": {"lr": 0.0003, "beta1": 0.9, "beta2": 0.99}}


def score(trial):
    distance = abs(math.log10(trial.settings["lr"] / BEST[trial.optimizer]))
    return TOP[trial.optimizer] - 0.02 * distance + noise(trial, 0.0005)


def whole(plan, entrants, protocol):
    done, results, stages = played(entrants, protocol, score)
    found = outcome_of(plan, "0" * 16, {TOY.name: entrants}, {TOY.name: done}, results, {})
    return done, found, stages


def test_each_optimizer_is_judged_beside_the_one_that_did_best_while_tuning():
    protocol = Protocol(pairs="best")
    plan, entrants = planned("sgd", "momentum", "adam", "lion", protocol=protocol)
    done, found, _ = whole(plan, entrants, protocol)
    tuned = {s.optimizer: s.validation for s in found.leaderboard}
    best = max(tuned, key=tuned.get)
    assert [(pair.a, pair.b) for pair in done.pairs] == [(best, name) for name in plan.labels if name != best]
    # Holm's correction is for three pairs, not for six.
    assert min(pair.level for pair in done.pairs) == pytest.approx(0.05 / 3)
    assert done.finals == final_count(protocol, 3, done.spread)
    said = verdict_sentence(found, found.verdicts[0])
    assert said.startswith(f"{best}, which did best while tuning, has test accuracy ")
    assert "is better than" in said
    ranks = {s.optimizer: s.rank for s in found.leaderboard}
    assert ranks["sgd"] == (2, 4)  # worse than one; nothing is known of the others


def test_winners_of_an_earlier_comparison_are_not_searched_and_not_judged_beside_each_other():
    protocol = Protocol()
    plan, _ = planned("momentum", "adam", "lion", protocol=protocol)
    entries = [
        msgspec.structs.replace(entry, tuned={TOY.name: TUNED[entry.label]}) if entry.label in TUNED else entry
        for entry in plan.entries
    ]
    plan = Plan(problems=plan.problems, entries=tuple(entries), protocol=protocol)
    entrants = entrants_of(plan, {label: OPTIMIZERS[label] for label in plan.labels})[TOY.name]
    done, found, stages = whole(plan, entrants, protocol)
    assert {trial.optimizer for stage in stages[:-1] for trial in stage} == {"momentum"}
    assert {trial.stage for trial in stages[-1]} == {"final"}
    assert {trial.optimizer for trial in stages[-1]} == {"momentum", "adam", "lion"}
    for label, settings in TUNED.items():
        for trial in done.of(label, "final"):
            assert dict(trial.settings) == settings
            assert trial.run.spec.lr == settings["lr"]
            assert trial.run.spec.hyperparameters["beta1"] == settings["beta1"]
    assert [(pair.a, pair.b) for pair in done.pairs] == [("momentum", "adam"), ("momentum", "lion")]
    standing = {s.optimizer: s for s in found.leaderboard}
    assert standing["adam"].validation is None
    assert standing["adam"].tuning_seconds == 0
    assert "adam has the highest test accuracy" in (said := verdict_sentence(found, found.verdicts[0]))
    assert "not judged beside lion" in said


@pytest.mark.parametrize(
    ("tuned", "pairs", "count"), [(0, "all", 6), (0, "best", 3), (3, "all", 3), (2, "all", 5), (4, "all", 0)]
)
def test_how_many_pairs_there_are(tuned, pairs, count):
    plan, _ = planned("sgd", "momentum", "adam", "lion")
    entries = [
        msgspec.structs.replace(entry, tuned={TOY.name: {"lr": 0.1}}) if place < tuned else entry
        for place, entry in enumerate(plan.entries)
    ]
    found = pairs_of(entries, Protocol(pairs=pairs))
    assert len(found) == len(set(map(frozenset, found))) == count

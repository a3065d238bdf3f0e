"""The outcome of a comparison: what is said of each optimizer and of each pair, and that it is stored whole."""

from __future__ import annotations

import itertools
import math

import msgspec
import pytest
from comparison_cases import TOY, noise, planned, result_of

import ravine
from ravine.comparison.compare import follow
from ravine.comparison.course import course
from ravine.comparison.outcome import Outcome, outcome_of
from ravine.comparison.plan import Protocol
from ravine.comparison.rows import leaderboard_rows, pair_rows, trial_rows
from ravine.comparison.words import warnings
from ravine.search import choice, linear, log

SMALL = Protocol(finals=6)


def outcome(score, *optimizers, protocol=SMALL, problem=TOY, seconds=None, **settings):
    plan, entrants = planned(*optimizers, protocol=protocol, problem=problem, **settings)

    def train(trials):
        return {t.id: result_of(t, score(t), seconds=seconds(t) if seconds else (1.0, 1.0)) for t in trials}

    courses, results = follow({"toy": course(entrants, protocol)}, train)
    return outcome_of(plan, "0" * 16, {"toy": entrants}, courses, results, {"python": "3"}), courses["toy"], results


def by_label(found):
    return {standing.optimizer: standing for standing in found.leaderboard}


def good(trial, tops=(("sgd", 0.93), ("momentum", 0.95), ("adam", 0.951))):
    """Score highest in the middle of the range of lr."""
    default = {"sgd": 0.1, "momentum": 0.01, "adam": 0.001}[trial.optimizer]
    return dict(tops)[trial.optimizer] - 0.01 * abs(math.log10(trial.settings["lr"] / default)) + noise(trial, 0.0003)


def test_every_outcome_is_stored_whole():
    cases = [
        outcome(good, "sgd", "momentum", "adam")[0],
        outcome(lambda t: None, "sgd", "momentum")[0],
        outcome(
            good, "sgd", "momentum", spaces={"sgd": {"lr": choice(0.1, 0.2)}, "momentum": {"lr": linear(0.01, 0.1)}}
        )[0],
        outcome(good, "sgd", "adam", protocol=Protocol(objective="loss", finals=2, tuning_seeds=1, controls=0))[0],
        outcome(good, "sgd", "adam", schedules=["constant", "cosine"], batch_sizes=[10, 50])[0],
        outcome(lambda t: 0.9, "sgd", "adam", problem=msgspec.structs.replace(TOY, target=0.5))[0],
        outcome(lambda t: None if t.stage == "final" else 0.9, "sgd", "adam", protocol=Protocol(looks=2, finals=2))[0],
    ]
    for case in cases:
        assert msgspec.json.decode(msgspec.json.encode(case), type=Outcome) == case
        for rows in (leaderboard_rows(case), pair_rows(case), trial_rows(case)):
            assert len({tuple(row) for row in rows}) == 1  # the same columns in every row
            for row in rows:
                assert all(isinstance(v, (str, bool, int, float, type(None))) for v in row.values())
                assert not any(isinstance(v, float) and not math.isfinite(v) for v in row.values())


def test_the_leaderboard_is_best_first_and_its_ranks_follow_from_the_verdicts():
    found, done, results = outcome(good, "sgd", "momentum", "adam")
    standings = found.leaderboard
    assert [s.optimizer for s in standings][2] == "sgd"
    assert [s.score for s in standings] == sorted((s.score for s in standings), reverse=True)
    assert standings[2].rank == (3, 3)
    for s in standings:
        finals = [results[t.id].test_accuracy for t in done.of(s.optimizer, "final")]
        assert s.score == pytest.approx(sum(finals) / 6)
        assert s.interval[0] < s.score < s.interval[1]
        assert (s.finals, s.diverged, s.edges, s.under_tuned, s.to_target) == (6, 0.0, (), (), None)
        assert s.settings == done.winners[s.optimizer].settings


@pytest.mark.parametrize("verdicts", list(itertools.product(["better", "worse", "undecided", "equivalent"], repeat=3)))
def test_ranks_leave_open_what_the_verdicts_do(verdicts):
    """Of all orders of three optimizers that the verdicts allow, a rank is the range of places."""
    from ravine.comparison.outcome import _rank
    from ravine.comparison.verdicts import Pair

    names = list(itertools.combinations("abc", 2))
    pairs = [
        Pair(
            a=a, b=b, difference=-1.0 if verdict == "worse" else 1.0, interval=(0.0, 0.0),
            p=0.5 if verdict in ("undecided", "equivalent") else 0.0, level=0.05,
            p_outside=1.0, p_signs=1.0, wins=0.5, seeds=6, look=1, verdict=verdict,
        )
        for (a, b), verdict in zip(names, verdicts, strict=True)
    ]  # fmt: skip
    told = {(p.a, p.b) if p.verdict == "better" else (p.b, p.a) for p in pairs if p.verdict in ("better", "worse")}
    for label in "abc":
        above = sum((other, label) in told for other in "abc")
        below = sum((label, other) in told for other in "abc")
        assert _rank(label, pairs, 3) == (1 + above, 3 - below)


def test_nothing_is_said_against_an_optimizer_whose_search_ended_at_the_edge():
    narrow = {"sgd": {"lr": log(1e-6, 1e-5)}}
    found, _, _ = outcome(good, "sgd", "momentum", "adam", spaces=narrow)
    assert [(e.axis, e.end) for e in by_label(found)["sgd"].edges] == [("lr", "high")]
    for pair in found.verdicts[0].pairs:
        if "sgd" in (pair.a, pair.b):
            assert (pair.verdict, pair.note) == ("undecided", "sgd is at the edge of lr")
            assert pair.differs  # the numbers stay
        else:
            assert pair.note == ""
    assert by_label(found)["sgd"].rank == (1, 3)


def test_an_edge_does_not_take_away_what_an_optimizer_won():
    def score(trial):
        if trial.optimizer == "sgd":
            return 0.97 + 0.001 * math.log10(trial.settings["lr"]) + noise(trial, 0.0001)
        return good(trial)

    found, _, _ = outcome(score, "sgd", "momentum")
    assert by_label(found)["sgd"].edges
    assert [(p.verdict, p.note) for p in found.verdicts[0].pairs] == [("better", "")]


def test_two_that_seem_equivalent_are_undecided_if_one_is_at_the_edge():
    def score(trial):
        if trial.optimizer == "sgd" and trial.stage != "final":
            return 0.9 + 0.001 * math.log10(trial.settings["lr"])
        return 0.95 + noise(trial, 0.0001)

    found, done, _ = outcome(score, "sgd", "adam")
    assert done.pairs[0].verdict == "equivalent"
    assert (found.verdicts[0].pairs[0].verdict, found.verdicts[0].pairs[0].note) == (
        "undecided",
        "sgd is at the edge of lr",
    )


CRIPPLED = {"momentum": {"lr": log(0.1, 10)}}


def test_a_crippled_momentum_is_flagged():
    """Its space leaves out the rates that suit it, and near the winner of sgd it would do better."""

    def score(trial):
        lr = trial.settings["lr"] / (1 - trial.settings.get("alpha", 0))
        return 0.93 - 0.02 * abs(math.log10(lr / 0.1)) + noise(trial, 0.0003)

    fair, _, _ = outcome(score, "sgd", "momentum")
    assert by_label(fair)["momentum"].under_tuned == ()
    found, _, _ = outcome(score, "sgd", "momentum", spaces=CRIPPLED)
    assert by_label(found)["momentum"].under_tuned == ("sgd",)
    assert by_label(found)["sgd"].under_tuned == ()


def test_it_is_flagged_by_controls_alone_if_the_finals_say_nothing():
    def score(trial, gain=0.003):
        if trial.stage == "final":
            return 0.95 + noise(trial, 0.01)
        return 0.95 + (gain if trial.stage == "control" else 0.0)

    found, done, _ = outcome(score, "sgd", "momentum")
    assert done.pairs[0].verdict == "undecided"
    assert by_label(found)["momentum"].under_tuned == ("sgd",)
    for quiet in (lambda t: score(t, 0.0015), lambda t: score(t, -0.1)):
        assert by_label(outcome(quiet, "sgd", "momentum")[0])["momentum"].under_tuned == ()


def test_the_control_counts_with_its_further_seeds():
    def score(trial):  # a lucky control at its first seed
        lucky = trial.stage == "control" and trial.seed == 0
        return 0.95 + (0.005 if lucky else 0.0)

    found, _, _ = outcome(score, "sgd", "momentum")
    assert by_label(found)["momentum"].under_tuned == ()


@pytest.mark.parametrize(("loss", "flagged"), [(0.02, True), (0.0, False), (0.0008, False)])
def test_it_is_flagged_if_it_loses_by_a_verdict(loss, flagged):
    def score(trial):
        final = trial.stage == "final" and trial.optimizer == "momentum"
        return 0.95 - (loss if final else 0.0) + noise(trial, 0.0001)

    for optimizers in (("sgd", "momentum"), ("momentum", "sgd")):
        found, _, _ = outcome(score, *optimizers)
        assert by_label(found)["momentum"].under_tuned == (("sgd",) if flagged else ())


def test_equal_time_is_that_of_the_shortest_run_of_a_winner():
    def seconds(trial):
        return (0.4 + 0.01 * trial.seed,) * 2 if trial.optimizer == "sgd" else (1.0, 1.0)

    found, _, _ = outcome(good, "sgd", "momentum", seconds=lambda t: seconds(t) if t.optimizer == "sgd" else (0.5, 0.6))
    assert found.verdicts[0].equal_seconds == pytest.approx(0.8)
    assert all(standing.at_seconds is not None for standing in found.leaderboard)
    slow, _, _ = outcome(good, "sgd", "momentum", seconds=seconds)
    assert by_label(slow)["sgd"].at_seconds is not None
    assert by_label(slow)["momentum"].at_seconds is None  # it had not ended its first epoch


def test_a_winner_that_diverged_sets_no_time():
    found, _, _ = outcome(lambda t: None if t.optimizer == "sgd" else good(t), "sgd", "momentum")
    assert found.verdicts[0].equal_seconds == pytest.approx(2.0)
    assert by_label(found)["momentum"].at_seconds == pytest.approx(by_label(found)["momentum"].validation)
    sgd = by_label(found)["sgd"]
    assert (sgd.at_seconds, sgd.train_loss, sgd.diverged, sgd.score) == (None, None, 1.0, pytest.approx(0.1))


def test_samples_to_a_target_are_those_that_are_trained_on():
    problem = msgspec.structs.replace(TOY, target=0.5, validation=0.25, batch_size=7_000)
    found, _, _ = outcome(lambda t: 0.9, "sgd", "adam", problem=problem)
    for standing in found.leaderboard:
        assert (standing.to_target.epochs, standing.to_target.samples) == (1.0, 45_000.0)


def test_costs_are_those_of_the_runs_that_chose():
    found, done, _ = outcome(good, "sgd", "momentum")
    for s in found.leaderboard:
        assert s.tuning_seconds == pytest.approx(2.0 * len(done.of(s.optimizer, "search", "extension", "seeds")))
        assert s.run_seconds == pytest.approx(2.0)


def test_a_rule_without_other_axes_than_its_rate():
    @ravine.rule
    def mine(g, *, lr=0.1):
        return lr * g

    found, _, _ = outcome(lambda t: 0.9 + noise(t, 0.001), "sgd", mine)
    assert {s.optimizer for s in found.leaderboard} == {"sgd", "mine"}
    assert {row["optimizer"] for row in trial_rows(found)} == {"sgd", "mine"}


def test_rows_name_every_run_once_and_have_its_settings():
    found, done, _ = outcome(good, "sgd", "momentum", schedules=["constant", "linear"])
    rows = trial_rows(found)
    assert [row["run"] for row in rows] == [t.id for t in done.trials]
    for row, trial in zip(rows, done.trials, strict=True):
        for name in ("lr", "alpha", "schedule"):
            assert row[f"set_{name}"] == trial.settings.get(name)
        assert row["seed"] == trial.seed
        assert (row["test_accuracy"] is None) == (trial.stage != "final")


def better_at_defaults(by):
    """Return scores in which sgd's defaults do better than all of its trials, and adam better still."""

    def score(trial):
        if trial.optimizer == "adam":
            return 0.95 + noise(trial, 0.0003)
        return (0.93 + by if trial.stage == "default" else 0.93) + noise(trial, 0.0003)

    return score


@pytest.mark.parametrize(("by", "verdict"), [(0.01, "undecided"), (0.0005, "better")])
def test_an_optimizer_whose_defaults_do_better_than_its_search_is_not_called_worse(by, verdict):
    found, _, _ = outcome(better_at_defaults(by), "adam", "sgd")
    (pair,) = found.verdicts[0].pairs
    assert (pair.a, pair.b, pair.verdict) == ("adam", "sgd", verdict)
    assert pair.note == ("sgd does better at its defaults" if verdict == "undecided" else "")
    told = [warning for warning in warnings(found) if "at its defaults" in warning]
    assert len(told) == (verdict == "undecided")


def test_the_better_one_may_have_better_defaults():
    def score(trial):
        return better_at_defaults(0.01)(trial) + (0.05 if trial.optimizer == "sgd" else 0)

    (pair,) = outcome(score, "adam", "sgd")[0].verdicts[0].pairs
    assert (pair.verdict, pair.note) == ("worse", "")


def test_nothing_is_said_of_two_whose_final_runs_all_diverged():
    found, _, _ = outcome(lambda t: None if t.stage == "final" else 0.9 + noise(t, 0.001), "adam", "sgd")
    (pair,) = found.verdicts[0].pairs
    assert (pair.verdict, pair.note) == ("undecided", "all final runs of both diverged")
    assert [warning for warning in warnings(found) if "diverged" in warning] == [
        "6 of 6 final runs of adam diverged, and count as chance.",
        "6 of 6 final runs of sgd diverged, and count as chance.",
    ]


def test_a_search_that_always_diverges_has_no_good_rates():
    found, _, _ = outcome(lambda t: None if t.optimizer == "sgd" else 0.9 + noise(t, 0.001), "adam", "sgd")
    standing = by_label(found)
    assert (standing["sgd"].decades, standing["sgd"].diverged) == (None, 1.0)
    assert standing["adam"].decades > 0


@pytest.mark.parametrize(("objective", "reached"), [("accuracy", 0.05), ("loss", -2.0)])
def test_one_that_diverges_is_not_better_than_one_that_does_worse_than_chance(objective, reached):
    # Chance is an accuracy of 1 / 10, or a loss of ln 10 = 2.303; what is trained here has 0.05, or a loss of 3.
    protocol = Protocol(objective=objective, finals=6)
    found, _, _ = outcome(lambda t: None if t.optimizer == "sgd" else reached, "adam", "sgd", protocol=protocol)
    (pair,) = found.verdicts[0].pairs
    assert pair.verdict != "worse"
    assert pair.difference == pytest.approx(0.0)

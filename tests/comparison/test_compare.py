"""Whole comparisons on a small data set: stored, resumed, and the same however they are run."""

from __future__ import annotations

import dataclasses
import threading

import msgspec
import pytest

import ravine
import ravine.comparison.compare as comparing
import ravine.comparison.prepare as preparing
from ravine.api.comparison import compare
from ravine.comparison.cost import cost_of, within_budget
from ravine.comparison.folder import load_outcome, plans
from ravine.comparison.plan import Protocol
from ravine.comparison.planning import make_plan
from ravine.comparison.prepare import entrants_of
from ravine.errors import ConfigError, DataError
from ravine.search import choice, log
from ravine.spec.problem import Problem
from ravine.storage.store import RunStore

TINY = Problem(
    name="tiny", dataset="small", layers=(64, 10), bias=True, batch_size=10, epochs=2, validation=60, target=0.5
)
QUICK = {"problem": TINY, "trials": 4, "contenders": 2, "tuning_seeds": 2, "finals": 3, "quiet": True}


def compared(*optimizers, **settings):
    return compare(list(optimizers or ("sgd", "momentum")), **{"jobs": 1, **QUICK, **settings})


def timeless(outcome):
    """Return an outcome without what a clock has measured."""
    plain = msgspec.to_builtins(outcome)

    def without(part):
        if isinstance(part, dict):
            clock = ("seconds", "tuning_seconds", "run_seconds", "at_seconds", "equal_seconds", "environment")
            return {key: without(value) for key, value in part.items() if key not in clock}
        return [without(value) for value in part] if isinstance(part, (list, tuple)) else part

    return without(plain)


@pytest.fixture
def trained(monkeypatch):
    """Count the runs that are trained."""
    found = []
    run_study = comparing.run_study

    def counting(planned, store, **more):
        found.extend({run.id for run in planned if not store.holds(run.id)})
        return run_study(planned, store, **more)

    monkeypatch.setattr(comparing, "run_study", counting)
    return found


def test_a_comparison_is_kept_and_read_back(small, runs):
    done = compared()
    store = RunStore(runs)
    assert load_outcome(store, done.id) == done.outcome
    [made] = plans(store)
    assert (made.id, made.plan) == (done.id, done.outcome.plan)
    for row in done.trials:
        stored = store.load(row["run"]).result
        final = row["stage"] == "final"
        assert stored.tested == final
        assert (stored.test_accuracy is not None) == final
        assert (stored.validation_accuracy is not None) == (not final)
        assert row["score"] == (stored.test_accuracy if final else stored.validation_accuracy)
    assert len(done.leaderboard) == 2
    assert done.sentences


def test_the_same_call_trains_nothing_again(small, runs, trained):
    first = compared()
    count = len(trained)
    assert count == len({row["run"] for row in first.trials})
    again = compared()
    assert len(trained) == count
    assert again.outcome.trials == first.outcome.trials
    assert timeless(again.outcome) == timeless(first.outcome)
    assert len(plans(RunStore(runs))) == 1


def test_another_comparison_uses_the_trials_of_the_first(small, trained):
    first = compared("sgd", "momentum")
    count = len(trained)
    second = compared("sgd", "momentum", "adam")
    new = {row["run"] for row in second.trials} - {row["run"] for row in first.trials}
    assert len(trained) == count + len(new)
    assert {row["optimizer"] for row in second.trials if row["run"] in new} == {"adam"}
    wider = compared("sgd", "momentum", trials=8)
    kept = {row["run"] for row in wider.trials} & {row["run"] for row in first.trials}
    assert len(kept) >= 2 * (4 + 2)  # the first trials and the defaults
    assert second.id != first.id != wider.id


def test_one_and_two_jobs_give_the_same_bits(small, tmp_path):
    outcomes = [compared("sgd", "momentum", "adam", jobs=jobs, runs=tmp_path / str(jobs)).outcome for jobs in (1, 2, 5)]
    assert timeless(outcomes[0]) == timeless(outcomes[1]) == timeless(outcomes[2])


class Killed(BaseException):
    pass


@pytest.mark.parametrize("after", [0, 3, 11, 13, 20])
def test_a_comparison_that_was_stopped_goes_on_and_ends_as_an_uninterrupted_one(small, tmp_path, monkeypatch, after):
    whole = compared(runs=tmp_path / "whole")
    real = RunStore.save
    count, lock = [0], threading.Lock()

    def killing(self, *given, **more):
        with lock:
            count[0] += 1
            if count[0] > after:
                raise Killed
        return real(self, *given, **more)

    monkeypatch.setattr(RunStore, "save", killing)
    with pytest.raises(Killed):
        compared(runs=tmp_path / "stopped")
    monkeypatch.setattr(RunStore, "save", real)
    assert load_outcome(RunStore(tmp_path / "stopped"), whole.id) is None
    assert [made.id for made in plans(RunStore(tmp_path / "stopped"))] == [whole.id]  # the plan came first
    resumed = compared(runs=tmp_path / "stopped")
    assert timeless(resumed.outcome) == timeless(whole.outcome)


def test_the_test_set_has_no_part_in_the_tuning(small, tmp_path, monkeypatch):
    """With other test samples, all that the tuning made and chose is the same; only the finals' scores differ."""
    honest = compared(runs=tmp_path / "honest")
    real = preparing.load

    def poisoned(name, folder, *, quiet):
        data = real(name, folder, quiet=quiet)
        labels = ((data.test.targets + 1) % 10).astype(data.test.targets.dtype)
        return dataclasses.replace(data, test=dataclasses.replace(data.test, targets=labels))

    monkeypatch.setattr(preparing, "load", poisoned)
    other = compared(runs=tmp_path / "poisoned")

    def tuned(done):
        return [{k: v for k, v in row.items() if k != "seconds"} for row in done.trials if row["stage"] != "final"]

    assert tuned(other) == tuned(honest)
    finals = [[row["score"] for row in done.trials if row["stage"] == "final"] for done in (honest, other)]
    assert [row["run"] for row in honest.trials] == [row["run"] for row in other.trials]
    assert max(finals[1]) < min(finals[0])
    assert all(row["test_accuracy"] is None for row in other.trials if row["stage"] != "final")


def test_a_rule_that_fails_in_the_middle_is_told_in_one_sentence(small, runs):
    @ravine.matrix_rule
    def breaking(gradients, weights, state, t, *, lr=0.1):
        if t > 45:  # only a final run, on the whole training set, takes so many steps
            raise ValueError("too late for me")
        return [lr * gradient for gradient in gradients], state

    with pytest.raises(ravine.RavineError) as caught:
        compared("sgd", breaking)
    text = str(caught.value)
    assert "too late for me" in text
    assert "\n" not in text
    assert "Traceback" not in text
    # What was trained stays, and the plan is there; the tuning ended.
    assert len(plans(RunStore(runs))) == 1
    assert len(RunStore(runs).ids()) >= 2 * (4 + 2 + 2) + 3  # searches, defaults, further seeds; the finals of sgd


def test_a_rule_whose_file_is_edited_is_another_comparison(small, tmp_path, trained):
    file = tmp_path / "mine.py"
    file.write_text("import ravine\n\n@ravine.rule\ndef mine(g, *, lr=0.1):\n    return lr * g\n")
    first = compared("sgd", f"{file}:mine")
    count = len(trained)
    file.write_text("import ravine\n\n@ravine.rule\ndef mine(g, *, lr=0.1):\n    return -lr * g\n")
    second = compared("sgd", f"{file}:mine")
    assert second.id != first.id
    fresh = {row["run"] for row in second.trials} - {row["run"] for row in first.trials}
    assert {row["optimizer"] for row in second.trials if row["run"] in fresh} >= {"mine"}
    assert len(trained) == count + len(fresh)
    mine = {row["run"] for row in second.trials if row["optimizer"] == "mine"}
    assert not mine & {row["run"] for row in first.trials}


def test_rules_from_python_and_of_matrices_take_part(small):
    @ravine.rule
    def mine(g, v, *, lr=0.1, memory=0.5):
        v = memory * v + lr * g
        return v, v

    done = compared(mine, "muon", "adam", search={"mine": {"memory": choice(0.0, 0.5)}})
    assert {row["optimizer"] for row in done.leaderboard} == {"mine", "muon", "adam"}
    assert {row["set_memory"] for row in done.trials if row["optimizer"] == "mine" and row["stage"] == "search"} == {
        0.0,
        0.5,
    }


def test_two_problems_on_one_data_set(small):
    other = msgspec.structs.replace(TINY, name="again")
    wider = msgspec.structs.replace(TINY, name="wide", layers=(64, 20, 10))
    done = compared(problem=[TINY, other, wider])
    assert [v.problem for v in done.outcome.verdicts] == ["tiny", "again", "wide"]
    runs = {name: [row["run"] for row in done.trials if row["problem"] == name] for name in ("tiny", "again", "wide")}
    assert runs["tiny"] == runs["again"]  # a name has no part in a run
    assert not set(runs["tiny"]) & set(runs["wide"])


def test_a_space_whose_runs_all_diverge(small):
    deep = msgspec.structs.replace(TINY, layers=(64, 20, 20, 10))
    done = compared(problem=deep, search={"sgd": {"lr": log(1e20, 1e30)}}, finals=6)
    sgd = next(row for row in done.leaderboard if row["optimizer"] == "sgd")
    assert (sgd["diverged"], sgd["score"], sgd["rank_low"]) == (1.0, pytest.approx(0.1), 1)
    # The space leaves out what sgd can do, so nothing says that it is worse.
    assert [(row["verdict"], row["note"]) for row in done.pairs] == [("undecided", "sgd does better at its defaults")]


def test_a_loss_is_compared(small):
    done = compared(objective="loss")
    assert done.outcome.plan.protocol.margin == 0.01
    assert all(row["score"] < 0 for row in done.trials)


def test_a_budget_is_the_number_of_trials_that_fits(small):
    plan, found = make_plan(["sgd", "adam"], [TINY], Protocol(finals=2))
    entrants = entrants_of(plan, found)
    seconds = {("tiny", "sgd"): 1.0, ("tiny", "adam"): 3.0}
    costs = {
        n: cost_of(entrants, msgspec.structs.replace(plan.protocol, trials=n), seconds, 2).wall
        for n in (4, 8, 16, 32, 2048)
    }
    # 4 seconds a pair of runs, 2 at a time: the trials, 3 contenders with 2 further seeds, 3 defaults and 2 finals
    assert costs == {n: pytest.approx(2.0 * (n + 6 + 3 + 2)) for n in costs}
    for trials in (4, 16, 32):
        chosen = within_budget(plan, entrants, seconds, 2, costs[trials] + 0.1)
        assert chosen.protocol == msgspec.structs.replace(plan.protocol, trials=trials)
    assert within_budget(plan, entrants, seconds, 2, 1e9).protocol.trials == 2048
    many = msgspec.structs.replace(plan, protocol=Protocol(finals=2, extensions=3, contenders=7))
    assert within_budget(many, entrants, seconds, 2, 1e9).protocol.trials == 1024
    with pytest.raises(ConfigError, match="with 8 trials"):
        within_budget(many, entrants, seconds, 2, 1.0)
    with pytest.raises(ConfigError, match="too short: with 4 trials"):
        within_budget(plan, entrants, seconds, 2, 1.0)


def test_what_a_comparison_costs_is_what_it_runs(small):
    done = compared("sgd", "momentum", extensions=0)
    plan, found = make_plan(["sgd", "momentum"], [TINY], done.outcome.plan.protocol)
    cost = cost_of(entrants_of(plan, found), plan.protocol, {("tiny", "sgd"): 1.0, ("tiny", "momentum"): 1.0}, 1)
    assert cost.runs == len(done.trials)
    assert cost.finals == sum(row["stage"] == "final" for row in done.trials)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"optimizers": "sgd"}, "one optimizer"),
        ({"optimizers": None}, "optimizer"),
        ({"problem": "mnist-mpl"}, "mnist-mlp"),
        ({"problem": 5}, "5 is no problem"),
        ({"problem": []}, "no problem"),
        ({"schedule": "cosin"}, "cosine"),
        ({"schedule": 5}, "schedule"),
        ({"batch_size": "10"}, "batch size"),
        ({"batch_size": True}, "batch size"),
        ({"batch_size": 0}, "batch size"),
        ({"batch_size": [10, 300]}, "170 samples"),
        ({"trials": 5}, "power of two"),
        ({"margin": float("nan")}, "margin"),
        ({"margin": "x"}, "margin"),
        ({"objective": "speed"}, "objective"),
        ({"objective": None}, "objective"),
        ({"budget": -1}, "budget"),
        ({"budget": "soon"}, "budget"),
        ({"budget": float("nan")}, "budget"),
        ({"budget": 1e-3}, "too short"),
        ({"at_most": "1h"}, "until_decided"),
        ({"at_most": -5, "until_decided": True}, "at_most"),
        ({"jobs": 0}, "jobs"),
        ({"jobs": 1.5}, "jobs"),
        ({"runs": 5}, "runs"),
        ({"data_dir": 5}, "data_dir"),
        ({"search": {"adam": {}}}, "adam"),
        ({"search": 3}, "search"),
        ({"seed": -1}, "seed"),
        ({"seed": "x"}, "seed"),
        ({"finals": 1}, "finals"),
        ({"power": 2}, "power"),
        ({"level": "x"}, "level"),
    ],
)
def test_what_is_refused_and_trains_nothing(small, runs, settings, words):
    given = {"optimizers": ["sgd", "momentum"], **QUICK, **settings}
    with pytest.raises(ConfigError) as caught:
        compare(given.pop("optimizers"), **given)
    text = str(caught.value)
    assert words in text
    assert text.endswith(".")
    assert "\n" not in text
    assert not (runs / "comparisons").exists()


def test_a_damaged_plan_is_told_before_anything_is_trained(small, runs, trained):
    first = compared()
    count = len(trained)
    (runs / "comparisons" / first.id / "plan.json").write_text("{")
    with pytest.raises(DataError, match=r"plan.json is damaged"):
        compared("sgd", "adam")
    assert len(trained) == count


def test_seeds_move_all_runs(small):
    first, second = compared(), compared(seed=1)
    assert not {row["run"] for row in first.trials} & {row["run"] for row in second.trials}
    assert {row["seed"] // 1000 for row in second.trials} == {1}

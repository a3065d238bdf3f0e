"""The runs of a comparison: settings, seeds, and what each of them trains and looks at."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from comparison_cases import TOY, planned

import ravine
from ravine.comparison.course import course
from ravine.comparison.plan import Protocol
from ravine.comparison.points import points
from ravine.comparison.trials import FIRST_FINAL, SEEDS, at_point, at_settings, final_seed, tuning_seed
from ravine.search import choice, linear, log, one_minus_log
from ravine.spec import from_settings

PROTOCOL = Protocol()
EVERYWHERE = [
    log(0.001, 10),
    log(3.1622776601683794e-06, 0.31622776601683794),
    log(1e-300, 1e-290),
    one_minus_log(0.001, 0.5),
    one_minus_log(1e-9, 1e-7),
    one_minus_log(1e-9, 1e-3),
    one_minus_log(0.5, 1),
    linear(0, 1),
    linear(-5, 5),
    linear(1_000_000, 1_000_001),
    linear(0.123456789, 0.123456799),
    linear(-1e300, 1e300),
]


def first(label, axis, count=16):
    """Return the values of `lr` that the trials on an axis have."""
    _, entrants = planned("sgd", "momentum")
    entrant = next(each for each in entrants if each.label == label)
    return [at_point(entrant, {"lr": axis}, k, PROTOCOL, "search").settings["lr"] for k in range(count)]


@pytest.mark.parametrize("axis", EVERYWHERE, ids=str)
def test_rounded_values_stay_on_their_axis_and_near_their_place(axis, monkeypatch):
    # The run itself is beside the point, and lr may not have all of these values.
    monkeypatch.setattr("ravine.comparison.trials.Entrant.run", lambda *given, **more: None)
    values = first("sgd", axis, 64)
    low, high = axis.ends
    assert all(low <= value <= high for value in values)
    assert len(set(values)) == 64
    for value, u in zip(values, points(TOY, 0)[:64, 0], strict=True):
        assert axis.place(value) == pytest.approx(u, abs=2e-5)
        digits = repr(value).partition("e")[0].replace(".", "").replace("-", "").strip("0")
        if str(axis) in (str(log(0.001, 10)), str(linear(0, 1))):
            assert len(digits) <= 6


def test_values_near_1_never_become_1():
    _, entrants = planned("sgd", "momentum")
    axes = {"lr": log(0.1, 1), "alpha": one_minus_log(1e-7, 2e-7)}
    values = [at_point(entrants[1], axes, k, PROTOCOL, "search").settings["alpha"] for k in range(16)]
    assert all(0.9999998 <= value <= 0.9999999 for value in values)
    assert len(set(values)) == 16


def test_optimizers_share_coordinates_on_the_axes_that_they_share():
    _, entrants = planned("sgd", "adamw", "momentum", schedules=["constant", "cosine"], batch_sizes=[10, 100])
    for entrant in entrants:
        assert list(entrant.entry.space)[:3] == ["lr", "schedule", "batch_size"]
    for number in range(16):
        made = [at_point(entrant, entrant.entry.space, number, PROTOCOL, "search") for entrant in entrants]
        shared = {(trial.settings["schedule"], trial.settings["batch_size"]) for trial in made}
        assert len(shared) == 1
        places = [entrant.entry.space["lr"].place(t.settings["lr"]) for entrant, t in zip(entrants, made, strict=True)]
        assert max(places) - min(places) < 1e-5
        for trial in made:
            assert trial.run.spec.schedule == trial.settings["schedule"]
            assert trial.run.spec.batch_size == trial.settings["batch_size"]
            assert trial.run.spec.lr == trial.settings["lr"]


def test_a_trial_is_a_function_of_the_problem_the_space_and_its_number_alone():
    alone = {t.id for t in next(course(planned("sgd", "adam")[1], PROTOCOL)) if t.optimizer == "sgd"}
    wide = Protocol(trials=64, contenders=1, tuning_seeds=3, margin=0.1, finals=9, looks=3, level=0.2)
    among = {t.id for t in next(course(planned("momentum", "muon", "sgd", protocol=wide)[1], wide))}
    assert alone <= among


def test_schedules_fall_to_zero_step_by_step():
    _, entrants = planned("sgd", "momentum", schedules=["constant", "linear", "cosine"])
    found = {}
    for number in range(16):
        trial = at_point(entrants[0], entrants[0].entry.space, number, PROTOCOL, "search")
        found[trial.run.spec.schedule] = trial.run
    assert found["constant"].spec.schedule_by == "epoch"
    for name in ("linear", "cosine"):
        assert found[name].spec.schedule_by == "step"
        lr = found[name].spec.lr
        # of 50,000 samples in batches of 100 an epoch has 500 steps
        last = found[name].rates_in(TOY.epochs - 1, np.array([0, 499]), 50_000)
        assert last[0] == pytest.approx(lr / 2)
        assert 0 <= last[1] < lr * 0.002


def test_seeds_of_the_finals_are_those_of_no_trial():
    for seed in (0, 1, 7, 2**53 - 1):
        protocol = Protocol(seed=seed)
        tuning = {tuning_seed(protocol, number) for number in range(FIRST_FINAL)}
        finals = {final_seed(protocol, number) for number in range(SEEDS - FIRST_FINAL)}
        assert not tuning & finals
        assert len(tuning | finals) == SEEDS
        following = Protocol(seed=seed + 1)
        assert max(tuning | finals) < tuning_seed(following, 0)
        assert max(finals) < 2**63


def test_tuning_holds_out_a_split_and_never_looks_at_the_test_set_and_finals_train_on_everything():
    problem = msgspec.structs.replace(TOY, validation=0.25)
    _, entrants = planned("sgd", "momentum", problem=problem)
    trial = at_point(entrants[0], entrants[0].entry.space, 3, PROTOCOL, "search")
    assert (trial.run.spec.validation, trial.run.spec.test_time, trial.seed) == (15_000, "never", 0)
    further = at_settings(entrants[0], trial, 2, "seeds")
    assert (further.run.spec.validation, further.run.spec.test_time, further.seed) == (15_000, "never", 2)
    assert further.settings == trial.settings
    final = at_settings(entrants[0], trial, 100, "final", final=True)
    assert (final.run.spec.validation, final.run.spec.test, final.seed) == (0, "end", 100)
    settings = {**TOY.settings, **trial.settings, "optimizer": "sgd", "seed": 100, "test": "end"}
    assert final.id == from_settings(settings).id  # the run of `ravine.train` with these settings


def test_a_rule_is_read_once_and_keeps_its_name(tmp_path):
    file = tmp_path / "mine.py"
    text = "import ravine\n\n@ravine.rule\ndef inner(g, *, lr=0.1):\n    return lr * g\n\nouter = inner\n"
    file.write_text(text)
    _, entrants = planned("sgd", f"{file}:outer")
    same = from_settings(
        {**TOY.settings, "optimizer": f"{file}:outer", "lr": 0.5, "validation": 10_000, "test": "never"}
    )
    file.write_text(text.replace("lr * g", "2 * lr * g"))
    assert entrants[1].run({"lr": 0.5}, 0, final=False).id == same.id
    _, edited = planned("sgd", f"{file}:outer")
    assert edited[1].run({"lr": 0.5}, 0, final=False).id != same.id


def test_an_optimizer_made_in_python_takes_part():
    made = []
    for factor in (1.0, 2.0):

        @ravine.rule
        def mine(g, *, lr=0.1, power=factor):
            return power * lr * g

        made.append(mine)
    plan, entrants = planned("sgd", made[0])
    assert plan.labels == ["sgd", "mine"]
    trial = at_point(entrants[1], entrants[1].entry.space, 0, PROTOCOL, "search")
    assert trial.run.base is made[0]
    assert trial.run.spec.hyperparameters == {"power": 1.0}


def test_choices_keep_their_type():
    @ravine.rule
    def counted(g, *, lr=0.1, count: int = 3, flag=False):
        return lr * g * count * (1 + flag)

    spaces = {"counted": {"count": choice(1, 2, 4), "flag": choice(True, False)}}
    _, entrants = planned("sgd", counted, spaces=spaces)
    found = [at_point(entrants[1], entrants[1].entry.space, k, PROTOCOL, "search").settings for k in range(16)]
    assert {s["count"] for s in found} == {1, 2, 4}
    assert all(type(s["count"]) is int and type(s["flag"]) is bool for s in found)


def test_all_values_are_finite():
    _, entrants = planned("sgd", "momentum", "adamw")
    for entrant in entrants:
        for number in range(64):
            settings = at_point(entrant, entrant.entry.space, number, PROTOCOL, "search").settings
            assert all(math.isfinite(value) for value in settings.values())

"""Controls: trials near the winner of an optimizer that another one contains."""

from __future__ import annotations

import pytest
from comparison_cases import noise, planned, played

import ravine
from ravine.comparison.controls import contained, control_trials, neighborhood, under_tuned
from ravine.comparison.plan import Protocol
from ravine.comparison.trials import at_point
from ravine.search import choice, linear, log

PROTOCOL = Protocol()


def pair(*optimizers, **settings):
    _, entrants = planned(*optimizers, **settings)
    by_label = {entrant.label: entrant for entrant in entrants}
    return by_label, [(a.label, b.label) for a, b in contained(entrants)]


@pytest.mark.parametrize(
    ("optimizers", "expected"),
    [
        (("sgd", "momentum"), [("momentum", "sgd")]),
        (("momentum", "sgd"), [("momentum", "sgd")]),
        (("adam", "momentum"), []),
        (("adamw", "adam", "sgd", "nesterov"), [("adamw", "adam"), ("nesterov", "sgd")]),
    ],
)
def test_which_optimizers_contain_others_that_take_part(optimizers, expected):
    assert pair(*optimizers)[1] == expected


def test_a_users_file_that_is_named_like_another_optimizer_is_not_that_one(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("import ravine\n\n@ravine.rule\ndef sgd(g, *, lr=0.1):\n    return 2 * lr * g\n")
    labels, found = pair("momentum", f"{file}:sgd")
    assert set(labels) == {"momentum", "sgd"}
    assert found == []
    assert pair("momentum", "sgd", f"{file}:sgd")[1] == [("momentum", "sgd")]


def test_an_optimizer_of_a_file_contains_one_of_the_same_file(tmp_path):
    file = tmp_path / "two.py"
    file.write_text(
        "import ravine\n\n@ravine.rule\ndef plain(g, *, lr=0.1):\n    return lr * g\n\n"
        '@ravine.rule(search={"extra": ravine.search.linear(0, 1)}, contains={"plain": {"extra": 0.0}})\n'
        "def more(g, *, lr=0.1, extra=0.5):\n    return lr * g * (1 + extra)\n"
    )
    assert pair(f"{file}:plain", f"{file}:more")[1] == [("more", "plain")]


def test_controls_lie_near_the_winner_and_between_the_point_and_the_axis():
    by_label, _ = pair("sgd", "momentum")
    trials = control_trials(by_label["momentum"], by_label["sgd"], {"lr": 0.3}, PROTOCOL)
    assert len(trials) == 4
    for trial in trials:
        assert 0.15 <= trial.settings["lr"] <= 0.6
        assert 0 <= trial.settings["alpha"] <= 0.5  # the axis begins at 0.5
        assert (trial.stage, trial.near, trial.seed) == ("control", "sgd", 0)
        assert trial.run.spec.validation == 10_000
        assert trial.run.spec.test_time == "never"
    assert len({trial.settings["alpha"] for trial in trials}) == 4


def test_controls_have_all_values_of_the_winner():
    by_label, _ = pair("adam", "adamw", schedules=["constant", "cosine"], batch_sizes=[10, 100])
    winner = {"lr": 0.01, "schedule": "cosine", "batch_size": 10, "beta1": 0.77}
    for trial in control_trials(by_label["adamw"], by_label["adam"], winner, PROTOCOL):
        spec = trial.run.spec
        assert (spec.schedule, spec.batch_size, spec.hyperparameters["beta1"]) == ("cosine", 10, 0.77)
        assert 0 <= spec.hyperparameters["weight_decay"] <= 1e-5


def inner(g, v, *, lr=0.1, decay=0.9, gain=2.0):
    v = decay * v + g
    return lr * gain * v, v


def outer(g, v, *, lr=0.1, decay=0.5, gain=2.0, extra=0.5, power=1.0, begin=0):
    v = decay * v + g
    return lr * gain * v * (1 + extra) * power + begin, v


INNER = ravine.rule(search={"gain": linear(1, 4)})(inner)


def wrapped(search):
    """Return two optimizers of which one contains the other."""
    contains = {"inner": {"extra": 0.0, "begin": 0, "power": 1.0}}
    return INNER, ravine.rule(bounds={"lr": "(0, 1]", "gain": "[0, 3]"}, search=search, contains=contains)(outer)


def test_what_is_not_searched_has_the_value_that_makes_it_the_other_one():
    by_label, found = pair(*wrapped({"extra": linear(0.25, 1)}))
    assert found == [("outer", "inner")]
    for trial in control_trials(by_label["outer"], by_label["inner"], {"lr": 0.1, "gain": 1.5}, PROTOCOL):
        given = trial.run.spec.hyperparameters
        assert given["decay"] == 0.9  # the default of the inner one, which the outer one has not
        assert given["gain"] == 1.5  # an axis of the inner one alone
        assert (given["power"], given["begin"]) == (1.0, 0)
        assert 0 <= given["extra"] <= 0.25


@pytest.mark.parametrize(
    ("axis", "ends"),
    [
        (linear(0, 1), (0, 0.5)),  # the value is an end of the axis
        (linear(-1, 1), (0, 0.5)),
        (linear(-3, 1), (-1.5, 0)),
        (linear(-1, 0), (-0.5, 0)),
        (linear(0.2, 1), (0, 0.2)),
        (linear(-1, -0.2), (-0.2, 0)),
        (log(0.01, 1), (0, 0.01)),
        (choice(0.0, 0.5), (0, 0)),
        (choice(0.25, 0.5), (0, 0)),
    ],
    ids=str,
)
def test_the_range_from_the_point_to_the_axis(axis, ends):
    by_label, _ = pair(*wrapped({"extra": axis}))
    found = neighborhood(by_label["outer"], by_label["inner"], {"lr": 0.1, "gain": 2.0})["extra"]
    assert (found.at(0), found.at(1)) == pytest.approx(ends)


def test_controls_stay_within_bounds_and_there_are_none_where_these_do_not_reach():
    by_label, _ = pair(*wrapped({"extra": linear(0, 1)}))
    near_bound = control_trials(by_label["outer"], by_label["inner"], {"lr": 0.9, "gain": 2.0}, PROTOCOL)
    assert all(0.45 <= trial.settings["lr"] <= 1 for trial in near_bound)
    assert len(near_bound) == 4
    assert control_trials(by_label["outer"], by_label["inner"], {"lr": 3.0, "gain": 2.0}, PROTOCOL) == []
    assert control_trials(by_label["outer"], by_label["inner"], {"lr": 0.1, "gain": 3.5}, PROTOCOL) == []


def test_under_tuned_is_a_matter_of_the_margin():
    assert under_tuned({0: 0.953, 1: 0.9}, 0.95, 0.002)
    assert not under_tuned({0: 0.9515, 1: 0.9}, 0.95, 0.002)
    assert not under_tuned({}, 0.95, 0.002)


def test_the_best_control_gets_the_further_seeds():
    protocol = Protocol(trials=4, finals=2)
    _, entrants = planned("sgd", "momentum", protocol=protocol)
    done, results, stages = played(entrants, protocol, lambda t: 0.9 + noise(t, 0.01))
    controls = done.of("momentum", "control")
    first = [t for t in controls if t.seed == 0]
    best = max(first, key=lambda t: results[t.id].validation_accuracy)
    assert sorted((t.number, t.seed) for t in controls if t.seed) == [(best.number, 1), (best.number, 2)]
    assert [t for stage in stages for t in stage if t.stage == "control"] == controls


def test_no_controls_if_none_are_asked_for():
    protocol = Protocol(trials=4, finals=2, controls=0)
    _, entrants = planned("sgd", "momentum", protocol=protocol)
    done, _, _ = played(entrants, protocol, lambda t: 0.9)
    assert done.of("momentum", "control") == []


@pytest.mark.parametrize("label", ["asgd", "perturbed_gd", "sgld", "nesterov", "heavy_ball", "nesterov_buffered"])
def test_controls_of_all_that_contain_sgd(label):
    _, entrants = planned("sgd", label)
    [(entrant, other)] = contained(entrants)
    winner = at_point(other, other.entry.space, 5, PROTOCOL, "search")
    trials = control_trials(entrant, other, winner.settings, PROTOCOL)
    assert len(trials) == 4
    for name in entrant.entry.contains["sgd"]:
        if name not in entrant.entry.space:
            assert {t.run.spec.hyperparameters[name] for t in trials} == {entrant.entry.contains["sgd"][name]}

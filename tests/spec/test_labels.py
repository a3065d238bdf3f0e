"""Labels of runs that stand side by side: what differs, and nothing that is the same everywhere."""

from __future__ import annotations

import pytest

from ravine.spec import differing, from_settings, labels_of, settings_of

CASES = [
    ([{"lr": 0.1}, {"lr": 0.2}], ["lr 0.1", "lr 0.2"]),
    ([{"lr": 0.1, "batch_size": 20}, {"lr": 0.2}], ["lr 0.1, batch_size 20", "lr 0.2, batch_size 10"]),
    ([{"lr": 0.1}], [""]),
    # Whoever has alpha has 0.9.
    ([{"optimizer": name, "lr": 1e-3} for name in ("sgd", "momentum", "nesterov")], ["sgd", "momentum", "nesterov"]),
    ([{"optimizer": name} for name in ("sgd", "momentum")], ["sgd, lr 0.1", "momentum, lr 0.01"]),
    ([{"optimizer": "momentum"}, {"optimizer": "momentum", "alpha": 0.5}], ["alpha 0.9", "alpha 0.5"]),
    # sgd has no weight decay of its own.
    ([{"weight_decay": 0.01}, {"optimizer": "adam", "lr": 0.1}], ["sgd, weight_decay 0.01", "adam"]),
    ([{}, {"clip_norm": 1.0}], ["without clip_norm", "clip_norm 1"]),
    ([{}, {"final_lr": 0.001}], ["without final_lr", "final_lr 0.001"]),
    (
        [{"final_lr": 0.001}, {"schedule": "cosine", "final_lr": 0.001}],
        ["linear schedule", "cosine schedule"],
    ),
    ([{}, {"schedule": "step"}], ["constant schedule", "step schedule"]),
    ([{"bias": True}, {}], ["bias true", "bias false"]),
    ([{"bias": True}, {"lr": 0.2}], ["lr 0.1, bias true", "lr 0.2"]),
    ([{"layers": [784, 10]}, {"layers": [784, 16, 10]}], ["layers 784,10", "layers 784,16,10"]),
]


def named(*runs, **settings):
    return labels_of([settings_of(from_settings(run).spec) for run in runs], **settings)


@pytest.mark.parametrize(("runs", "labels"), CASES)
def test_labels(runs, labels):
    assert named(*runs) == labels


def test_a_setting_that_a_panel_names_already():
    runs = [{"lr": lr, "batch_size": size} for size in (10, 100) for lr in (0.1, 0.2)]
    assert named(*runs, without=["batch_size"]) == ["lr 0.1", "lr 0.2"] * 2


def test_a_schedule_that_a_final_rate_does_not_tell_differs():
    def names(*runs):
        return differing([settings_of(from_settings(run).spec) for run in runs])

    assert names({}, {"final_lr": 0.001}) == ["final_lr"]
    assert names({"final_lr": 0.001}, {"schedule": "cosine", "final_lr": 0.001}) == ["schedule"]


def test_given_arrays_are_named_by_the_first_digits_of_their_checksums():
    from ravine.spec import RunSpec, resolve

    runs = [settings_of(resolve(RunSpec(initial_weights=digit * 64)).spec) for digit in "ab"]
    assert labels_of(runs) == ["initial_weights aaaaaaaa", "initial_weights bbbbbbbb"]


def test_what_follows_from_a_setting_that_a_panel_names():
    runs = [{"optimizer": name, "lr": lr} for name in ("sgd", "momentum") for lr in (0.1, 0.2)]
    assert named(*runs, without=["optimizer"]) == ["lr 0.1", "lr 0.2"] * 2

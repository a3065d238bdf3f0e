"""Runs in words: everything that decides a run is named, and nothing that all runs have."""

from __future__ import annotations

import pytest

from ravine.settings import BY_NAME
from ravine.spec import RunSpec, describe, from_settings, resolve, shared_by

WORDS = [
    ({"optimizer": "sgd", "lr": 0.1}, "sgd lr 0.1, m 10, 10 epochs"),
    ({"lr": 0.1, "final_lr": 1e-5, "epochs": 1}, "sgd lr 0.1 to 1e-05, m 10, 1 epoch"),
    ({"optimizer": "adagrad", "lr": 0.01, "epochs": 20, "batch_size": 100}, "adagrad lr 0.01, eps 1e-08, m 100"),
    ({"lr": 1, "epochs": 20, "softmax": "naive", "dtype": "float64"}, "sgd lr 1, m 10, naive softmax, float64"),
    ({"lr": 1, "epochs": 20, "init": "he-normal"}, "sgd lr 1, m 10, he-normal"),
    ({"label_smoothing": 0.1}, "sgd lr 0.1, m 10, 10 epochs, label smoothing 0.1"),
    (
        {"optimizer": "momentum", "lr": 0.1, "final_lr": 0.001},
        "momentum lr 0.1 to 0.001, alpha 0.9, m 10, 10 epochs",
    ),
    (
        {"schedule": "step", "decay_factor": 0.2, "decay_every": 3, "schedule_by": "step", "largest_batch": 50},
        "sgd lr 0.1, step schedule, decay_factor 0.2, decay_every 3, by step, m 10 to at most 50, 10 epochs",
    ),
    (
        {"schedule": "cosine", "warmup": 2, "layers": [784, 16, 10], "bias": True},
        "sgd lr 0.1 to 0, cosine schedule, warmup 2, m 10, 10 epochs, layers 784,16,10, bias",
    ),
    ({"warmup": 0.5, "schedule_by": "step"}, "sgd lr 0.1, warmup 0.5, by step, m 10, 10 epochs"),
    (
        {"dataset": "fashion-mnist", "engine": "reference", "dtype": "longdouble", "activation": "tanh"},
        "sgd lr 0.1, m 10, 10 epochs, tanh, fashion-mnist, reference engine, longdouble",
    ),
    (
        {"per_layer": {"lr": [1, 1, 1, 0.1]}, "clip_norm": 1},
        "sgd lr 0.1, clip_norm 1, lr times 1,1,1,0.1, m 10, 10 epochs",
    ),
]


@pytest.mark.parametrize(("settings", "words"), WORDS)
def test_runs_in_words(settings, words):
    assert describe(from_settings(settings).spec, usual_epochs=20) == words


OTHERS = {
    "optimizer": "momentum",
    "lr": 0.3,
    "stages": ["mine.py:mine"],
    "hyperparameters": {"weight_decay": 0.01},
    "schedule": "cosine",
    "final_lr": 0.01,
    "schedule_by": "step",
    "warmup": 2,
    "per_layer": {"lr": [1, 1, 1, 0.5]},
    "batch_size": 20,
    "largest_batch": 500,
    "epochs": 3,
    "layers": [784, 10],
    "activation": "tanh",
    "bias": True,
    "softmax": "naive",
    "loss": "huber",
    "label_smoothing": 0.1,
    "init": "he-normal",
    "dataset": "kmnist",
    "validation": 0.1,
    "validation_seed": 1,
    "test": "end",
    "engine": "reference",
    "dtype": "float64",
}


@pytest.mark.parametrize("name", [name for name in BY_NAME if name != "seed"])
def test_no_setting_is_forgotten(name, tmp_path, monkeypatch):
    """Another value of any setting gives another description; a new setting needs a value here."""
    monkeypatch.chdir(tmp_path)
    text = "import ravine\n@ravine.stage\ndef mine(g, *, share=0.5):\n    return share * g\n"
    (tmp_path / "mine.py").write_text(text)
    around = {"schedule": "step"} if name in ("schedule_by", "largest_batch") else {}
    around |= {"validation": 6000} if name == "validation_seed" else {}
    value = OTHERS[name]
    changed = {**around, **(value if name == "hyperparameters" else {name: value})}
    assert describe(from_settings(changed).spec) != describe(from_settings(around).spec)


@pytest.mark.parametrize(("name", "words"), [("initial_weights", "given initial weights"), ("order", "given order")])
def test_arrays_that_were_given(name, words):
    assert describe(resolve(RunSpec(**{name: "0" * 64})).spec).endswith(words)


def test_what_the_runs_of_a_study_share_is_left_out():
    settings = {"layers": [784, 10], "dataset": "kmnist", "bias": True}
    runs = [from_settings({**settings, "init": init}).spec for init in ("glorot-uniform", "he-normal")]
    usual = shared_by(runs)
    assert [describe(run, usual=usual) for run in runs] == [
        "sgd lr 0.1, m 10, 10 epochs",
        "sgd lr 0.1, m 10, 10 epochs, he-normal",
    ]
    plain = from_settings({"init": "he-normal"}).spec
    words = "sgd lr 0.1, m 10, 10 epochs, layers 784,300,100,100,10, no bias, he-normal, mnist"
    assert describe(plain, usual=usual) == words
    assert shared_by([]) == RunSpec()

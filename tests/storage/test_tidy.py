"""Stored runs as tidy rows, read back by pandas and compared with what was stored, number by number."""

from __future__ import annotations

import io
import math

import pandas
import pytest

import ravine
from ravine.settings import SETTINGS
from ravine.spec import from_settings
from ravine.storage import tidy
from ravine.storage.record import EPOCH_FIELDS, DeadNetwork, Epoch, Result, Seconds
from rule_files import write_rules

DEAD = DeadNetwork(epoch=2, layer=1, loss=2.3, logits_equal=True, message="dead")
EPOCHS = [
    Epoch(1, 6000, 0.1, 10, 1 / 3, 0.1 + 0.2, 0.9765, 1e-9),
    Epoch(2, 12000, 0.05, 20, 1e-17, None, 0.098, 12.5),
]


def result(settings, **changes) -> Result:
    run = from_settings(settings)
    plain = {
        "status": "done",
        "cause": None,
        "id": run.id,
        "parameters": 1_276_200,
        "train_loss": 2 / 3,
        "test_loss": None,
        "test_accuracy": 0.9801,
        "seconds": Seconds(compile=0.1, train=1.7, evaluate=0.25, total=1234.5678901234567),
        "history": EPOCHS,
        "spec": run.spec,
    }
    return Result(**{**plain, **changes})


SGD = result({"lr": 0.1, "seed": 3})
MOMENTUM = result(
    {"optimizer": "momentum", "alpha": 0.5, "bias": True, "per_layer": {"lr": [1, 1, 1, 0.1]}}
    | {"layers": [784, 9, 8, 7, 10], "schedule": "step", "decay_every": 3, "weight_decay": 1e-17},
    status="diverged",
    cause=DEAD,
    hint='Take another rate, as "0.1",\nor 1,000 epochs.',
    history=[],
    train_loss=None,
)
NADAM = result({"optimizer": "adam", "final_lr": 0.001, "schedule": "cosine", "largest_batch": 100, "warmup": 0.5})
RESULTS = [SGD, MOMENTUM, NADAM]


def read(results) -> pandas.DataFrame:
    rows = tidy.run_rows(results)
    return pandas.read_csv(io.StringIO(tidy.to_csv(rows, list(rows[0]))))


@pytest.mark.parametrize("frame", [read, lambda results: pandas.DataFrame(tidy.run_rows(results))], ids=["csv", "rows"])
def test_pandas_reads_every_number_as_it_is_stored(frame):
    found = frame(RESULTS)
    assert found["lr"].tolist() == [0.1, MOMENTUM.spec.lr, NADAM.spec.lr]
    assert found["seed"].tolist() == [3, 0, 0]
    assert found["bias"].tolist() == [False, True, False]
    assert found["seconds_total"].tolist() == [1234.5678901234567] * 3
    assert found["parameters"].tolist() == [1_276_200] * 3
    assert found["epochs_done"].tolist() == [2, 0, 2]
    assert found["train_loss"].tolist()[::2] == [2 / 3, 2 / 3]
    assert found["status"].tolist() == ["done", "diverged", "done"]
    assert found["layers"][1] == "784-9-8-7-10"
    assert found["hint"][1] == MOMENTUM.hint
    assert found["weight_decay"][1] == 1e-17
    for name in ("alpha", "weight_decay", "decay_every", "per_layer_lr_4", "final_lr", "largest_batch", "beta1"):
        assert found[name].dtype == float, name  # also a number that some runs have not
    whole, flags = ("batch_size", "epochs", "seed", "parameters", "epochs_done"), ("bias",)
    assert {found[name].dtype.kind for name in whole} == {"i"}
    assert {found[name].dtype.kind for name in flags} == {"b"}
    missing = {name: found[name].isna().tolist() for name in ("alpha", "cause", "hint", "final_lr", "per_layer_lr_1")}
    assert missing == {
        "alpha": [True, False, True],
        "cause": [True, False, True],
        "hint": [True, False, True],
        "final_lr": [True, True, False],
        "per_layer_lr_1": [True, False, True],
    }
    assert found["cause"][1] == "dead_network"
    assert [found[f"per_layer_lr_{layer}"][1] for layer in (1, 2, 3, 4)] == [1, 1, 1, 0.1]


def test_no_two_values_share_a_column(small, tmp_path):
    (tmp_path / "mine.py").write_text(
        "import ravine\n@ravine.rule\n"
        "def odd(g, *, lr=0.1, hint=0.25, set_hint=0.3, set_set_hint=0.4, per_layer_lr_1=0.7):\n    return lr * g\n"
    )
    settings = {"optimizer": f"{tmp_path / 'mine.py'}:odd", "per_layer": {"lr": [0.5, 1, 1, 1]}}
    (row,) = tidy.run_rows([result(settings)])
    assert row["per_layer_lr_1"] == 0.5
    assert row["hint"] is None
    assert (row["set_hint"], row["set_set_hint"], row["set_set_set_hint"]) == (0.25, 0.3, 0.4)
    assert row["set_per_layer_lr_1"] == 0.7


def test_columns_have_the_names_of_the_keywords_of_train():
    (row,) = tidy.run_rows([SGD])
    single = {setting.name for setting in SETTINGS} - {"hyperparameters", "per_layer"}
    assert set(row) == single | {"data", "initial_weights", "order", "extends"} | {
        name for name in tidy.ADDED if name in row
    }
    given = {name: value for name, value in row.items() if name in single and value is not None}
    assert from_settings({**given, "layers": [784, 300, 100, 100, 10]}).id == SGD.id
    assert list(tidy.run_rows(RESULTS)[0]) == list(tidy.run_rows(RESULTS)[1])


def test_epochs_have_all_that_the_history_has():
    text = tidy.to_csv(tidy.epoch_rows(RESULTS), tidy.EPOCH_COLUMNS)
    found = pandas.read_csv(io.StringIO(text))
    assert list(found.columns) == ["id", "seed", *EPOCH_FIELDS]
    assert found["id"].tolist() == [SGD.id] * 2 + [NADAM.id] * 2
    assert found["epoch"].tolist() == [1, 2, 1, 2]
    for name in EPOCH_FIELDS:
        stored = [getattr(epoch, name) for epoch in EPOCHS] * 2
        assert [None if math.isnan(value) else value for value in found[name]] == stored
    assert text.splitlines()[1].startswith(f"{SGD.id},3,1,6000,0.1,10,0.3333333333333333,0.30000000000000004,")


def test_no_epoch_leaves_the_head():
    text = tidy.to_csv(tidy.epoch_rows([MOMENTUM]), tidy.EPOCH_COLUMNS)
    assert text == ",".join(tidy.EPOCH_COLUMNS) + "\n"
    assert tidy.run_rows([]) == []


def test_a_hyper_parameter_never_takes_the_place_of_another_column(tmp_path):
    write_rules(
        tmp_path / "mine.py",
        "@rule\ndef mine(g, *, lr=0.1, status=0.5, row=2.0, hint=1.0):\n    return lr * g * status * row * hint\n",
    )
    found = tidy.run_rows([SGD, result({"optimizer": f"{tmp_path / 'mine.py'}:mine"})])
    assert [row["status"] for row in found] == ["done", "done"]
    assert [(row["set_status"], row["set_row"], row["set_hint"]) for row in found] == [(None,) * 3, (0.5, 2.0, 1.0)]
    assert found[1]["optimizer"] == "mine.py:mine"  # without the folder


def test_stages_of_ones_own_are_named_without_their_folder(tmp_path):
    (tmp_path / "s.py").write_text("import ravine\n@ravine.stage\ndef half(g, *, share=0.5):\n    return share * g\n")
    (row,) = tidy.run_rows([result({"stages": [f"{tmp_path / 's.py'}:half"]})])
    assert (row["stages"], row["share"]) == ("s.py:half", 0.5)


def test_rows_in_python(small, runs, caplog):
    settings = {"dataset": "small", "layers": (64, 12, 10), "epochs": 2, "batch_size": 20, "engine": "reference"}
    first, second = (ravine.train(**settings, lr=lr) for lr in (0.1, 0.2))
    rows = ravine.run_rows()
    assert [row["id"] for row in rows] == [first.id, second.id]
    assert [row["lr"] for row in rows] == [0.1, 0.2]
    assert ravine.run_rows([second, first.id[:9], str(first.folder), first]) == rows[::-1]
    epochs = ravine.epoch_rows()
    assert [(row["id"], row["epoch"]) for row in epochs] == [(r.id, k) for r in (first, second) for k in (1, 2)]
    assert ravine.epoch_rows([second]) == epochs[2:]
    assert [row["test_loss"] for row in epochs[2:]] == [epoch.test_loss for epoch in second.history]
    frame = pandas.DataFrame(rows).merge(pandas.DataFrame(epochs), on="id", suffixes=("", "_of_epoch"))
    assert len(frame) == 4
    assert ravine.run_rows(out=runs / "none") == []
    (first.folder / "result.json").write_text("{")
    assert ravine.run_rows() == rows[1:]
    assert f"{first.id} is damaged" in caplog.text
    with pytest.raises(ravine.DataError, match="damaged"):
        ravine.run_rows([first.id])
    with pytest.raises(ravine.ConfigError, match="there is no run 'none'"):
        ravine.epoch_rows(["none"])
    for wrong in (5, first.id, {first.id: 1}):
        with pytest.raises(ravine.ConfigError, match="it must be a list of runs, ids or folders"):
            ravine.run_rows(wrong)
    with pytest.raises(ravine.ConfigError, match="run is 5; it must be a path"):
        ravine.run_rows([5])

"""Every number that is declared is in the records, and reads and shows as it should."""

from __future__ import annotations

import dataclasses
import math

import msgspec
import pytest

from ravine.spec import RunSpec
from ravine.storage.quantities import CURVES, QUANTITIES, given, shown, taken
from ravine.storage.record import Epoch, Result, Seconds
from ravine.studies import Published

EPOCH = Epoch(1, 600, 0.1, 100, train_loss=0.5, test_loss=None, test_accuracy=0.98765, seconds=2.0)
RESULT = Result(
    status="done", cause=None, id="0" * 16, parameters=1, train_loss=0.25, test_loss=123.456, test_accuracy=0.5,
    validation_loss=1.5, validation_accuracy=0.125,
    seconds=Seconds(compile=1.0, train=2.0, evaluate=3.0, total=6.5), history=[EPOCH], spec=RunSpec(),
)  # fmt: skip


def test_records_have_what_is_declared():
    scores = {f"{part}_{name}" for part in ("validation", "test") for name in ("accuracy", "r2", "mean_absolute_error")}
    numbers = {"train_loss", "validation_loss", "test_loss", "seconds", *scores}
    assert set(QUANTITIES) == numbers == numbers & set(Result.__struct_fields__)
    assert {quantity.name for quantity in CURVES} <= {field.name for field in dataclasses.fields(Epoch)}
    assert {field.name for field in msgspec.structs.fields(Published)} <= set(QUANTITIES)


def test_numbers_of_a_run_and_of_an_epoch():
    known = given(QUANTITIES.values(), [RunSpec(validation=6000, test="epoch")])
    assert [quantity.of(RESULT) for quantity in known] == [0.25, 1.5, 0.125, 123.456, 0.5, 6.5]
    assert [quantity.of(EPOCH) for quantity in known[:-1]] == [0.5, None, None, None, 0.98765]
    assert shown(RESULT, known) == ["0.2500", "1.500", "12.50 %", "123.5", "50.00 %", "6.5"]


def test_a_number_that_went_beyond_all_bounds_is_short():
    shown = [
        QUANTITIES[name].show(value) for name, value in (("test_r2", -2.1e66), ("seconds", 3e9), ("test_r2", -12.5))
    ]
    assert shown == ["-2.1e+66", "3e+09", "-12.5000"]


def test_numbers_have_other_scores_than_classes():
    spec = RunSpec(dataset="given", data="0" * 64, targets="numbers", loss="huber", validation=10)
    names = [quantity.name for quantity in given(QUANTITIES.values(), [spec])]
    assert names == ["train_loss", "validation_loss", "validation_r2", "validation_mean_absolute_error", "seconds"]
    scored = dataclasses.replace(EPOCH, test_accuracy=None, test_loss=0.5, test_r2=0.75, test_mean_absolute_error=0.1)
    assert [quantity.name for quantity in taken(CURVES, [scored])] == ["train_loss", "test_loss", "test_r2"]
    assert shown(EPOCH, taken(CURVES, [EPOCH])) == ["0.5000", "-", "98.77 %"]


LOOKS = [
    ({}, "train test", "train test"),
    ({"test": "end"}, "train", "train test"),
    ({"test": "never"}, "train", "train"),
    ({"validation": 6000}, "train validation", "train validation"),
    ({"validation": 6000, "test": "end"}, "train validation", "train validation test"),
    ({"validation": 6000, "test": "epoch"}, "train validation test", "train validation test"),
]


@pytest.mark.parametrize(("settings", "after_an_epoch", "at_the_end"), LOOKS)
def test_the_numbers_that_a_run_gives(settings, after_an_epoch, at_the_end):
    def parts(quantities) -> str:
        return " ".join(dict.fromkeys(quantity.name.partition("_")[0] for quantity in quantities))

    specs = [RunSpec(**settings)]
    assert parts(given(CURVES, specs, each_epoch=True)) == after_an_epoch
    assert parts(given(CURVES, specs)) == at_the_end
    assert given(CURVES, [RunSpec(test="never"), *specs]) == given(CURVES, specs)
    looked = {part: 0.5 if part in after_an_epoch.split() else None for part in ("validation", "test")}
    record = dataclasses.replace(EPOCH, validation_accuracy=looked["validation"], test_accuracy=looked["test"])
    assert parts(taken(CURVES, [record])) == after_an_epoch


@pytest.mark.parametrize("quantity", QUANTITIES.values(), ids=lambda quantity: quantity.name)
def test_the_better_number_is_that_of_a_good_run(quantity):
    # A network that knows every image, beside one that guesses one class of ten.
    kind = quantity.name.partition("_")[2] or quantity.name
    good = {"loss": 0.0, "accuracy": 1.0, "r2": 1.0, "mean_absolute_error": 0.0, "seconds": 1.0}
    bad = {"loss": math.log(10), "accuracy": 0.1, "r2": 0.0, "mean_absolute_error": 0.5, "seconds": 2.0}
    assert (good[kind] > bad[kind]) == (quantity.better == "higher")
    assert quantity.is_share == (kind == "accuracy")

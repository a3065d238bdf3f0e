"""Runs with a validation split: they train on the rest, and look at the test set when it is said, and not before."""

from __future__ import annotations

import signal

import msgspec
import numpy as np
import pytest

import ravine
from ravine.data import Dataset, Split, catalog
from ravine.data.validation import held_out
from ravine.errors import ConfigError
from ravine.spec import RunSpec, resolve
from ravine.storage.record import DeadNetwork, Epoch, NonFinite, Result
from ravine.storage.store import RunStore
from ravine.training import Given, loop, train
from training_cases import assert_same_run, interrupt_at, named_run, permutations, train_small, without_times

HELD = 46


class Untouchable:
    """A split that nobody may look at."""

    def __getattr__(self, name):
        raise AssertionError(f"the test set was touched: {name}")


def with_test(data: Dataset, test) -> Dataset:
    return Dataset(data.info, data.train, test)


def cut_by_hand(data: Dataset, seed: int, monkeypatch) -> Dataset:
    """Return a data set whose training set is the rest, and whose test set is the validation split."""
    held = held_out(data.train.targets, HELD, seed)
    train_, test = (Split(data.train.features[chosen].copy(), data.train.targets[chosen]) for chosen in (~held, held))
    monkeypatch.setitem(catalog.DATASETS, "small", replaced(data.info, train_count=len(train_.targets)))
    return Dataset(catalog.DATASETS["small"], train_, test)


def replaced(info, **changes):
    return type(info)(**{**vars(info), **changes})


def numbers(result: Result) -> list[tuple]:
    """Return what does not depend on which split it was measured on: each epoch's loss, rate and steps."""
    return [(r.epoch, r.steps, r.lr, r.batch_size, r.train_loss) for r in result.history]


@pytest.mark.parametrize("engine", ["reference", "fused"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "schedule_free_sgd"])
@pytest.mark.parametrize("test", ["epoch", "end", "never"])
def test_it_is_a_run_on_data_cut_by_hand_bit_for_bit(small, runs, monkeypatch, engine, optimizer, test):
    settings = {"optimizer": optimizer, "engine": engine, "lr": 0.05}
    found = train_small(small, runs, validation=HELD, validation_seed=3, test=test, **settings)
    accuracy = (found.weights(), found.result)
    cut = cut_by_hand(small, 3, monkeypatch)
    wanted = train_small(cut, runs / "by_hand", **settings)
    assert accuracy[0].tobytes() == wanted.weights().tobytes()
    assert numbers(found.result) == numbers(wanted.result)
    for mine, theirs in zip(
        [*found.result.history, found.result], [*wanted.result.history, wanted.result], strict=True
    ):
        assert (mine.validation_loss, mine.validation_accuracy) == (theirs.test_loss, theirs.test_accuracy)
        assert theirs.validation_loss is theirs.validation_accuracy is None
    # The whole test set, evaluated by a run on the same training part.
    on_test = train_small(Dataset(cut.info, cut.train, small.test), runs / "on_test", **settings).result
    for mine, theirs in zip([*found.result.history, found.result], [*on_test.history, on_test], strict=True):
        due = test == "epoch" or (test == "end" and isinstance(mine, Result))
        assert (mine.test_loss, mine.test_accuracy) == (
            (theirs.test_loss, theirs.test_accuracy) if due else (None, None)
        )
    assert found.result.tested == (test != "never")
    assert found.result.hint == wanted.result.hint


@pytest.mark.parametrize("engine", ["reference", "fused"])
def test_the_accuracy_is_that_of_predictions_counted_by_hand(small, engine):
    run = ravine.train(
        dataset="small", layers=(64, 12, 10), batch_size=20, epochs=3, lr=0.3, engine=engine, validation=0.2, test="end"
    )
    held = held_out(small.train.targets, HELD, 0)
    hits = run.predict(small.train.features[held]) == small.train.targets[held]
    assert run.validation_accuracy == hits.mean() == run.history[-1].validation_accuracy
    chosen = run.probabilities(small.train.features[held])[np.arange(HELD), small.train.targets[held]]
    assert run.validation_loss == pytest.approx(-np.log(chosen).mean(), rel=1e-5)
    assert run.test_accuracy == (run.predict(small.test.features) == small.test.targets).mean()
    assert run.tested
    assert "validation_accuracy=" in repr(run)


@pytest.mark.parametrize("engine", ["reference", "fused"])
@pytest.mark.parametrize("validation", [0, HELD])
def test_never_means_never(small, runs, engine, validation):
    settings = {"engine": engine, "validation": validation, "test": "never"}
    wanted = train_small(small, runs / "a", **settings)
    assert_same_run(train_small(with_test(small, Untouchable()), runs / "b", **settings), wanted)
    garbage = Split(np.full((70, 64), 255, np.uint8), np.zeros(70, np.uint8))
    assert_same_run(train_small(with_test(small, garbage), runs / "c", **settings), wanted)
    assert not wanted.result.tested
    assert wanted.result.test_accuracy is wanted.result.test_loss is None


CLIMBER = {"lr": 30.0, "epochs": 4}
HOPELESS = {"lr": 1e-9}


@pytest.mark.parametrize("settings", [CLIMBER, HOPELESS, {"lr": 1e30}, {"lr": 0.0}, {"lr": 1000.0, "dtype": "float64"}])
@pytest.mark.parametrize("validation", [0, HELD])
@pytest.mark.parametrize("engine", ["reference", "fused"])
def test_no_failure_and_no_hint_looks_at_the_test_set(small, runs, settings, validation, engine):
    given = {"engine": engine, "validation": validation, **settings}
    found = train_small(with_test(small, Untouchable()), runs, test="never", **given).result
    seen = train_small(small, runs, test="epoch", **given).result
    assert found.status == seen.status
    assert (found.cause is None) == (seen.cause is None)
    assert found.hint is not None
    assert "test accuracy" not in found.hint
    if validation:
        assert found.hint == seen.hint
        assert found.cause == seen.cause
        assert found.validation_accuracy == seen.validation_accuracy


@pytest.mark.parametrize("settings", [{}, CLIMBER, HOPELESS, {"lr": 1e30}])
@pytest.mark.parametrize("validation", [0, HELD])
def test_at_the_end_it_is_looked_at_once_and_changes_nothing_else(small, runs, settings, validation, monkeypatch):
    from ravine.engines.stepping import SteppingEngine

    looks = []
    plain = SteppingEngine.evaluate
    monkeypatch.setattr(
        SteppingEngine, "evaluate", lambda self, split, *rest: looks.append(split) or plain(self, split, *rest)
    )
    found = train_small(small, runs, validation=validation, test="end", **settings).result
    assert sum(split is small.test for split in looks) == 1
    assert looks[-1] is small.test
    never = train_small(small, runs, validation=validation, test="never", **settings).result
    alike = [without_times(result) for result in (found, never)]
    for one in alike:
        for name in ("id", "spec", "tested", "test_loss", "test_accuracy"):
            del one[name]
    assert alike[0] == alike[1]
    assert all(epoch.test_accuracy is None for epoch in found.history)
    assert found.test_accuracy is not None
    assert (found.tested, never.tested) == (True, False)


@pytest.mark.parametrize("engine", ["reference", "fused"])
@pytest.mark.parametrize(("validation", "test"), [(HELD, "never"), (HELD, "end"), (0, "never"), (0, "end")])
def test_a_dead_network_is_found_without_the_test_set(small, runs, engine, validation, test):
    run = named_run(engine=engine, layers=(64, 12, 8, 10))
    weights = np.abs(np.random.default_rng(1).normal(size=run.network.layout.size))
    run.network.layout.views(weights)[1][:] *= -1
    settings = {"engine": engine, "layers": (64, 12, 8, 10), "validation": validation, "test": test}
    data = small if test == "end" else with_test(small, Untouchable())
    result = train_small(data, runs, Given(weights), **settings).result
    assert isinstance(result.cause, DeadNetwork)
    assert (result.cause.layer, result.cause.epoch, len(result.history)) == (2, 1, 1)
    assert result.cause.loss == pytest.approx(np.log(10), rel=1e-6)


def test_overflow_is_found_where_it_begins(small, runs):
    result = train_small(with_test(small, Untouchable()), runs, lr=1e30, validation=HELD).result
    assert isinstance(result.cause, NonFinite)


def test_the_training_images_that_judge_a_run_have_every_class_in_its_share(small):
    many = np.repeat(np.argsort(small.train.targets, kind="stable"), 20)  # 4,600 samples, one class after the other
    data = Dataset(small.info, Split(small.train.features[many], small.train.targets[many]), Untouchable())
    for test in ("end", "never"):
        judged, by = loop._judged(data, test)
        shares = np.bincount(judged.targets, minlength=10) / 1000 - np.bincount(small.train.targets, minlength=10) / 230
        assert (len(judged.targets), by) == (1000, "training")
        assert np.abs(shares).max() < 1 / 1000
    assert loop._judged(small, "never") == (small.train, "training")
    assert loop._judged(small, "epoch") == (small.test, "test")
    assert loop._judged(small.held_out(HELD), "epoch") == (small.held_out(HELD).validation, "validation")


def test_hints_name_the_set_that_they_judge_by(small, runs):
    words = {(0, None): "test", (HELD, None): "validation", (0, "end"): "training", (HELD, "epoch"): "validation"}
    for (validation, test), word in words.items():
        hint = train_small(small, runs, validation=validation, test=test, lr=1e-9).result.hint
        assert hint.startswith(f"It did not learn: {word} accuracy ")


def test_going_back_is_judged_by_the_validation_set():
    from ravine.training.learned import went_back

    def epoch(number, validation, test):
        return Epoch(number, 1, 0.1, 1, 0.1, None, test, 1.0, None, validation)

    assert went_back([epoch(1, 0.9, 0.1), epoch(2, 0.5, 0.9)]).epoch == 1
    assert went_back([epoch(1, 0.5, 0.9), epoch(2, 0.9, 0.1)]) is None
    assert went_back([epoch(1, None, 0.9), epoch(2, None, 0.1)]).epoch == 1
    assert went_back([epoch(1, None, None), epoch(2, None, None)]) is None


@pytest.mark.parametrize("engine", ["reference", "fused"])
@pytest.mark.parametrize("test", ["epoch", "end", "never"])
def test_interrupted_and_resumed_it_has_the_same_bits(small, runs, tmp_path, engine, test):
    run = named_run(engine=engine, optimizer="adam", validation=HELD, test=test)
    wanted = train(run, small, RunStore(runs / "whole")).stored
    for progress in (1, 3):
        store = RunStore(tmp_path / f"{engine}-{progress}")
        part = interrupt_at(run, small, store, progress).result
        assert part.tested == (test == "epoch" and progress > 1)
        assert (part.validation_accuracy is None) == (progress == 1) == (not part.history)
        assert_same_run(train(run, small, store).stored, wanted)
    assert signal.getsignal(signal.SIGINT) == signal.default_int_handler


@pytest.mark.parametrize("test", [None, "end", "epoch"])
def test_an_extended_run_keeps_its_split(small, test):
    settings = {"dataset": "small", "layers": (64, 12, 10), "batch_size": 20, "engine": "reference", "validation": 0.2}
    settings |= {"validation_seed": 5, "test": test, "optimizer": "momentum"}
    short, long = (ravine.train(epochs=epochs, **settings) for epochs in (2, 4))
    longer = ravine.extend(short, epochs=4, fresh=True)
    assert longer.id == long.id
    assert_same_run(longer.stored, long.stored)
    other = ravine.extend(short, epochs=3, lr=0.001)
    assert (other.spec.validation, other.spec.validation_seed, other.spec.test) == (HELD, 5, test)
    assert other.spec.extends == short.id


def test_an_extended_run_by_step_counts_the_samples_that_are_left(small):
    settings = {"dataset": "small", "layers": (64, 12, 10), "batch_size": 20, "engine": "reference", "validation": HELD}
    settings |= {"schedule": "step", "decay_every": 10, "schedule_by": "step"}
    short, long = (ravine.train(epochs=epochs, **settings) for epochs in (2, 4))
    assert_same_run(ravine.extend(short, epochs=4, fresh=True).stored, long.stored)


def test_a_given_order_counts_the_samples_that_are_left(small, runs, monkeypatch):
    left = 230 - HELD
    order = permutations(left, 3)
    found = train_small(small, runs, Given(order=order), validation=HELD)
    cut = cut_by_hand(small, 0, monkeypatch)
    wanted = train_small(cut, runs / "by_hand", Given(order=order))
    assert found.weights().tobytes() == wanted.weights().tobytes()
    monkeypatch.setitem(catalog.DATASETS, "small", small.info)
    with pytest.raises(ConfigError, match=f"from 0 to {left - 1}, which count the {left} that are not held out"):
        train_small(small, runs, Given(order=np.array([left])), validation=HELD)
    with pytest.raises(ConfigError, match=f"batch size is {left + 1}; it must be at most {left}"):
        train_small(small, runs, batch_size=left + 1, validation=HELD)


def test_the_initial_weights_are_those_without_validation(small, runs):
    plain, split = (train_small(small, runs, lr=0.0, validation=validation).weights() for validation in (0, HELD))
    assert plain.tobytes() == split.tobytes()


def test_a_record_of_an_earlier_version_can_be_read(small, runs):
    stored = train_small(small, runs)
    file = stored.folder / "result.json"
    record = msgspec.json.decode(file.read_bytes())
    for part in (record["result"], *record["result"]["history"]):
        for name in ("validation_loss", "validation_accuracy", "tested"):
            part.pop(name, None)
    for name in ("validation", "validation_seed", "test"):
        del record["result"]["spec"][name]
    file.write_bytes(msgspec.json.encode(record))
    found = RunStore(runs).load(stored.result.id)
    assert found.result == stored.result
    assert found.result.tested


def test_a_run_that_is_stored_is_found_by_its_share_or_its_number(small):
    settings = {"dataset": "small", "layers": (64, 12, 10), "batch_size": 20, "epochs": 1, "engine": "reference"}
    assert ravine.train(**settings, validation=0.2).id == ravine.train(**settings, validation=HELD).id
    assert resolve(RunSpec(dataset="small", layers=(64, 12, 10), validation=0.2)).spec.validation == HELD

"""A finished run is extended: bit for bit as one long run where the schedule allows it, else as a run of its own."""

from __future__ import annotations

import signal

import numpy as np
import pytest

import ravine
from ravine.api import run_spec
from ravine.errors import ConfigError, DataError
from ravine.formulas.shelves import OPTIMIZERS
from ravine.storage.store import RunStore
from training_cases import Recorder, assert_same_run

SMALL = {"dataset": "small", "layers": (64, 12, 10), "batch_size": 20, "lr": 0.05}


def trained(epochs, **settings):
    return ravine.train(**{**SMALL, "epochs": epochs, **settings})


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
@pytest.mark.parametrize("engine", ["reference", pytest.param("fused", marks=pytest.mark.slow)])
def test_every_optimizer_goes_on_bit_for_bit(small, optimizer, engine):
    settings = {"optimizer": optimizer, "engine": engine}
    long = ravine.extend(trained(1, **settings), epochs=3)
    assert_same_run(long.stored, trained(3, **settings, fresh=True).stored)


@pytest.mark.parametrize(
    "settings",
    [
        {"engine": "reference", "optimizer": "adam", "dtype": "longdouble"},
        {"optimizer": "momentum", "dtype": "float64", "bias": True},
        {"optimizer": "adam", "weight_average": 0.9},
        {"optimizer": "sgd", "lookahead": 5, "lookahead_alpha": 0.5},
        {"optimizer": "momentum", "gradient_average": 0.9, "weight_decay": 0.01},
        {"optimizer": "sgd", "schedule": "step", "decay_every": 1},
        {"optimizer": "momentum", "schedule": "exponential", "schedule_by": "step"},
        {"optimizer": "sgd", "schedule": "step", "decay_every": 1, "largest_batch": 100},
        {"optimizer": "momentum", "per_layer": {"lr": (1, 0.5)}, "warmup": 1.5, "schedule_by": "step"},
    ],
)
def test_whatever_the_settings_equal_rates_give_the_long_run(small, settings):
    long = ravine.extend(trained(2, **settings), epochs=4)
    assert long.spec.extends is None
    assert_same_run(long.stored, trained(4, **settings, fresh=True).stored)


def test_a_rate_that_falls_to_its_end_makes_a_run_of_its_own(small):
    short = trained(2, final_lr=0.001)
    longer = ravine.extend(short, epochs=4)
    long = trained(4, final_lr=0.001)
    assert longer.spec.extends == short.id
    assert longer.id != long.id
    assert [record.lr for record in longer.history[:2]] == [record.lr for record in short.history]
    assert [record.lr for record in longer.history[2:]] == [record.lr for record in long.history[2:]]
    assert [record.steps for record in longer.history] == [record.steps for record in long.history]


@pytest.mark.parametrize("optimizer", ["rmsprop_momentum", "heavy_ball", "momentum"])
@pytest.mark.parametrize(("first", "then"), [("epoch", "step"), ("step", "epoch")])
def test_a_rate_by_step_is_another_run_than_the_same_rate_by_epoch(small, optimizer, first, then):
    # A rate by step leaves lazy updates out, which has other bits.
    settings = {"optimizer": optimizer, "batch_size": 5, "lr": 0.001, "schedule": "step", "decay_every": 1}
    settings |= {"engine": "reference"}
    short = trained(1, **settings, schedule_by=first)
    longer = ravine.extend(short, epochs=2, schedule_by=then)
    assert longer.spec.extends == short.id
    assert longer.id != trained(2, **settings, schedule_by=then).id


def test_the_rest_is_trained_as_the_reference_trains_from_these_weights(small):
    # Plain SGD has no state, so the rest is a run from the weights at the end, in the order of the later epochs.
    short = trained(2, final_lr=0.001, dtype="float64")
    longer = ravine.extend(short, epochs=4, lr=0.02, schedule="constant")
    order = np.stack([ravine.epoch_order(0, epoch, 230) for epoch in (2, 3)])
    rest = trained(2, lr=0.02, dtype="float64", engine="reference", initial_weights=short.weights, order=order)
    np.testing.assert_allclose(longer.weights, rest.weights, rtol=0, atol=1e-12)
    assert [record.lr for record in longer.history] == [0.05, pytest.approx(0.0255), 0.02, 0.02]


def test_in_steps_or_at_once(small):
    once = ravine.extend(trained(1), epochs=4)
    assert ravine.extend(ravine.extend(trained(1), epochs=2), epochs=4).id == once.id
    slow = ravine.extend(trained(1), epochs=4, lr=0.01)
    between = ravine.extend(trained(1), epochs=3, lr=0.01)
    assert between.spec.extends == slow.spec.extends == trained(1).id
    assert_same_run(ravine.extend(between, epochs=4, fresh=True).stored, slow.stored)


def test_a_rule_of_one_s_own_in_memory(small):
    @ravine.rule
    def heavy(g, v, *, lr=0.01, alpha=0.5):
        v = alpha * v + g
        return lr * v, v

    run = trained(1, optimizer=heavy)
    assert_same_run(ravine.extend(run, epochs=2).stored, trained(2, optimizer=heavy, fresh=True).stored)
    with pytest.raises(ConfigError, match="has no optimizer of its own"):
        ravine.extend(run.id, epochs=2)


def test_a_rule_that_changed_since(small, tmp_path):
    path = tmp_path / "mine.py"
    text = "import ravine\n@ravine.rule\ndef mine(g, *, lr=0.1):\n    return {} * lr * g\n"
    path.write_text(text.format("1.0"))
    run = trained(1, optimizer=f"{path}:mine")
    path.write_text(text.format("0.5"))
    with pytest.raises(ConfigError, match=f"run {run.id} cannot be extended: mine, .* has changed since"):
        ravine.extend(run.id, epochs=2)


def test_interrupted_and_gone_on_with(small, tmp_path):
    short = trained(1, optimizer="adam", final_lr=0.001)
    undisturbed = ravine.extend(short, epochs=4)
    assert len(undisturbed.history) == 4

    class Stop(Recorder):
        def epoch(self, record):
            super().epoch(record)
            signal.raise_signal(signal.SIGINT)

    undisturbed.folder.rename(tmp_path / undisturbed.id)
    for epoch in (2, 3):
        stop = Stop()
        with pytest.raises(KeyboardInterrupt, match="the same call goes on"):
            ravine.extend(short, epochs=4, watcher=stop)
        assert [record.epoch for record in stop.epochs] == [epoch]
    last = Recorder()
    again = ravine.extend(short, epochs=4, watcher=last)
    assert [record.epoch for record in last.epochs] == [4]
    assert_same_run(again.stored, ravine.load_run(tmp_path / undisturbed.id).stored)


def test_the_times_add_up(small):
    short = trained(1)
    long = ravine.extend(short, epochs=2)
    assert long.seconds.total > short.seconds.total
    assert long.history[0] == short.history[0]


def test_initial_weights_that_were_given_are_part_of_the_long_run(small):
    weights = np.random.default_rng(3).normal(0, 0.1, 888)
    long = ravine.extend(trained(1, initial_weights=weights), epochs=2)
    assert_same_run(long.stored, trained(2, initial_weights=weights, fresh=True).stored)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"epochs": 2}, "epochs is 2; the run has 2 epochs already, so give more"),
        ({"epochs": 0}, "epochs is 0; the run has 2 epochs already"),
        ({"epochs": 3.5}, "epochs is 3.5; it must be a whole number"),
        ({"epochs": 10**30}, "at most 2,147,483,647"),
        ({"epochs": 3, "alpha": 0.5}, "unknown setting of an extended run 'alpha'"),
        ({"epochs": 3, "batch_size": 5}, "unknown setting of an extended run 'batch_size'"),
        ({"epochs": 3, "lr": -1}, "lr of sgd is -1"),
        ({"epochs": 3, "schedule": "cosin"}, "unknown schedule 'cosin'; did you mean 'cosine'"),
        ({"epochs": 3, "schedule": "step", "final_lr": 0.1}, "final_lr is given, and the step schedule takes"),
    ],
)
def test_what_cannot_be_is_said(small, runs, changes, words):
    run = trained(2)
    with pytest.raises(ConfigError, match=words):
        ravine.extend(run, **changes)
    assert RunStore(runs).ids() == [run.id]


def test_a_run_without_an_end_to_go_on_from(small):
    diverged = trained(2, lr=1e30)
    with pytest.raises(ConfigError, match=f"run {diverged.id} diverged, so there is nothing to train on from"):
        ravine.extend(diverged, epochs=3)
    ordered = trained(2, order=np.arange(230))
    with pytest.raises(ConfigError, match="in an order that was given and is not stored"):
        ravine.extend(ordered, epochs=3)


def test_the_settings_of_an_extended_run_cannot_be_trained_from_the_beginning(small, runs):
    short = trained(2, final_lr=0.001)
    longer = ravine.extend(short, epochs=3)
    with pytest.raises(ConfigError, match=f"that extends run {short.id}: use ravine.extend"):
        run_spec(longer.spec, fresh=True)
    assert run_spec(longer.spec).weights.tobytes() == longer.weights.tobytes()


def test_a_run_of_an_earlier_version_has_no_state(small):
    import msgspec

    run = trained(1)
    path = run.folder / "result.json"
    record = msgspec.json.decode(path.read_bytes())
    del record["state_sha256"]
    path.write_bytes(msgspec.json.encode(record))
    with pytest.raises(ConfigError, match="stored without the state of its optimizer; train it anew with --fresh"):
        ravine.extend(run.id, epochs=2)
    assert ravine.extend(trained(1, fresh=True).id, epochs=2).status == "done"


def test_a_damaged_state_is_noticed(small):
    run = trained(1, optimizer="momentum")
    path = run.folder / "state.safetensors"
    whole = path.read_bytes()
    for content in (whole[:-1], whole[:-9] + b"\1" + whole[-8:], b""):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"state.safetensors does not match its checksum"):
            ravine.extend(run.id, epochs=2)
    path.unlink()
    with pytest.raises(DataError, match=r"state.safetensors is missing"):
        ravine.extend(run.id, epochs=2)


def test_weights_are_on_the_disk_once(small):
    plain, averaged = trained(1), trained(1, weight_average=0.9)
    assert set(plain.stored.state()) == {"weights", "last", "steps"}
    assert plain.stored.state()["weights"].tobytes() == plain.weights.tobytes()
    assert (plain.folder / "state.safetensors").stat().st_size < plain.weights.nbytes
    assert averaged.stored.state()["weights"].tobytes() != averaged.weights.tobytes()

"""Interrupt, resume, and compare with the run that nobody disturbed."""

from __future__ import annotations

import signal

import numpy as np
import pytest

from ravine.engines.stepping import SteppingEngine
from ravine.errors import DataError, StorageError
from ravine.storage.checkpoint import load_checkpoint, save_checkpoint
from ravine.storage.store import RunStore
from ravine.training import Given, loop, train
from training_cases import Recorder, assert_same_run, interrupt_at, permutations, small_run, train_small

PROGRESSES = 36  # three epochs of twelve batches


@pytest.fixture
def small(arrays):
    return arrays


@pytest.fixture(autouse=True)
def one_step_a_call(monkeypatch):
    monkeypatch.setattr(loop, "_CHUNK_SECONDS", 0.0)


@pytest.mark.parametrize(
    ("engine", "optimizer"),
    # Momentum has slots and, in the fused engine, rows that idle and are behind in the middle of an epoch.
    [("reference", "adam"), ("reference", "momentum"), ("fused", "sgd"), ("fused", "momentum")],
)
def test_interrupted_anywhere_and_resumed_gives_the_same_bits(small, tmp_path, engine, optimizer):
    settings = {"engine": engine, "optimizer": optimizer}
    undisturbed = train_small(small, tmp_path / "undisturbed", **settings)
    run = small_run(**settings)
    for progress in range(1, PROGRESSES, 5):
        store = RunStore(tmp_path / f"at {progress}")
        interrupt_at(run, small, store, progress)
        outcome = train(run, small, store)
        assert outcome.stored is not None
        assert_same_run(outcome.stored, undisturbed)


def test_interrupted_at_every_step(small, tmp_path):
    run, store = small_run(), RunStore(tmp_path / "disturbed")
    for progress in range(1, PROGRESSES):
        outcome = interrupt_at(run, small, store, 1)
        assert len(outcome.result.history) == (progress - 1) // 12
    outcome = train(run, small, store)
    assert_same_run(outcome.stored, train_small(small, tmp_path / "undisturbed"))


def test_while_rates_change_by_step_and_batches_grow(small, tmp_path):
    settings = {
        "optimizer": "momentum",
        "engine": "fused",
        "dtype": "float64",
        "schedule": "exponential",
        "schedule_settings": {"decay_factor": 0.5},
        "schedule_by": "step",
        "largest_batch": 50,
        "per_layer": {"lr": (1.0, 0.5)},
    }
    undisturbed = train_small(small, tmp_path / "undisturbed", **settings)
    for progress in (7, 15, 22):  # 12 steps, then 6, then 5
        store = RunStore(tmp_path / f"at {progress}")
        interrupt_at(small_run(**settings), small, store, progress)
        outcome = train(small_run(**settings), small, store)
        assert outcome.stored is not None
        assert_same_run(outcome.stored, undisturbed)


def test_with_given_arrays(small, tmp_path):
    given = Given(np.random.default_rng(1).normal(0, 0.2, 888), permutations(230, 3))
    run = loop.with_given(small_run(), given)
    store = RunStore(tmp_path / "disturbed")
    train(run, small, store, given=given, watcher=Recorder(20))
    outcome = train(run, small, store, given=given)
    undisturbed = train(run, small, RunStore(tmp_path / "undisturbed"), given=given)
    assert_same_run(outcome.stored, undisturbed.stored)


def test_the_times_of_all_sittings_add_up(small, runs, monkeypatch):
    clock, take = [0.0], SteppingEngine.train

    def one_second(self, *arguments):
        clock[0] += 1
        return take(self, *arguments)

    monkeypatch.setattr(SteppingEngine, "train", one_second)
    monkeypatch.setattr(loop.time, "perf_counter", lambda: clock[0])
    first = interrupt_at(small_run(), small, RunStore(runs), 20).result
    assert (first.seconds.train, first.seconds.total) == (20, 20)
    clock[0] += 1000  # nobody trains
    both = train(small_run(), small, RunStore(runs)).result
    assert (both.seconds.train, both.seconds.total) == (36, 36)
    assert [record.seconds for record in both.history] == [12, 12, 12]


def test_interrupted_in_the_step_that_diverges(small, runs, monkeypatch):
    settings = {"layers": (64, 12, 8, 10), "lr": 100.0, "activation": "leaky-relu"}
    undisturbed = train_small(small, runs / "undisturbed", **settings)
    take = SteppingEngine.train

    def interrupted(self, *arguments):
        taken = take(self, *arguments)
        if taken.steps == 0:
            signal.raise_signal(signal.SIGINT)
        return taken

    with monkeypatch.context() as patch:
        patch.setattr(SteppingEngine, "train", interrupted)
        assert train(small_run(**settings), small, RunStore(runs)).result.status == "interrupted"
    outcome = train(small_run(**settings), small, RunStore(runs))
    assert outcome.result.status == "diverged"
    assert_same_run(outcome.stored, undisturbed)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_an_interrupted_run_says(small, runs, number):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    outcome = train(small_run(), small, RunStore(runs), watcher=Recorder(20, number))
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    assert (outcome.signal, outcome.stored, outcome.result.status) == (number, None, "interrupted")
    assert outcome.result.cause is None
    assert len(outcome.result.history) == 1
    assert outcome.result.test_accuracy == outcome.result.history[0].test_accuracy
    ((unfinished,), _) = RunStore(runs).unfinished()
    assert (unfinished.id, unfinished.spec, len(unfinished.history)) == (small_run().id, small_run().spec, 1)
    assert RunStore(runs).ids() == []


def test_a_second_signal_interrupts_at_once_and_loses_nothing_that_was_saved(small, runs, tmp_path):
    class Impatient(Recorder):
        def progress(self, epoch, share, loss):
            if epoch == 2:
                signal.raise_signal(signal.SIGINT)
                signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(small_run(), small, RunStore(runs), watcher=Impatient())
    outcome = train(small_run(), small, RunStore(runs))
    assert_same_run(outcome.stored, train_small(small, tmp_path / "undisturbed"))


def test_a_fresh_run_starts_at_the_beginning(small, runs, tmp_path):
    interrupt_at(small_run(), small, RunStore(runs), 20)
    watcher = Recorder()
    stored = train(small_run(), small, RunStore(runs), fresh=True, watcher=watcher).stored
    assert watcher.notes == []
    assert len(watcher.epochs) == 3
    assert_same_run(stored, train_small(small, tmp_path / "undisturbed"))


def test_a_fresh_run_that_is_stopped_leaves_the_stored_one_and_nothing_else(small, runs):
    stored = train_small(small, runs)
    outcome = train(small_run(), small, RunStore(runs), fresh=True, watcher=Recorder(20))
    assert outcome.next == "the run that was stored before stays as it is"
    assert [path.name for path in runs.iterdir()] == [stored.result.id]
    assert_same_run(RunStore(runs).load(stored.result.id), stored)


def test_what_can_be_done_after_an_interruption(small, runs):
    assert interrupt_at(small_run(), small, RunStore(runs), 20).next == "the same command goes on from here"
    again = train(small_run(), small, RunStore(runs), fresh=True, watcher=Recorder(20))
    assert again.next == "without --fresh the same command goes on from here"
    watcher = Recorder()
    train(small_run(), small, RunStore(runs), watcher=watcher)
    assert watcher.notes[0].startswith("goes on in epoch 2 of 3")


def test_it_says_where_it_goes_on(small, runs):
    watcher = Recorder()
    interrupt_at(small_run(), small, RunStore(runs), 20)
    train(small_run(), small, RunStore(runs), watcher=watcher)
    assert watcher.notes == ["goes on in epoch 2 of 3, where it was stopped; --fresh starts at the beginning"]
    assert [record.epoch for record in watcher.epochs] == [2, 3]
    assert watcher.shares[0] == (2, 180 / 230)


def test_a_run_that_is_being_trained_cannot_be_trained_a_second_time(small, runs):
    refusals = []

    class Intruder(Recorder):
        def epoch(self, record):
            with pytest.raises(StorageError, match="being trained by another process") as refusal:
                train(small_run(), small, RunStore(runs))
            refusals.append(refusal)

    assert train(small_run(), small, RunStore(runs), watcher=Intruder()).result.status == "done"
    assert len(refusals) == 3


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def damages(content: bytes) -> dict[str, bytes]:
    """Return a file's content in many damaged forms."""
    half = len(content) // 2
    some = {f"byte {at} flipped": flipped(content, at) for at in range(0, len(content), len(content) // 97)}
    return {"empty": b"", "half": content[:half], "short": content[:-1], "garbage": bytes(range(256)) * 9, **some}


def test_a_damaged_checkpoint_is_refused_whatever_the_damage_and_nothing_is_lost(small, runs, tmp_path):
    run, store = small_run(), RunStore(runs)
    interrupt_at(run, small, store, 20)
    checkpoint = runs / f"{run.id}.partial" / "checkpoint.safetensors"
    whole = checkpoint.read_bytes()
    for damage, content in damages(whole).items():
        checkpoint.write_bytes(content)
        with pytest.raises(
            DataError, match=r"cannot be used: it.* Delete its folder, or train the run with --fresh"
        ) as refusal:
            train(run, small, store)
        assert "\n" not in str(refusal.value), damage
        assert checkpoint.read_bytes() == content, damage
        found, faults = store.unfinished()
        assert (found, list(faults)) == ([], [run.id]), damage
    checkpoint.write_bytes(whole)
    outcome = train(run, small, store)
    assert_same_run(outcome.stored, train_small(small, tmp_path / "undisturbed"))


def test_a_damaged_checkpoint_is_no_obstacle_for_a_fresh_run(small, runs):
    interrupt_at(small_run(), small, RunStore(runs), 20)
    (runs / f"{small_run().id}.partial" / "checkpoint.safetensors").write_bytes(b"garbage")
    assert train(small_run(), small, RunStore(runs), fresh=True).result.status == "done"


def test_a_checkpoint_holds_what_was_put_in(tmp_path, small, runs):
    run, store = small_run(dtype="longdouble", optimizer="adam"), RunStore(runs)
    interrupt_at(run, small, store, 20)
    state, position = load_checkpoint(runs / f"{run.id}.partial" / "checkpoint.safetensors")
    assert (position.epoch, position.sample, len(position.history)) == (1, 160, 1)
    assert int(state["steps"][0]) == 20
    save_checkpoint(tmp_path / "copy", state, position)
    again, position_again = load_checkpoint(tmp_path / "copy")
    assert position_again == position
    assert {name: (a.dtype, a.tobytes()) for name, a in again.items()} == {
        name: (a.dtype, a.tobytes()) for name, a in state.items()
    }

"""A run that will take long says so when it begins."""

from __future__ import annotations

import pytest

from ravine.engines.stepping import SteppingEngine
from ravine.storage.store import RunStore
from ravine.training import loop, train
from ravine.words import duration
from training_cases import Recorder, interrupt_at, small_run


@pytest.fixture
def small(arrays):
    return arrays


@pytest.fixture
def second(monkeypatch):
    """Let every step take as many seconds as the returned list says."""
    clock, length, take = [0.0], [1.0], SteppingEngine.train

    def slow(self, split, order, first, stop, hyper, loss_sum=0.0, batch_size=None):
        size = batch_size or 20
        clock[0] += length[0] * -(-(stop - first) // size)
        return take(self, split, order, first, stop, hyper, loss_sum, batch_size)

    monkeypatch.setattr(SteppingEngine, "train", slow)
    monkeypatch.setattr(loop.time, "perf_counter", lambda: clock[0])
    return length


def notes(small, root, **changes):
    watcher = Recorder()
    train(small_run(**changes), small, RunStore(root), watcher=watcher)
    return watcher.notes


def test_a_long_run_tells_its_cost_once_at_its_start(small, runs, second):
    # 230 samples in batches of 20 are 11.5 steps of a second, and evaluation costs a tenth more.
    (note,) = notes(small, runs)
    assert note == "this takes about 38 seconds, 13 seconds an epoch"
    second[0] = 60.0
    (note,) = notes(small, runs, seed=1, epochs=100)
    assert note == "this takes about 21 hours, 13 minutes an epoch"


def test_a_short_run_says_nothing(small, runs, second):
    assert notes(small, runs, epochs=2) == []
    second[0] = 1e-5
    assert notes(small, runs, seed=1) == []


def test_only_what_is_left_counts(small, runs, second):
    interrupt_at(small_run(epochs=9), small, RunStore(runs), 40)
    done = len(RunStore(runs).unfinished()[0][0].history)
    goes_on, note = notes(small, runs, epochs=9)
    assert goes_on.startswith(f"goes on in epoch {done + 1} of 9, where it was stopped")
    left = 12.65 * (9 - 40 / 12)
    assert note == f"this takes about {duration(left)}, 13 seconds an epoch"

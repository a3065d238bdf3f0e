"""What the tests of studies share: a study of six short runs on the small data set, and a watcher that remembers."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from typing import Any

import msgspec

from ravine.data import Dataset
from ravine.spec import RunSpec
from ravine.storage.record import Result
from ravine.storage.store import RunStore
from ravine.studies import Planned, Study, plan, run_study
from ravine.training import train
from training_cases import assert_same_run

SMALL_STUDY = """
name = "six"
title = "Six short runs"

[settings]
dataset = "small"
layers = [64, 12, 10]
epochs = 3
engine = "reference"

[[groups]]
name = "rates"
grid = { lr = [0.1, 0.01], batch_size = [20, 50] }

[[groups]]
name = "momenta"
settings = { optimizer = "momentum", batch_size = 20 }
rows = [
  { lr = 0.01, alpha = 0.5 },
  { lr = 0.01, alpha = 0.9, published = { train_loss = nan, test_accuracy = 0.975 } },
  { optimizer = "sgd", lr = 0.1 },
]
"""
"""Seven rows; the last is the first one of the other group."""


def study_of(text: str = SMALL_STUDY, **changes: Any) -> Study:
    """Read a study from TOML text."""
    return msgspec.structs.replace(msgspec.toml.decode(text, type=Study), **changes)


def small_plan() -> list[Planned]:
    """Return the seven rows of the small study, which are six runs; the small data set must be in the table."""
    return plan(study_of())


def ids(planned: list[Planned]) -> list[str]:
    """Return the ids of all runs, each once, in order."""
    return list(dict.fromkeys(run.id for run in planned))


def assert_as_single_runs(planned: list[Planned], store: RunStore, data: Dataset, scratch: Path) -> None:
    """Compare everything stored, bit for bit, with the same runs trained one by one."""
    assert sorted(store.ids()) == sorted(ids(planned))
    for run in {each.id: each.run for each in planned}.values():
        stored, alone = store.load(run.id), train(run, data, RunStore(scratch)).stored
        assert stored is not None
        assert alone is not None
        assert_same_run(stored, alone)


class StudyRecorder:
    """A watcher that keeps what it is told."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.specs: dict[str, RunSpec] = {}
        self.shares: dict[str, list[float]] = {}
        self.results: dict[str, Result | None] = {}
        self.errors: dict[str, str | None] = {}

    def started(self, run: str, spec: RunSpec) -> None:
        self.begun.append(run)
        self.specs[run] = spec

    def progress(self, run: str, share: float, loss: float) -> None:
        self.shares.setdefault(run, []).append(share)

    def ended(self, run: str, result: Result | None, error: str | None) -> None:
        assert run not in self.results
        self.results[run], self.errors[run] = result, error


class Interrupter(StudyRecorder):
    """Sends a signal to the main thread at the n-th progress, and goes on when it has arrived."""

    def __init__(self, at: int, number: int = signal.SIGINT) -> None:
        super().__init__()
        self.seen, self.at, self.number = 0, at, number

    def progress(self, run: str, share: float, loss: float) -> None:
        super().progress(run, share, loss)
        self.seen += 1
        if self.seen == self.at:
            handler = signal.getsignal(self.number)
            signal.pthread_kill(threading.main_thread().ident, self.number)
            while signal.getsignal(self.number) is handler:
                time.sleep(0.001)


def begun(planned: list[Planned], store: RunStore, **options: Any) -> list[str]:
    """Run a study and return the runs that began, in order."""
    recorder = StudyRecorder()
    run_study(planned, store, watcher=recorder, **options)
    return recorder.begun

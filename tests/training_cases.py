"""What the tests of training share: a short run on the small data set, and what two runs must have in common."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from ravine.data import GIVEN, Dataset
from ravine.formulas.optimizer import Optimizer
from ravine.formulas.shelves import ACTIVATIONS, LOSSES, OPTIMIZERS, SCHEDULES
from ravine.spec import ResolvedRun, RunSpec, Things, resolve
from ravine.storage.record import Result
from ravine.storage.store import RunStore, StoredRun
from ravine.training import Given, Outcome, train
from small_data import small_arrays

LAYERS = (64, 12, 10)


def small_run(optimizer: str | Optimizer = "sgd", **changes: Any) -> ResolvedRun:
    """Return a run of three epochs on the small data set as arrays, whose last batch has 10 of 20 samples."""
    name, found = OPTIMIZERS.resolve(optimizer)
    plain = {
        "dataset": GIVEN,
        "data": small_arrays().info.digest,
        "layers": LAYERS,
        "batch_size": 20,
        "epochs": 3,
        "engine": "reference",
    }
    spec = RunSpec(**{**plain, "optimizer": name, **changes})
    return resolve(
        spec, Things(found, (), SCHEDULES[spec.schedule], (ACTIVATIONS[spec.activation],), LOSSES[spec.loss])
    )


def named_run(optimizer: str | Optimizer = "sgd", **changes: Any) -> ResolvedRun:
    """Return the same run on the small data set by its name, which must be in the catalog."""
    return small_run(optimizer, **{"dataset": "small", "data": None, **changes})


def train_small(data: Dataset, root: Path, given: Given = Given(), **changes: Any) -> StoredRun:  # noqa: B008
    """Train on some data and return the stored run."""
    known = {"dataset": data.info.name, "data": getattr(data.info, "digest", None)}
    outcome = train(small_run(**{**known, **changes}), data, RunStore(root), given=given)
    assert outcome.stored is not None
    return outcome.stored


def without_times(result: Result) -> dict[str, Any]:
    """Return a result as plain data but for the seconds, which no two runs share."""
    plain = msgspec.to_builtins(result)
    del plain["seconds"]
    for record in plain["history"]:
        del record["seconds"]
    return plain


def assert_same_run(one: StoredRun, other: StoredRun) -> None:
    """Compare everything but the times, bit for bit."""
    assert one.weights().dtype == other.weights().dtype
    assert one.weights().tobytes() == other.weights().tobytes()
    assert without_times(one.result) == without_times(other.result)


class Recorder:
    """A watcher that keeps what it is told, and can raise a signal at its n-th progress."""

    def __init__(self, signal_at: int | None = None, number: int = signal.SIGINT) -> None:
        self.notes: list[str] = []
        self.shares: list[tuple[int, float]] = []
        self.epochs: list[Any] = []
        self._signal_at, self._number = signal_at, number

    def note(self, text: str) -> None:
        self.notes.append(text)

    def progress(self, epoch: int, share: float, loss: float) -> None:
        self.shares.append((epoch, share))
        if len(self.shares) == self._signal_at:
            signal.raise_signal(self._number)

    def epoch(self, record: Any) -> None:
        self.epochs.append(record)


def interrupt_at(run: ResolvedRun, data: Dataset, store: RunStore, progress: int) -> Outcome:
    """Train and be interrupted at the n-th progress."""
    outcome = train(run, data, store, watcher=Recorder(progress))
    assert outcome.result.status == "interrupted"
    return outcome


def permutations(count: int, epochs: int, seed: int = 5) -> np.ndarray:
    """Return an order of training, (epochs, count), that has nothing to do with ravine's own."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.permutation(count) for _ in range(epochs)])

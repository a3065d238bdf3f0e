"""Training: the epoch loop, measures, causes of failure, checkpoints and the store of runs."""

from ravine.storage.record import Cause, DeadNetwork, Epoch, NonFinite, Result, Seconds
from ravine.storage.store import RunStore, StoredRun, Unfinished
from ravine.training.loop import Given, Outcome, engine_of, train, with_given
from ravine.training.seeds import epoch_order, start_weights
from ravine.training.watching import Silent, Watcher

__all__ = [
    "Cause",
    "DeadNetwork",
    "Epoch",
    "Given",
    "NonFinite",
    "Outcome",
    "Result",
    "RunStore",
    "Seconds",
    "Silent",
    "StoredRun",
    "Unfinished",
    "Watcher",
    "engine_of",
    "epoch_order",
    "start_weights",
    "train",
    "with_given",
]

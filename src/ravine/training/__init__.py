"""Training: the epoch loop and its parts: watching, seeds, causes of failure, hints."""

from ravine.training.loop import EVALUATION_SHARE, LONG_SECONDS, Given, Outcome, engine_of, train, with_given
from ravine.training.seeds import epoch_order, start_weights
from ravine.training.watching import Silent, Watcher

__all__ = [
    "EVALUATION_SHARE",
    "LONG_SECONDS",
    "Given",
    "Outcome",
    "Silent",
    "Watcher",
    "engine_of",
    "epoch_order",
    "start_weights",
    "train",
    "with_given",
]

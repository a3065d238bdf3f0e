"""What else the trials say: how hard an optimizer is to tune, and what it reaches in which time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, median

import msgspec
import numpy as np

from ravine.search import Axis, Choice
from ravine.storage.record import Epoch, Result


class BestOf(msgspec.Struct, frozen=True, kw_only=True):
    """The best of k trials: its mean over all choices of k of the trials, and the range of the middle 80 %."""

    trials: int
    mean: float
    low: float
    high: float


def best_of(values: Sequence[float]) -> list[BestOf]:
    """Return what the best of k trials scores, for every k.

    Trials are drawn without replacement from those that were made: of n values v_1 <= ... <= v_n,

        P(best of k <= v_i) = C(i, k) / C(n, k)

    The band is that of the drawing alone. Scrambled Sobol points fill the space more evenly than such a draw does, so
    a search of k of them does at least as well as the mean says, on average.

    Source: Tang et al., "Showing your work doesn't always work", ACL 2020, who show that a draw with replacement (Dodge
    et al., EMNLP 2019) is biased.

    >>> [(b.trials, round(b.mean, 3)) for b in best_of([1.0, 2.0, 4.0])]
    [(1, 2.333), (2, 3.333), (3, 4.0)]
    """
    ordered, count = sorted(values), len(values)
    numbers = np.arange(count + 1)
    below = np.ones(count + 1)
    found = []
    for k in range(1, count + 1):
        below = below * np.maximum(numbers - (k - 1), 0) / (count - (k - 1))  # C(i, k) / C(n, k), from that of k - 1
        low, high = (ordered[int(np.searchsorted(below, share - 1e-12)) - 1] for share in (0.1, 0.9))
        found.append(BestOf(trials=k, mean=float(np.diff(below) @ ordered), low=low, high=high))
    return found


def decades(values: Sequence[float], lr: Axis, margin: float) -> float | None:
    """Return how many decades of the learning rate lie within a margin of the best trial; None if lr has no decades.

    Points are uniform over the decades of the axis, so it is the share of such trials times the width of the axis. In a
    space with further axes it counts the rates as often as the other axes allow.
    """
    if isinstance(lr, Choice) or lr.width is None:
        return None
    best = max(values)
    return lr.width * fmean(value >= best - margin for value in values)


def is_below_default(tuned: float | None, default: float | None, margin: float) -> bool:
    """Tell whether what a search found does worse than the optimizer's defaults, by more than the margin.

    Both are mean scores of the tuning; None if there is none.

    >>> is_below_default(0.95, 0.96, 0.002), is_below_default(0.95, 0.951, 0.002), is_below_default(0.95, None, 0.002)
    (True, False, False)
    """
    return default is not None and tuned is not None and default > tuned + margin


def at_seconds(histories: Sequence[Sequence[Epoch]], quantity: str, seconds: float) -> float | None:
    """Return the mean over runs of a quantity after some seconds of training, between epochs on a straight line.

    None if a run did not train for so long, or had not ended its first epoch.
    """
    found = []
    for history in histories:
        times = np.cumsum([epoch.seconds for epoch in history])
        values = [getattr(epoch, quantity) for epoch in history]
        if not len(times) or not times[0] <= seconds <= times[-1] * (1 + 1e-9) or None in values:
            return None
        found.append(float(np.interp(seconds, times, values)))
    return fmean(found) if found else None


class ToTarget(msgspec.Struct, frozen=True, kw_only=True):
    """The way to a target: the median over runs, and in how many of them it was reached.

    Attributes:
        epochs, samples, seconds: to the end of the first epoch that reached it; None if half of the runs or more did
            not reach it within the horizon.
        reached, runs: how many runs reached it, of how many.
    """

    epochs: float | None
    samples: float | None
    seconds: float | None
    reached: int
    runs: int


def to_target(results: Sequence[Result], target: float, samples: int) -> ToTarget:
    """Return the way of some runs to a validation accuracy; `samples` are those that an epoch trains on."""
    epochs, seconds = [], []
    for result in results:
        spent = np.cumsum([epoch.seconds for epoch in result.history])
        hits = [k for k, e in enumerate(result.history) if (e.validation_accuracy or 0.0) >= target]
        epochs.append(float(hits[0] + 1) if hits else math.inf)
        seconds.append(float(spent[hits[0]]) if hits else math.inf)
    middle = median(epochs)
    reached = sum(map(math.isfinite, epochs))
    if not math.isfinite(middle):
        return ToTarget(epochs=None, samples=None, seconds=None, reached=reached, runs=len(results))
    return ToTarget(
        epochs=middle, samples=middle * samples, seconds=median(seconds), reached=reached, runs=len(results)
    )


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """A quantity over the epochs: the mean over runs, and the smallest and the largest value; None where one is not."""

    epochs: tuple[int, ...]
    seconds: tuple[float, ...]
    mean: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]


def curve(results: Sequence[Result], quantity: str) -> Curve:
    """Return the curve of some runs, as far as all of them go."""
    length = min((len(result.history) for result in results), default=0)
    if not length:
        return Curve(epochs=(), seconds=(), mean=(), low=(), high=())
    rows = [[getattr(result.history[k], quantity) for result in results] for k in range(length)]
    whole = [None if None in row else row for row in rows]
    seconds = np.cumsum([[epoch.seconds for epoch in result.history[:length]] for result in results], axis=1)
    return Curve(
        epochs=tuple(range(1, length + 1)),
        seconds=tuple(float(s) for s in seconds.mean(axis=0)),
        mean=tuple(None if row is None else fmean(row) for row in whole),
        low=tuple(None if row is None else min(row) for row in whole),
        high=tuple(None if row is None else max(row) for row in whole),
    )

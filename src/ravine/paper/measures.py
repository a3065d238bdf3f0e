"""The numbers that the paper's claims are about, and the smallest difference of each that matters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from ravine.report.measure import Measure
from ravine.statistics.means import zigzag
from ravine.storage.quantities import QUANTITIES
from ravine.storage.record import Epoch, Result

TEST_IMAGES = 10_000


def _accuracy(name: str, read: Callable[[Result], float | None]) -> Measure:
    # The margin is the binomial error of 98 % of 10,000 images.
    return Measure(name, read, 0.0014, 0.01, "{:.2f} %", scale=100, digits=2, unit="points", images=TEST_IMAGES)


def _loss(name: str, read: Callable[[Result], float | None]) -> Measure:
    # The margin is the last digit that the paper prints.
    return Measure(name, read, 0.001, 0.005, "{:.4f}")


def accuracy_at(epoch: int) -> Measure:
    """Return the test accuracy at the end of an epoch, counted from 1."""
    return _accuracy(f"test accuracy after epoch {epoch}", lambda r: _at(r, epoch, lambda e: e.test_accuracy))


def loss_on_test_at(epoch: int) -> Measure:
    """Return the test loss at the end of an epoch, counted from 1."""
    return _loss(f"test loss after epoch {epoch}", lambda r: _at(r, epoch, lambda e: e.test_loss))


def zigzag_over(first: int, last: int) -> Measure:
    """Return the zig-zag of the test accuracy over the epochs `first` to `last`, both included, counted from 1."""

    def read(result: Result) -> float | None:
        curve = accuracies(result)[first - 1 : last]
        return zigzag(curve) if len(curve) == last - first + 1 else None

    # The margin is five of 10,000 images.
    return Measure(
        f"zig-zag over epochs {first} to {last}",
        read,
        0.0005,
        0.005,
        "{:.2f} points",
        scale=100,
        digits=2,
        unit="points",
    )


ACCURACY = _accuracy(QUANTITIES["test_accuracy"].words, lambda r: r.test_accuracy)
LOSS = _loss(QUANTITIES["train_loss"].words, lambda r: None if r.cause is not None else r.train_loss)
GAP = _loss(
    "test loss minus training loss",
    lambda r: None if r.test_loss is None or r.train_loss is None else r.test_loss - r.train_loss,
)
SECONDS = Measure("seconds of training", lambda r: r.seconds.train, 0.5, 5.0, "{:.1f} s", digits=1, unit="s")
ZIGZAG = zigzag_over(6, 10)
"""Over the second half of ten epochs, where curves are flat; before it a bend would count as a zig-zag."""


def accuracies(result: Result) -> list[float]:
    """Return the test accuracies after the epochs; the runs of the paper have one after each."""
    return [epoch.test_accuracy for epoch in result.history if epoch.test_accuracy is not None]


def losses_fall(result: Result) -> bool:
    """Tell whether the training loss fell in every epoch."""
    return _falls([epoch.train_loss for epoch in result.history])


def accuracy_rises(result: Result) -> bool:
    """Tell whether the test accuracy rose in every epoch."""
    return _falls([-accuracy for accuracy in accuracies(result)])


def largest_drop(result: Result) -> float:
    """Return the largest fall of the test accuracy from one epoch to the next."""
    return max((a - b for a, b in pairwise(accuracies(result))), default=0.0)


def _falls(values: Sequence[float]) -> bool:
    return all(a > b for a, b in pairwise(values))


def _at(result: Result, epoch: int, read: Callable[[Epoch], float | None]) -> float | None:
    return read(result.history[epoch - 1]) if len(result.history) >= epoch else None

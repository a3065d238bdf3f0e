"""The numbers that a run gives, each declared once: its name, its words, its form, and which direction is better."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from ravine.spec import RunSpec
from ravine.storage.record import Epoch, Result


@dataclass(frozen=True)
class Quantity:
    """A number that comes out of a run.

    Attributes:
        name: its name in records, studies and JSON.
        words: its name in sentences and beside axes.
        form: the format of a value that is multiplied by `scale`.
        better: whether a lower or a higher value is the better one.
        scale: the factor of a value that people read; 100 for a share.
        is_curve: whether figures draw it over the epochs.
    """

    name: str
    words: str
    form: str
    better: Literal["lower", "higher"]
    scale: float = 1.0
    is_curve: bool = True

    @property
    def head(self) -> str:
        """The name as the head of a column."""
        return self.name.replace("_", " ")

    @property
    def is_score(self) -> bool:
        """Whether it tells how good predictions are: the higher, the better."""
        return self.better == "higher"

    @property
    def is_share(self) -> bool:
        """Whether a value lies between 0 and 1, and is written in percent."""
        return self.scale == 100

    def given_by(self, spec: RunSpec, *, each_epoch: bool = False) -> bool:
        """Tell whether a run with these settings gives the number: at its end, or after each epoch.

        >>> QUANTITIES["test_loss"].given_by(RunSpec(test="end")), QUANTITIES["validation_loss"].given_by(RunSpec())
        (True, False)
        """
        part, _, score = self.name.partition("_")
        if score in _SCORES and (score == "accuracy") == (spec.targets == "numbers"):
            return False
        if part == "validation":
            return spec.validation > 0
        return part != "test" or spec.test_time in (("epoch",) if each_epoch else ("epoch", "end"))

    def of(self, record: Epoch | Result) -> float | None:
        """Read the number off a run, or off an epoch of it; None if there is none, or if it is not finite."""
        if self.name == "seconds" and isinstance(record, Result):
            return record.seconds.total
        value: float | None = getattr(record, self.name)
        return value

    def show(self, value: float | None) -> str:
        """Write a value; None is "-".

        >>> QUANTITIES["test_accuracy"].show(0.97), QUANTITIES["train_loss"].show(0.05)
        ('97.00 %', '0.05000')
        """
        if value is None:
            return "-"
        # R² of a run that diverged has dozens of digits.
        return (self.form if abs(self.scale * value) < _LARGE else "{:.4g}").format(self.scale * value)


_LARGE = 1e6

_SCORES = ("accuracy", "r2", "mean_absolute_error")

QUANTITIES = {
    quantity.name: quantity
    for quantity in (
        Quantity("train_loss", "training loss", "{:#.4g}", "lower"),
        Quantity("validation_loss", "validation loss", "{:#.4g}", "lower"),
        Quantity("validation_accuracy", "validation accuracy", "{:.2f} %", "higher", scale=100),
        Quantity("validation_r2", "validation R²", "{:.4f}", "higher"),
        Quantity(
            "validation_mean_absolute_error", "validation mean absolute error", "{:#.4g}", "lower", is_curve=False
        ),
        Quantity("test_loss", "test loss", "{:#.4g}", "lower"),
        Quantity("test_accuracy", "test accuracy", "{:.2f} %", "higher", scale=100),
        Quantity("test_r2", "test R²", "{:.4f}", "higher"),
        Quantity("test_mean_absolute_error", "test mean absolute error", "{:#.4g}", "lower", is_curve=False),
        Quantity("seconds", "seconds", "{:.1f}", "lower", is_curve=False),
    )
}
"""Every number that comes out of a run, by name."""

CURVES = tuple(quantity for quantity in QUANTITIES.values() if quantity.is_curve)
"""Those that figures draw over the epochs, and that tables of epochs show."""


SUMMARY = tuple(
    QUANTITIES[name] for name in ("train_loss", "validation_accuracy", "validation_r2", "test_accuracy", "test_r2")
)
"""The numbers that describe a run in one line."""


def given(
    quantities: Iterable[Quantity], specs: Sequence[RunSpec], *, each_epoch: bool = False
) -> tuple[Quantity, ...]:
    """Return those numbers that some run gives, at its end or after each epoch.

    >>> [quantity.name for quantity in given(SUMMARY, [RunSpec()])]
    ['train_loss', 'test_accuracy']
    >>> [quantity.name for quantity in given(SUMMARY, [RunSpec(validation=6000)])]
    ['train_loss', 'validation_accuracy']
    """
    return tuple(
        quantity for quantity in quantities if any(quantity.given_by(spec, each_epoch=each_epoch) for spec in specs)
    )


def taken(quantities: Iterable[Quantity], records: Sequence[Epoch]) -> tuple[Quantity, ...]:
    """Return those numbers that were taken after some epoch, finite or not: an accuracy is finite wherever it is taken.

    >>> record = Epoch(1, 600, 0.1, 100, train_loss=0.5, test_loss=None, test_accuracy=0.1, seconds=2.0)
    >>> [quantity.name for quantity in taken(CURVES, [record])]
    ['train_loss', 'test_loss', 'test_accuracy']
    """
    errors = (error for r in records for error in (r.validation_mean_absolute_error, r.test_mean_absolute_error))
    numbers = any(error is not None for error in errors)
    score = "mean_absolute_error" if numbers else "accuracy"
    parts = ("validation", "test")
    left_out = [part for part in parts if all(getattr(r, f"{part}_{score}") is None for r in records)]
    others = ("accuracy",) if numbers else ("r2", "mean_absolute_error")

    def is_taken(quantity: Quantity) -> bool:
        part, _, name = quantity.name.partition("_")
        return part not in left_out and name not in others

    return tuple(filter(is_taken, quantities))


def shown(record: Epoch | Result, quantities: Sequence[Quantity]) -> list[str]:
    """Write some numbers of a run or of an epoch."""
    return [quantity.show(quantity.of(record)) for quantity in quantities]

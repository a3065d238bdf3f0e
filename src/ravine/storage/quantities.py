"""The numbers that a run gives, each declared once: its name, its words, its form, and which direction is better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

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
    def is_share(self) -> bool:
        """Whether a value lies between 0 and 1, and is written in percent."""
        return self.scale == 100

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
        return "-" if value is None else self.form.format(self.scale * value)


QUANTITIES = {
    quantity.name: quantity
    for quantity in (
        Quantity("train_loss", "training loss", "{:#.4g}", "lower"),
        Quantity("test_loss", "test loss", "{:#.4g}", "lower"),
        Quantity("test_accuracy", "test accuracy", "{:.2f} %", "higher", scale=100),
        Quantity("seconds", "seconds", "{:.1f}", "lower", is_curve=False),
    )
}
"""Every number that comes out of a run, by name."""

CURVES = tuple(quantity for quantity in QUANTITIES.values() if quantity.is_curve)
"""Those that figures draw over the epochs, and that tables of epochs show."""


SUMMARY = (QUANTITIES["train_loss"], QUANTITIES["test_accuracy"])
"""The numbers that describe a run in one line."""


def shown(record: Epoch | Result, quantities: Sequence[Quantity]) -> list[str]:
    """Write some numbers of a run or of an epoch."""
    return [quantity.show(quantity.of(record)) for quantity in quantities]

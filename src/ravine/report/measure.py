"""A number that is read off one run, and how it is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ravine.storage.record import Result


@dataclass(frozen=True)
class Measure:
    """A number of a run.

    Attributes:
        name: in words.
        read: takes it from a result; None if the run has none.
        margin: the smallest difference that matters. A claim fails if its interval reaches no farther than this into
            the claimed side of zero.
        loose: a prediction interval with a larger half width decides nothing.
        form: writes it, times `scale`.
        digits, unit: of differences.
        images: of how many test images it is a share, which gives it a binomial error; None if it is no share.
    """

    name: str
    read: Callable[[Result], float | None]
    margin: float
    loose: float
    form: str
    scale: float = 1.0
    digits: int = 4
    unit: str = ""
    images: int | None = None

    def show(self, value: float) -> str:
        """Write a value."""
        return self.form.format(self.scale * value)

    def show_difference(self, value: float, half_width: float | None) -> str:
        """Write a difference, with half the width of its interval."""
        shown = round(self.scale * value, self.digits) + 0.0  # no minus before a zero
        text = f"{shown:+.{self.digits}f}"
        if half_width is not None:
            text += f" ± {self.scale * half_width:.{self.digits}f}"
        return f"{text} {self.unit}".rstrip()

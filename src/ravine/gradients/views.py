"""One method of a gradient check as a row of a table."""

from __future__ import annotations

from ravine.gradients.answers import GradientVerdict
from ravine.gradients.errors import Errors

VERDICT_HEAD = ("method", "answer", "right", "wrong", "not seen", "mean relative error", "largest")


def verdict_row(name: str, verdict: GradientVerdict, errors: Errors) -> tuple[str, ...]:
    """Return the cells of a method under `VERDICT_HEAD`."""
    counts = (f"{count:,}" for count in (verdict.right, verdict.wrong, verdict.unseen))
    found = (errors.mean_relative_error, errors.max_relative_error)
    return name, verdict.answer, *counts, *("-" if error is None else f"{error:.2g}" for error in found)

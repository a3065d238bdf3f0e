"""Counts and durations in words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal


def several(count: int, what: str) -> str:
    """Count something in words.

    >>> several(1, "step"), several(2, "step"), several(1000, "step")
    ('1 step', '2 steps', '1,000 steps')
    """
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def listed(names: Iterable[str], last: Literal["and", "or"] = "and") -> str:
    """Return names as a sentence has them.

    >>> listed(["adam"]), listed(["adam", "sgd", "lion"]), listed(["adam", "sgd"], "or")
    ('adam', 'adam, sgd and lion', 'adam or sgd')
    """
    *most, final = names
    return f"{', '.join(most)} {last} {final}" if most else final


def duration(seconds: float) -> str:
    """Write a time in words, in seconds below a minute, minutes below an hour, and hours, with two digits or more.

    >>> duration(0.42), duration(1), duration(59.6), duration(412), duration(7200)
    ('0.4 seconds', '1 second', '1 minute', '6.9 minutes', '2 hours')
    """
    if 0 < seconds < 0.05:
        return "less than 0.1 seconds"
    number, unit = _two_digits(seconds), "second"
    for larger, value in (("minute", seconds / 60), ("hour", seconds / 3600)):
        if float(number) >= 60:  # what is shown decides: 59.6 seconds are shown as 1 minute
            number, unit = _two_digits(value), larger
    return f"{number} {unit}{'' if number == '1' else 's'}"


def _two_digits(value: float) -> str:
    """Write a number with one decimal below 10 and none above, and no zero behind the point."""
    return (f"{value:.1f}" if value < 9.95 else f"{value:.0f}").removesuffix(".0")

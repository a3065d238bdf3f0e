"""Is a schedule what it says it is? The checks that ravine's own schedules pass, for any schedule."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ravine.arrays import Array
from ravine.conformance.conformance import Conformance
from ravine.conformance.finding import Finding, failed, passed
from ravine.errors import ConfigError
from ravine.formulas.schedule import Schedule, grown_batch_size
from ravine.formulas.shelves import SCHEDULES

_LR = 1.0
_EPOCHS = 10
_TIMES = np.arange(1001.0) * _EPOCHS / 1000
"""Times in epochs from the start to the end: the shares 0, 0.001, .., 1."""

_SMALLEST, _LARGEST = 10, 500
"""Batch sizes at the start and at most."""


def check_schedule(schedule: str | Schedule) -> Conformance:
    """Put a schedule through the checks that ravine's own pass, over ten epochs, at its default settings.

    Args:
        schedule: a schedule, a name, or a file such as "my_file.py:slowing", which ravine runs.

    >>> print(check_schedule("polynomial"))
    polynomial: Polynomial: a power of the share of training that is left.
      passed    finite                  rates from 0 to 1, where 1 is given
      passed    arrays                  1001 shares at once give what each gives alone
      passed    same twice              the same rates
      passed    start                   it starts at the rate that is given
      passed    growing batch           from 10 to 100 samples in 10 epochs
    5 of 5 checks passed.
    """
    found = SCHEDULES.find(schedule)
    return Conformance(found.name, found.summary, tuple(_findings(found)))


def _findings(schedule: Schedule) -> Iterator[Finding]:
    """Check a schedule, and yield each finding; after the first failure the others would only repeat it."""
    for name, check in CHECKS.items():
        try:
            finding = check(schedule)
        except ConfigError as error:
            finding = failed(name, str(error).rstrip("."), "Correct the schedule.")
        yield finding
        if finding.outcome == "failed":
            return


def _finite(schedule: Schedule) -> Finding:
    rates = _rates(schedule, _TIMES)
    fits = np.isfinite(rates) & (rates >= 0)
    if not fits.all():
        first = int(np.argmin(fits))
        return failed(
            "finite",
            f"the rate is {rates[first]:g} at the share {first / 1000:g}",
            "Guard divisions and roots, and cut what falls below zero, as np.maximum(.., 0) does.",
        )
    return passed("finite", f"rates from {rates.min():.3g} to {rates.max():.3g}, where {_LR:g} is given")


def _arrays(schedule: Schedule) -> Finding:
    alone = np.array([float(_rates(schedule, np.array(time))) for time in _TIMES])
    if not np.allclose(_rates(schedule, _TIMES), alone, rtol=1e-12, atol=1e-15):
        return failed(
            "arrays",
            "the rates of many shares at once are not what each gives alone",
            "Compute element by element, and choose with np.where.",
        )
    return passed("arrays", f"{len(_TIMES)} shares at once give what each gives alone")


def _repeated(schedule: Schedule) -> Finding:
    if not np.array_equal(_rates(schedule, _TIMES), _rates(schedule, _TIMES)):
        return failed(
            "same twice", "the rates are not the same when they are computed again", "Leave random numbers out."
        )
    return passed("same twice", "the same rates")


def _start(schedule: Schedule) -> Finding:
    first = float(_rates(schedule, _TIMES[:1])[0])
    if schedule.warms_up:
        if first >= _LR:
            return failed(
                "start", f"it starts at {first:g} of {_LR:g}, and says that it warms up", "Leave out warms_up=True."
            )
        return passed("start", f"it starts at {first / _LR:.3g} times the rate that is given, as warms_up=True says")
    if not np.isclose(first, _LR, rtol=1e-12):
        return failed(
            "start",
            f"it starts at {first:g}, and not at the rate that is given, {_LR:g}",
            "Let the factor be 1 at the share 0, or say warms_up=True where it climbs to 1 first.",
        )
    return passed("start", "it starts at the rate that is given")


def _growing(schedule: Schedule) -> Finding:
    settings = _settings(schedule)
    starts = np.arange(float(_EPOCHS))
    sizes = [
        grown_batch_size(schedule, settings, _LR, start, _EPOCHS, _SMALLEST, _LARGEST) for start in starts[:, None]
    ]
    rates = _rates(schedule, starts)
    peaks = np.maximum.accumulate(rates) if schedule.warms_up else np.full(_EPOCHS, _LR)
    for epoch, (size, rate, peak) in enumerate(zip(sizes, rates, peaks, strict=True)):
        wanted = _LARGEST if rate == 0 else min(max(_SMALLEST * peak / rate, _SMALLEST), _LARGEST)
        if abs(size - wanted) > 0.5 + 1e-9:
            return failed(
                "growing batch",
                f"the batch has {size} samples in epoch {epoch}",
                "This is a fault of ravine: please report it.",
            )
    return passed("growing batch", f"from {min(sizes)} to {max(sizes)} samples in {_EPOCHS} epochs")


def _settings(schedule: Schedule) -> dict[str, float]:
    """Return the defaults, and for a setting without one a value that is allowed."""
    missing = {name: schedule.example(name) for name, default in schedule.defaults.items() if default is None}
    return schedule.hyperparameters(missing)


def _rates(schedule: Schedule, times: Array) -> Array:
    return schedule.rate(_LR, times, _EPOCHS, _settings(schedule))


CHECKS: dict[str, Callable[[Schedule], Finding]] = {
    "finite": _finite,
    "arrays": _arrays,
    "same twice": _repeated,
    "start": _start,
    "growing batch": _growing,
}
"""Every check of a schedule, in the order in which they are made."""

"""Schedules of the learning rate, and what ravine adds to every one: warm-up, and batches that grow.

Letters: k the time in epochs, 0 at the start, whole numbers for schedules by epoch; N number of epochs; a = k / N the
share of training that is done; eta_0 the rate `lr` that the user gives, eta_k the rate at the time k; B_0 the batch
size at the start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, overload

import numpy as np

from ravine.arrays import Array
from ravine.errors import ConfigError
from ravine.formulas.declaration import Declaration, signature_of
from ravine.formulas.faults import telling_faults
from ravine.formulas.faulty import declaring
from ravine.formulas.kinds import Kind
from ravine.formulas.layers import read_only

GIVEN = ("share", "epoch", "epochs", "lr")
"""The names that a schedule may ask for: the share of training that is done, the time in epochs, the number of epochs,
and the rate that the user gives."""


@dataclass(frozen=True, eq=False)
class Schedule(Declaration):
    """A learning rate over time.

    Attributes:
        name: what the command line calls it.
        function: the formula, as it was written.
        arguments: its positional parameters in order, of `GIVEN`.
        defaults: each setting's default, None where the user must give one.
        bounds: each bounded setting's interval, such as "[0, 1)".
        kinds: each setting's kind: "number", "whole number" or "flag".
        warms_up: whether it starts below the rate that the user gives.
    """

    noun: ClassVar[str] = "schedule"
    setting: ClassVar[str] = "setting"

    name: str
    function: Callable[..., Any]
    arguments: tuple[str, ...]
    defaults: Mapping[str, float | None]
    bounds: Mapping[str, str]
    kinds: Mapping[str, Kind]
    warms_up: bool

    @property
    def title(self) -> str:
        """What it is called within a sentence."""
        return f"the {self.name} schedule"

    @property
    def takes(self) -> str:
        """A part of a sentence that names its settings."""
        return f"{self.title} takes {', '.join(self.defaults) or 'no settings'}"

    def rate(self, lr: float, time: Array, epochs: int, settings: Mapping[str, float]) -> Array:
        """Return eta_k at some times in epochs, an array of any shape; `settings` are all of the schedule's.

        Raises:
            ConfigError: the function fails, or does not return one real number for each time.
        """
        share, epoch = read_only([np.asarray(time / epochs), time])
        given = {"share": share, "epoch": epoch, "epochs": epochs, "lr": lr}
        with np.errstate(all="ignore"), telling_faults(self.label, self.function):
            returned = self.function(*(given[name] for name in self.arguments), **self.typed(settings))
            rates = np.asarray(returned)
            if rates.dtype.kind not in "biuf" or rates.shape not in ((), time.shape):
                raise ConfigError(
                    f"{self.title} returns {rates.dtype} of shape {rates.shape} for times of shape {time.shape}; it "
                    "must return one real number for each."
                )
            factors = rates.astype(float)
            return np.array(np.broadcast_to(factors if "lr" in self.arguments else lr * factors, time.shape))


@overload
def schedule(function: Callable[..., Any], /) -> Schedule: ...


@overload
def schedule(
    *, name: str | None = None, bounds: Mapping[str, str] = MappingProxyType({}), warms_up: bool = False
) -> Callable[[Callable[..., Any]], Schedule]: ...


def schedule(
    function: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    bounds: Mapping[str, str] = MappingProxyType({}),
    warms_up: bool = False,
) -> Schedule | Callable[[Callable[..., Any]], Schedule]:
    """Make a `Schedule` of a function, as a decorator with or without arguments.

    The function takes `share`, the share of training that is done, from 0 to 1, and returns the factor by which the
    learning rate is multiplied. It gets an array of shares, and must compute element by element. It may also ask by
    name for `epoch`, the time in epochs, `epochs`, their number, and `lr`, the rate that the user gives. A function
    that asks for `lr` returns the rate itself and not a factor. Keyword-only parameters are settings, with defaults,
    bounds and kinds as those of `ravine.rule`.

    Args:
        name: what the command line calls it; the function's name if None.
        bounds: intervals of settings, such as {"power": "(0, inf)"}.
        warms_up: whether it starts below the rate that the user gives. Growing batches then grow only after its peak.

    >>> @schedule(bounds={"power": "(0, inf)"})
    ... def slowing(share, *, power=2.0):
    ...     return (1 - share) ** power
    >>> slowing.rate(0.1, np.arange(4.0), 4, {"power": 2.0}).tolist()
    [0.1, 0.05625, 0.025, 0.00625]
    """

    @declaring("schedule")
    def declare(function: Callable[..., Any]) -> Schedule:
        found = signature_of("schedule", function, name, bounds)
        strays = [given for given in found.positional if given not in GIVEN]
        if strays or not {"share", "epoch"}.intersection(found.positional):
            asked = strays[0] if strays else "no share"
            raise ConfigError(
                f"schedule {found.name} takes {asked}: before the * it may ask for {', '.join(GIVEN)}, and must ask "
                "for share or epoch; settings come after the *, as in `(share, *, power=1.0)`."
            )
        for parameter in found.defaults:
            if parameter in GIVEN:
                raise ConfigError(f"{parameter} of {found.name} is given to the schedule: write it before the *.")
        if not isinstance(warms_up, bool):
            raise ConfigError(f"warms_up of {found.name} is {warms_up!r}; it is True or False.")
        return Schedule(found.name, function, found.positional, found.defaults, found.bounds, found.kinds, warms_up)

    return declare if function is None else declare(function)


def learning_rates(
    schedule: Schedule,
    settings: Mapping[str, float],
    lr: float,
    times: Array,
    epochs: int,
    warmup: float,
    unit: float,
) -> Array:
    """Return the rates at some times of a run, in epochs since it began, all below `epochs`.

    `unit` is the time from one rate to the next: 1 for a schedule by epoch, the length of a step for one by step. With
    a warm-up of W epochs the rates are scaled by (k + unit) / (W + unit) until that is 1: they climb to the schedule in
    equal steps. A rate that overflows is inf.

    >>> from ravine.formulas.shelves import SCHEDULES
    >>> learning_rates(SCHEDULES["constant"], {}, 1.0, np.arange(4.0), epochs=4, warmup=3, unit=1).tolist()
    [0.25, 0.5, 0.75, 1.0]
    """
    with np.errstate(over="ignore", invalid="ignore"):
        ramp = np.minimum(1.0, (times + unit) / (warmup + unit))
        return np.asarray(ramp * schedule.rate(lr, times, epochs, settings))


def grown_batch_size(
    schedule: Schedule,
    settings: Mapping[str, float],
    lr: float,
    times: Array,
    epochs: int,
    smallest: int,
    largest: int,
) -> int:
    """Return the batch size of an epoch: where the rate would fall, the batch grows instead.

        B_k = B_0 eta_0 / eta_k,   rounded, at most `largest`

    `times` are times within epoch k, in epochs since the run began; the first of them is k. eta_k is the largest rate
    at these times. The noise of a gradient step is proportional to eta / B, so a growing batch anneals a run as a
    falling rate does, in fewer steps. If a schedule warms up, its largest rate so far takes the place of eta_0: the
    batch grows from the peak on. Source: Smith, Kindermans, Ying and Le, 2018, "Don't decay the learning rate, increase
    the batch size", section 3.

    >>> from ravine.formulas.shelves import SCHEDULES
    >>> step, settings = SCHEDULES["step"], {"decay_factor": 0.2, "decay_every": 2}
    >>> [grown_batch_size(step, settings, 0.1, np.array([float(k)]), 6, smallest=10, largest=100) for k in range(6)]
    [10, 10, 50, 50, 100, 100]
    """
    rate = float(schedule.rate(lr, times, epochs, settings).max())
    peak = lr
    if schedule.warms_up:
        peak = max(rate, float(schedule.rate(lr, np.arange(times[0] + 1), epochs, settings).max()))
    wanted = smallest * peak / rate if rate > 0 else float(smallest if peak == 0 else largest)
    return round(min(max(wanted, smallest), largest))

"""Learning-rate schedules: from the time to the rate, and to the batch size that can grow in its place.

Letters: k the time in epochs, 0 at the start, whole numbers for schedules by epoch; N number of epochs; eta_0 the rate
at the start, eta_N the rate that the schedule heads for; B_0 the batch size at the start. A schedule is a value, and a
part of a run's specification.
"""

from __future__ import annotations

import sys
from typing import Annotated

import msgspec
import numpy as np

from ravine.arrays import Array
from ravine.errors import ConfigError, unknown
from ravine.inputs import convert, plain

_LARGEST = sys.float_info.max
Positive = Annotated[float, msgspec.Meta(gt=0, le=_LARGEST)]
NotNegative = Annotated[float, msgspec.Meta(ge=0, le=_LARGEST)]


class Constant(msgspec.Struct, frozen=True, tag_field="kind", tag="constant", forbid_unknown_fields=True):
    """eta_k = eta_0."""

    def rate(self, lr: float, time: Array, epochs: int) -> Array:
        """Return eta_k."""
        return np.full_like(time, lr)


class Linear(msgspec.Struct, frozen=True, tag_field="kind", tag="linear", forbid_unknown_fields=True):
    """Linear decay by epoch: eta_k = eta_0 (1 - a) + a eta_N with a = k / N.

    With k counted from 0 the first epoch runs at eta_0, as the name "initial" says, and the last at one N-th above
    eta_N.
    """

    final_lr: NotNegative

    def rate(self, lr: float, time: Array, epochs: int) -> Array:
        """Return eta_k."""
        a = time / epochs
        return lr * (1 - a) + a * self.final_lr


class Step(msgspec.Struct, frozen=True, tag_field="kind", tag="step", forbid_unknown_fields=True):
    """A factor every so many epochs: eta_k = eta_0 decay_factor^floor(k / decay_every)."""

    decay_factor: Positive = 0.1
    decay_every: Annotated[int, msgspec.Meta(ge=1)] = 5

    def rate(self, lr: float, time: Array, epochs: int) -> Array:
        """Return eta_k."""
        return lr * self.decay_factor ** (time // self.decay_every)


class Exponential(msgspec.Struct, frozen=True, tag_field="kind", tag="exponential", forbid_unknown_fields=True):
    """A factor every epoch: eta_k = eta_0 decay_factor^k."""

    decay_factor: Positive = 0.9

    def rate(self, lr: float, time: Array, epochs: int) -> Array:
        """Return eta_k."""
        return lr * self.decay_factor**time


class Cosine(msgspec.Struct, frozen=True, tag_field="kind", tag="cosine", forbid_unknown_fields=True):
    """Half a cosine: eta_k = eta_N + (eta_0 - eta_N) (1 + cos(pi k / N)) / 2 (Loshchilov and Hutter 2017, eq. 5)."""

    final_lr: NotNegative = 0.0

    def rate(self, lr: float, time: Array, epochs: int) -> Array:
        """Return eta_k."""
        return self.final_lr + (lr - self.final_lr) * (1 + np.cos(np.pi * time / epochs)) / 2


Schedule = Constant | Linear | Step | Exponential | Cosine
SCHEDULES: dict[str, type[Schedule]] = {
    "constant": Constant,
    "linear": Linear,
    "step": Step,
    "exponential": Exponential,
    "cosine": Cosine,
}
"""Every schedule by name."""


def learning_rates(schedule: Schedule, lr: float, times: Array, epochs: int, warmup: float, unit: float) -> Array:
    """Return the rates at some times of a run, in epochs since it began, all below `epochs`.

    `unit` is the time from one rate to the next: 1 for a schedule by epoch, the length of a step for one by step. With
    a warm-up of W epochs the rates are scaled by (k + unit) / (W + unit) until that is 1: they climb to the schedule in
    equal steps. A rate beyond all numbers is inf.

    >>> learning_rates(Constant(), 1.0, np.arange(4.0), epochs=4, warmup=3, unit=1).tolist()
    [0.25, 0.5, 0.75, 1.0]
    >>> learning_rates(Linear(final_lr=0.0), 1.0, np.arange(4) / 2, epochs=2, warmup=0, unit=0.5).tolist()
    [1.0, 0.75, 0.5, 0.25]
    """
    with np.errstate(over="ignore"):
        ramp = np.minimum(1.0, (times + unit) / (warmup + unit))
        return np.asarray(ramp * schedule.rate(lr, times, epochs))


def grown_batch_size(schedule: Schedule, lr: float, epoch: int, epochs: int, smallest: int, largest: int) -> int:
    """Return the batch size of an epoch, counted from 0, in which the batch grows where the rate would fall.

        B_k = B_0 eta_0 / eta_k,   rounded, at most `largest`

    The noise of a gradient step goes with eta / B, so that a growing batch anneals a run as a falling rate does, in
    fewer steps. Source: Smith, Kindermans, Ying and Le, 2018, "Don't decay the learning rate, increase the batch
    size", section 3.

    >>> [grown_batch_size(Step(decay_factor=0.2, decay_every=2), 0.1, k, 6, smallest=10, largest=100) for k in range(6)]
    [10, 10, 50, 50, 100, 100]
    """
    rate = float(schedule.rate(lr, np.array(float(epoch)), epochs))
    wanted = smallest * lr / rate if rate > 0 else float(smallest if lr == 0 else largest)
    return round(min(max(wanted, smallest), largest))


def make_schedule(kind: str | None = None, **settings: float | None) -> Schedule:
    """Return the schedule `kind` with its settings; those that are None take their defaults.

    Without a kind, `final_lr` alone means linear decay, and nothing at all means a constant rate.

    >>> make_schedule(final_lr=0.001)
    Linear(final_lr=0.001)
    """
    kind = plain(kind)
    given = {name: value for name, value in settings.items() if value is not None}
    if kind is None:
        kind = "linear" if "final_lr" in given else "constant"
    if not isinstance(kind, str) or kind not in SCHEDULES:
        raise ConfigError(unknown("schedule", kind, SCHEDULES))
    fields = SCHEDULES[kind].__struct_fields__
    takes = f"the {kind} schedule takes {', '.join(fields) or 'no settings'}"
    for name in given:
        if name not in fields:
            raise ConfigError(f"{name} is given, but {takes}.")
    try:
        found: Schedule = convert({"kind": kind, **plain(given)}, SCHEDULES[kind])
    except ConfigError as error:
        raise ConfigError(f"{takes}, and something does not fit: {error}") from None
    return found

"""Learning-rate schedules: from the epoch to the rate.

Letters: k epoch, counted from 0; N number of epochs; eta_0 the rate at the start, eta_N the rate that the schedule
heads for. A schedule is a value, and a part of a run's specification.
"""

from __future__ import annotations

import math
import sys
from typing import Annotated, Any

import msgspec

from ravine.errors import ConfigError, unknown

_LARGEST = sys.float_info.max
Positive = Annotated[float, msgspec.Meta(gt=0, le=_LARGEST)]
NotNegative = Annotated[float, msgspec.Meta(ge=0, le=_LARGEST)]


class Constant(msgspec.Struct, frozen=True, tag_field="kind", tag="constant", forbid_unknown_fields=True):
    """eta_k = eta_0."""

    def rate(self, lr: float, epoch: int, epochs: int) -> float:
        """Return eta_k."""
        return lr


class Linear(msgspec.Struct, frozen=True, tag_field="kind", tag="linear", forbid_unknown_fields=True):
    """Linear decay by epoch, the paper's eq. 5: eta_k = eta_0 (1 - a) + a eta_N with a = k / N.

    With k counted from 0 the first epoch runs at eta_0, as the name "initial" says, and the last at one N-th above
    eta_N.
    """

    final_lr: NotNegative

    def rate(self, lr: float, epoch: int, epochs: int) -> float:
        """Return eta_k."""
        a = epoch / epochs
        return lr * (1 - a) + a * self.final_lr


class Step(msgspec.Struct, frozen=True, tag_field="kind", tag="step", forbid_unknown_fields=True):
    """A factor every so many epochs: eta_k = eta_0 decay_factor^floor(k / decay_every)."""

    decay_factor: Positive = 0.1
    decay_every: Annotated[int, msgspec.Meta(ge=1)] = 5

    def rate(self, lr: float, epoch: int, epochs: int) -> float:
        """Return eta_k."""
        return lr * self.decay_factor ** (epoch // self.decay_every)


class Exponential(msgspec.Struct, frozen=True, tag_field="kind", tag="exponential", forbid_unknown_fields=True):
    """A factor every epoch: eta_k = eta_0 decay_factor^k."""

    decay_factor: Positive = 0.9

    def rate(self, lr: float, epoch: int, epochs: int) -> float:
        """Return eta_k."""
        return lr * self.decay_factor**epoch


class Cosine(msgspec.Struct, frozen=True, tag_field="kind", tag="cosine", forbid_unknown_fields=True):
    """Half a cosine: eta_k = eta_N + (eta_0 - eta_N) (1 + cos(pi k / N)) / 2 (Loshchilov and Hutter 2017, eq. 5)."""

    final_lr: NotNegative = 0.0

    def rate(self, lr: float, epoch: int, epochs: int) -> float:
        """Return eta_k."""
        return self.final_lr + (lr - self.final_lr) * (1 + math.cos(math.pi * epoch / epochs)) / 2


Schedule = Constant | Linear | Step | Exponential | Cosine
SCHEDULES: dict[str, type[Schedule]] = {
    "constant": Constant,
    "linear": Linear,
    "step": Step,
    "exponential": Exponential,
    "cosine": Cosine,
}
"""Every schedule by name."""


def learning_rate(schedule: Schedule, lr: float, epoch: int, epochs: int, warmup: int = 0) -> float:
    """Return the rate of `epoch`, counted from 0, of a run of `epochs`.

    With a warm-up of W epochs the first W are scaled by (k + 1) / (W + 1): they climb to the schedule in equal steps.

    >>> [round(learning_rate(Linear(final_lr=0.0), 1.0, k, 4), 2) for k in range(4)]
    [1.0, 0.75, 0.5, 0.25]
    >>> [round(learning_rate(Constant(), 1.0, k, 4, warmup=3), 2) for k in range(4)]
    [0.25, 0.5, 0.75, 1.0]
    """
    if not 0 <= epoch < epochs:
        raise ConfigError(f"epoch {epoch} is not one of a run of {epochs} epochs, counted from 0.")
    ramp = min(1.0, (epoch + 1) / (warmup + 1))
    return ramp * schedule.rate(lr, epoch, epochs)


def plain_number(value: Any) -> Any:
    """Return one of NumPy's numbers as Python's own; for msgspec, which knows only those."""
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"a {type(value).__name__} is not a setting")


def make_schedule(kind: str | None = None, **settings: float | None) -> Schedule:
    """Return the schedule `kind` with its settings; those that are None take their defaults.

    Without a kind, `final_lr` alone means linear decay, and nothing at all means a constant rate.

    >>> make_schedule(final_lr=0.001)
    Linear(final_lr=0.001)
    """
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
        plain = msgspec.to_builtins({"kind": kind, **given}, enc_hook=plain_number)
        return msgspec.convert(plain, SCHEDULES[kind])
    except (msgspec.ValidationError, TypeError) as error:
        raise ConfigError(f"{takes}, and something does not fit: {error}.") from error

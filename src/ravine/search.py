"""The axes of a search space: from which values of a hyper-parameter, or of a setting, a search draws its trials.

Each axis maps a number u of [0, 1) to a value, so that points spread evenly over [0, 1) become values that are spread
evenly in the scale of the axis.

>>> lr = log(1e-4, 1)
>>> f"{lr.at(0.5):g}", lr.width, str(lr)
('0.01', 4.0, 'log 0.0001 to 1')
"""

from __future__ import annotations

import math
import sys
from typing import Any, Literal, Self, get_args

import msgspec

from ravine.errors import ConfigError, shortened, unknown
from ravine.inputs import plain

End = Literal["low", "high"]
"""The end of an axis at which its value is the smallest, or the largest."""

Value = bool | int | float | str
"""One value of a choice."""

_LARGEST = sys.float_info.max
_LEAST = sys.float_info.min
"""The least number above 0 that an extended range may reach."""
_CLOSEST = 1 - sys.float_info.epsilon
"""The number below 1 that an extended range may reach."""


class _Range(msgspec.Struct, frozen=True, tag_field="axis"):
    """All numbers between two ends, in the scale of the axis."""

    low: float
    high: float

    def __post_init__(self) -> None:
        for end, given in (("low", self.low), ("high", self.high)):
            msgspec.structs.force_setattr(self, end, _number(self._name, end, given))
        if not self.low < self.high:
            raise ConfigError(
                f"{self._name}({self.low:g}, {self.high:g}) holds no range: its low end must be below its high end."
            )

    @property
    def _name(self) -> str:
        """The function that makes such an axis."""
        return str(type(self).__struct_config__.tag)

    @property
    def ends(self) -> tuple[float, float]:
        """The smallest and the largest value."""
        return self.low, self.high

    def at(self, u: float) -> float:
        """Return the value at u of [0, 1], which grows with u."""
        if not 0 <= u <= 1:
            raise ConfigError(f"an axis has no value at {shortened(plain(u))}: give a number from 0 to 1.")
        low, high = self.ends
        return min(max(self._at(float(u)), low), high)  # rounding must not lead beyond an end

    def place(self, x: float) -> float:
        """Return the place of a value in [0, 1], the inverse of `at`; a value beyond an end is placed at that end."""
        low, high = self.ends
        return 0.0 if x <= low else 1.0 if x >= high else min(max(self._place(float(x)), 0.0), 1.0)

    def extended(self, end: End, bound: float) -> Self | None:
        """Return the neighboring range beyond an end, half as wide as this axis in its own scale.

        It stops at `bound`, the lowest or the highest value that is allowed: None if the axis itself ends there.
        """
        if self.is_bound(end, bound):
            return None
        (low, high), (least, most) = self.ends, self._limits
        beyond = self._beyond(end)
        first, last = (max(beyond, bound, least), low) if end == "low" else (high, min(beyond, bound, most))
        return self._between(first, last) if first < last else None

    def is_bound(self, end: End, bound: float) -> bool:
        """Tell whether an end lies at the bound of the value, beyond which there is nothing to search.

        Bounds that the scale of the axis never reaches, such as 0 with a logarithm, are none of these.
        """
        (low, high), (least, most) = self.ends, self._limits
        return low <= max(bound, least) if _checked(end) == "low" else high >= min(bound, most)

    @property
    def _limits(self) -> tuple[float, float]:
        """The least and the largest value that an axis of this kind can have."""
        return -_LARGEST, _LARGEST

    def _at(self, u: float) -> float:
        raise NotImplementedError

    def _place(self, x: float) -> float:
        raise NotImplementedError

    def _beyond(self, end: End) -> float:
        """Return the value that lies half the width of the axis beyond an end."""
        raise NotImplementedError

    def _between(self, low: float, high: float) -> Self:
        """Return the axis of this kind between two values."""
        return type(self)(low, high)


class Log(_Range, frozen=True, tag="log"):
    """The logarithm of the value is uniform; see `log`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.low <= 0:
            raise ConfigError(f"log({self.low:g}, {self.high:g}) starts at {self.low:g}; it must start above 0.")

    def __str__(self) -> str:
        return f"log {self.low:g} to {self.high:g}"

    @property
    def width(self) -> float:
        """Its width in decades."""
        return math.log10(self.high) - math.log10(self.low)

    def _at(self, u: float) -> float:
        return _log_between(self.low, self.high, u)

    def _place(self, x: float) -> float:
        return (math.log(x) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))

    def _beyond(self, end: End) -> float:
        factor = math.sqrt(self.high) / math.sqrt(self.low)
        return self.low / factor if end == "low" else self.high * factor

    @property
    def _limits(self) -> tuple[float, float]:
        return _LEAST, _LARGEST


class OneMinusLog(_Range, frozen=True, tag="one_minus_log"):
    """The logarithm of 1 - x is uniform; see `one_minus_log`. `low` and `high` are those of 1 - x."""

    def __post_init__(self) -> None:
        super().__post_init__()
        told = f"one_minus_log({self.low:g}, {self.high:g})"
        if not 0 < self.low < self.high <= 1:
            raise ConfigError(f"{told} leaves (0, 1]: it takes the smallest and the largest 1 - x, as in (0.001, 0.5).")
        if 1 - self.low == 1:
            raise ConfigError(f"{told} reaches a value that rounds to 1: give a larger low end.")

    def __str__(self) -> str:
        return "log in 1 - x, {:g} to {:g}".format(*self.ends)

    @property
    def ends(self) -> tuple[float, float]:
        """The smallest and the largest value."""
        return 1 - self.high, 1 - self.low

    @property
    def width(self) -> float:
        """Its width in decades of 1 - x."""
        return math.log10(self.high) - math.log10(self.low)

    def _at(self, u: float) -> float:
        return 1 - _log_between(self.high, self.low, u)

    def _place(self, x: float) -> float:
        return (math.log(self.high) - math.log(1 - x)) / (math.log(self.high) - math.log(self.low))

    def _beyond(self, end: End) -> float:
        factor = math.sqrt(self.high) / math.sqrt(self.low)
        return 1 - self.high * factor if end == "low" else 1 - self.low / factor

    @property
    def _limits(self) -> tuple[float, float]:
        return 0.0, _CLOSEST

    def _between(self, low: float, high: float) -> Self:
        return type(self)(1 - high, 1 - low)


class Linear(_Range, frozen=True, tag="linear"):
    """The value itself is uniform; see `linear`."""

    def __str__(self) -> str:
        return f"linear {self.low:g} to {self.high:g}"

    @property
    def width(self) -> None:
        """None, since an axis that is no logarithm has no decades."""
        return None

    def _at(self, u: float) -> float:
        return (1 - u) * self.low + u * self.high

    def _place(self, x: float) -> float:
        return (x - self.low) / (self.high - self.low)

    def _beyond(self, end: End) -> float:
        half = self.high / 2 - self.low / 2
        return self.low - half if end == "low" else self.high + half


class Choice(msgspec.Struct, frozen=True, tag_field="axis", tag="choice"):
    """Some values, each as likely as the others; see `choice`."""

    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        values = tuple(map(plain, self.values))
        if not values:
            raise ConfigError("choice() has no values: give one at least, as in choice(10, 50).")
        for place, value in enumerate(values):
            if not isinstance(value, (int, float, str)) or value in (math.inf, -math.inf) or value != value:
                raise ConfigError(f"choice has {shortened(value)}: give finite numbers, True or False, or texts.")
            if value in values[:place]:  # 1, 1.0 and True train alike
                raise ConfigError(f"choice has {shortened(value)} twice: leave one out.")
        msgspec.structs.force_setattr(self, "values", values)

    def __str__(self) -> str:
        return f"one of {', '.join(map(_shown, self.values))}"

    @property
    def width(self) -> None:
        """None, since a choice has no decades."""
        return None

    def at(self, u: float) -> Value:
        """Return the value at u of [0, 1]: each has an equal part, in their order."""
        if not 0 <= u <= 1:
            raise ConfigError(f"an axis has no value at {shortened(plain(u))}: give a number from 0 to 1.")
        return self.values[min(int(u * len(self.values)), len(self.values) - 1)]

    def place(self, x: Value) -> float:
        """Return the middle of the part of [0, 1] at which `at` returns a value."""
        if x not in self.values:
            raise ConfigError(f"{shortened(plain(x))} is no value of this axis: {self}.")
        return (self.values.index(x) + 0.5) / len(self.values)

    def extended(self, end: End, bound: float) -> None:
        """Return None: nothing lies beyond a list."""

    def is_bound(self, end: End, bound: float) -> bool:
        """Return True: nothing lies beyond a list."""
        return bool(_checked(end))


Axis = Log | OneMinusLog | Linear | Choice
"""One axis of a search space. msgspec stores its kind as "axis", beside its ends or its values."""


def log(low: float, high: float) -> Log:
    """Return the axis on which the logarithm is uniform from `low` to `high`: for learning rates, decays and eps.

    Raises:
        ConfigError: `low` is not above 0, or not below `high`, or one of them is no finite number.

    >>> axis = log(0.001, 10)
    >>> [f"{axis.at(u):g}" for u in (0, 0.25, 0.5, 1)], axis.place(0.1)
    (['0.001', '0.01', '0.1', '10'], 0.5)
    >>> str(axis.extended("high", math.inf)), str(axis.extended("low", 0.0005))
    ('log 10 to 1000', 'log 0.0005 to 0.001')
    """
    return Log(low, high)


def one_minus_log(low: float, high: float) -> OneMinusLog:
    """Return the axis on which the logarithm of 1 - x is uniform, and 1 - x lies between `low` and `high`.

    It is for momenta: how long a momentum remembers is in proportion to 1 / (1 - x). The value x grows along the axis.

    Raises:
        ConfigError: `low` and `high` do not lie in (0, 1], in this order.

    >>> axis = one_minus_log(0.001, 0.1)
    >>> [f"{axis.at(u):g}" for u in (0, 0.5, 1)]
    ['0.9', '0.99', '0.999']
    >>> axis.extended("low", 0.0).ends
    (0.0, 0.9)
    """
    return OneMinusLog(low, high)


def linear(low: float, high: float) -> Linear:
    """Return the axis on which the value itself is uniform from `low` to `high`.

    Raises:
        ConfigError: `low` is not below `high`, or one of them is no finite number.

    >>> axis = linear(0, 0.8)
    >>> axis.at(0.25), str(axis.extended("high", 1)), axis.extended("low", 0)
    (0.2, 'linear 0.8 to 1', None)
    """
    return Linear(low, high)


def choice(*values: Value) -> Choice:
    """Return the axis of some values, each as likely as the others: numbers, flags or texts.

    Raises:
        ConfigError: there is none, or one stands there twice.

    >>> axis = choice("constant", "cosine")
    >>> axis.at(0.2), axis.at(0.5), axis.place("cosine")
    ('constant', 'cosine', 0.75)
    """
    return Choice(values)


def _number(name: str, end: str, given: Any) -> float:
    """Return an end of an axis as a float."""
    value = plain(given)
    try:
        number = math.nan if isinstance(value, bool) or not isinstance(value, (int, float)) else float(value)
    except OverflowError:  # a whole number that no float holds
        number = math.inf
    if not math.isfinite(number):
        raise ConfigError(f"the {end} end of {name} is {shortened(value)}; it must be a finite number.")
    return number + 0.0  # -0.0 equals 0.0


def _checked(end: str) -> str:
    """Return the name of an end, if it is one."""
    if end not in get_args(End):
        raise ConfigError(unknown("end of an axis", end, get_args(End)))
    return end


def _log_between(first: float, last: float, u: float) -> float:
    """Return the number at the share u of the way between two, on a logarithmic scale; exact at both ends."""
    return float(first ** (1 - u) * last**u)


def _shown(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)

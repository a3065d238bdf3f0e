"""What an optimizer is to ravine: a pure function of scalars, written once, whose signature is its declaration."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, overload

from ravine.errors import ConfigError, unknown

_BOUNDS = {"lr": "[0, inf)"}


@dataclass(frozen=True, eq=False)
class Rule:
    """One optimizer.

    Attributes:
        name: what the command line calls it.
        function: the update, called with arrays by the reference engine, rendered to a loop by the fused one.
        arguments: its positional parameters in order: `g`, the slots, and `w` or `t` where it asks for them.
        slots: names of the state slots, each one number a weight, 0 at the start.
        defaults: each hyper-parameter's default, None where the user must give one.
        bounds: each bounded hyper-parameter's interval, such as "[0, 1)".
        inert: a zero gradient changes neither the weight nor any slot, ever.
    """

    name: str
    function: Callable[..., Any]
    arguments: tuple[str, ...]
    slots: tuple[str, ...]
    defaults: Mapping[str, float | None]
    bounds: Mapping[str, str]
    inert: bool
    _idle: list[Callable[..., Any]] = field(default_factory=list, repr=False, compare=False)

    @property
    def idle_form(self) -> Callable[..., Any] | None:
        """The closed form of n steps with zero gradient, if the rule declares one."""
        return self._idle[0] if self._idle else None

    def idle(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Declare the closed form of n steps with zero gradient.

        The function takes slots (and `w`), then `n`, then keyword-only hyper-parameters, and returns the sum of the n
        steps and the slots after them. It must hold for every n of 1 or more, and not depend on the step number.
        """
        positional, keywords = _parameters(function)
        allowed = {"w", "n", *self.slots}
        if "n" not in positional or not set(positional) <= allowed or not set(keywords) <= set(self.defaults):
            raise ConfigError(
                f"the idle form of {self.name} may ask for {', '.join(sorted(allowed))} and, after *, for "
                f"{', '.join(self.defaults)}; it asks for {', '.join([*positional, *keywords])}."
            )
        self._idle.append(function)
        return function

    @property
    def summary(self) -> str:
        """The first line of the rule's docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    def hyperparameters(self, given: Mapping[str, float]) -> dict[str, float]:
        """Return all hyper-parameters in declared order: the given ones, checked, over the defaults.

        >>> from ravine.rules import momentum
        >>> momentum.hyperparameters({"lr": 0.1})
        {'lr': 0.1, 'alpha': 0.9}
        """
        for name in given:
            if name not in self.defaults:
                raise ConfigError(unknown(f"hyper-parameter of {self.name}", name, self.defaults))
        values = {**self.defaults, **given}
        checked: dict[str, float] = {}
        for name, value in values.items():
            if value is None:
                raise ConfigError(f"{self.name} needs a value for {name}: give one, for example {name}=0.1.")
            interval = self.bounds.get(name, "(-inf, inf)")
            try:
                number = float(value)
            except (TypeError, ValueError):
                raise ConfigError(f"{name} of {self.name} is {value!r}; it must be a number in {interval}.") from None
            if not contains(interval, number):
                raise ConfigError(f"{name} of {self.name} is {number:g}; it must be a finite number in {interval}.")
            checked[name] = number
        return checked

    def __call__(self, *arguments: Any, **hyperparameters: Any) -> Any:
        """Call the rule's function as written."""
        return self.function(*arguments, **hyperparameters)


def contains(interval: str, value: float) -> bool:
    """Tell whether a finite `value` lies in an interval written as in mathematics; nan and inf lie in none.

    >>> contains("[0, 1)", 0.0), contains("[0, 1)", 1.0), contains("[0, inf)", float("inf"))
    (True, False, False)
    """
    low, high = (float(end) for end in interval[1:-1].split(","))
    above = value >= low if interval[0] == "[" else value > low
    below = value <= high if interval[-1] == "]" else value < high
    return math.isfinite(value) and above and below


@overload
def rule(function: Callable[..., Any], /) -> Rule: ...


@overload
def rule(
    *, name: str | None = None, inert: bool = False, bounds: Mapping[str, str] = MappingProxyType({})
) -> Callable[[Callable[..., Any]], Rule]: ...


def rule(
    function: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    inert: bool = False,
    bounds: Mapping[str, str] = MappingProxyType({}),
) -> Rule | Callable[[Callable[..., Any]], Rule]:
    """Make a `Rule` of a function, as a decorator with or without arguments.

    Positional parameters after `g` are state slots (`w`, the weight, and `t`, the step counted from 1, may be asked for
    by name). Keyword-only parameters are hyper-parameters; one of them must be `lr`. The function returns the step (w
    becomes w - step) and then the new slots, in the order of its parameters. Its body is assignments and a return, with
    arithmetic and NumPy functions as `np.sqrt`, so that the same text runs on arrays and inside the fused loop.

    >>> @rule(inert=True)
    ... def plain(g, *, lr):
    ...     return lr * g
    >>> plain.name, plain.slots, dict(plain.defaults)
    ('plain', (), {'lr': None})
    """

    def declare(function: Callable[..., Any]) -> Rule:
        positional, keywords = _parameters(function)
        label = name or function.__name__
        if "g" not in positional:
            raise ConfigError(f"rule {label} takes no g: its gradient must be a positional parameter named g.")
        if "lr" not in keywords:
            raise ConfigError(f"rule {label} takes no lr: declare the learning rate after *, as in `(g, *, lr)`.")
        for bounded in bounds:
            if bounded not in keywords:
                raise ConfigError(unknown(f"hyper-parameter of {label}", bounded, keywords))
        after_g = positional[positional.index("g") + 1 :]
        slots = tuple(p for p in after_g if p not in ("w", "t"))
        strays = set(positional) - {"g", "w", "t"} - set(slots)
        if strays:
            raise ConfigError(f"rule {label} has slots before g: {', '.join(sorted(strays))}. Slots come after g.")
        for parameter in (*slots, *keywords):
            if parameter in ("w", "t", "n") or parameter.startswith("_"):
                raise ConfigError(
                    f"{parameter} of {label} is a name that is taken: w, t and n are the weight, the step number and "
                    "the idle steps, and names that start with _ are the kernel's own."
                )
        return Rule(label, function, tuple(positional), slots, MappingProxyType(keywords), {**_BOUNDS, **bounds}, inert)

    return declare if function is None else declare(function)


def _parameters(function: Callable[..., Any]) -> tuple[list[str], dict[str, float | None]]:
    """Split a signature into positional names and keyword-only names with their defaults."""
    positional: list[str] = []
    keywords: dict[str, float | None] = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY:
            keywords[parameter.name] = None if parameter.default is parameter.empty else float(parameter.default)
        elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            positional.append(parameter.name)
        else:
            raise ConfigError(f"rule {function.__name__} takes *{parameter.name}: name each parameter.")
    return positional, keywords

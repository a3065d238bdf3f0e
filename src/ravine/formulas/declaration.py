"""The declaration of a thing on a shelf: its signature, with defaults, bounds and kinds of its hyper-parameters."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from ravine.errors import ConfigError, unknown
from ravine.formulas.faults import telling_faults
from ravine.formulas.intervals import contains, inside, is_interval
from ravine.formulas.kinds import Kind, Value, allowed, kinds_of, number_of, shown, typed
from ravine.inputs import as_written, folded, folded_keys


class Declaration:
    """A declared function: its name, and its hyper-parameters with defaults, bounds and kinds.

    Attributes:
        name: its name on the command line.
        function: the function that was declared.
        defaults: each hyper-parameter's default, None where the user must give one.
        bounds: each bounded hyper-parameter's interval, such as "[0, 1)".
        kinds: each hyper-parameter's kind: "number", "whole number" or "flag".
    """

    noun: ClassVar[str] = "rule"
    setting: ClassVar[str] = "hyper-parameter"

    name: str
    function: Callable[..., Any]
    defaults: Mapping[str, float | None]
    bounds: Mapping[str, str]
    kinds: Mapping[str, Kind]

    @property
    def label(self) -> str:
        """Its name in messages."""
        return f"{self.noun} {self.name}"

    @property
    def title(self) -> str:
        """Its name within a sentence."""
        return self.name

    @property
    def summary(self) -> str:
        """The first line of the function's docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    def hyperparameters(self, given: Mapping[str, float]) -> dict[str, float]:
        """Return all hyper-parameters in declared order, as numbers: the given ones, checked, over the defaults.

        >>> from ravine.optimizers.momentum import momentum
        >>> momentum.hyperparameters({"lr": 0.1})
        {'lr': 0.1, 'alpha': 0.9}
        """
        given = folded_keys(given)
        for name in given:
            if name not in self.defaults:
                raise ConfigError(unknown(f"{self.setting} of {self.title}", name, self.defaults))
        values = {**self.defaults, **given}
        checked: dict[str, float] = {}
        for name, value in values.items():
            if value is None:
                example = shown(self.typed({name: self.example(name)})[name])
                raise ConfigError(f"{self.title} needs a value for {name}: give one, for example {name}={example}.")
            kind, interval = self.kinds[name], self.bounds.get(name, "(-inf, inf)")
            fits = allowed(kind, interval)
            try:
                number = number_of(value, kind)
            except (TypeError, ValueError, OverflowError):
                fits = fits.replace("finite ", "")
                raise ConfigError(f"{name} of {self.title} is {as_written(value)}; it must be {fits}.") from None
            if not contains(interval, number):
                raise ConfigError(f"{name} of {self.title} is {number:g}; it must be {fits}.")
            checked[name] = number
        return checked

    def typed(self, values: Mapping[str, float]) -> dict[str, Value]:
        """Return checked hyper-parameters in their own types: flags as bool, whole numbers as int, others as float."""
        return {name: typed(value, self.kinds[name]) for name, value in values.items()}

    def domain(self, name: str) -> str:
        """Return the allowed values of a hyper-parameter: its interval, or words for a whole number or a flag."""
        kind, interval = self.kinds[name], self.bounds.get(name, "(-inf, inf)")
        return interval if kind == "number" else allowed(kind, interval)

    def example(self, name: str) -> float:
        """Return a value that a hyper-parameter may have."""
        return 1.0 if self.kinds[name] == "flag" else inside(self.bounds.get(name), self.kinds[name])

    def __call__(self, *arguments: Any, **hyperparameters: Any) -> Any:
        """Call the function as written."""
        with telling_faults(self.label, self.function):
            return self.function(*arguments, **hyperparameters)


def label_of(function: Any, name: str | None, kind: str) -> str:
    """Return the name of a thing that a function declares.

    Raises:
        ConfigError: what was given is not a function defined with `def`, or the name has letters that are not allowed.
    """
    if not inspect.isfunction(function) or function.__name__ == "<lambda>":
        given = "a lambda" if inspect.isfunction(function) else f"a {type(function).__name__}"
        raise ConfigError(f"a {kind} is a function defined with `def`, and this is {given}: write it as one.")
    label = folded(name) if isinstance(name, str) else function.__name__ if name is None else name
    if not isinstance(label, str) or not re.fullmatch(r"\w[\w-]*", label):
        raise ConfigError(f"{label!r} is no name for a {kind}: use letters, digits, _ and -.")
    return label


@dataclass(frozen=True)
class Signature:
    """What the signature of a function declares.

    Attributes:
        name: the name of the thing.
        positional: the names before the `*`.
        defaults, bounds, kinds: its hyper-parameters, as `Declaration` has them.
    """

    name: str
    positional: tuple[str, ...]
    defaults: Mapping[str, float | None]
    bounds: Mapping[str, str]
    kinds: Mapping[str, Kind]


def signature_of(kind: str, function: Any, name: str | None, bounds: Any, without: tuple[str, ...] = ()) -> Signature:
    """Read a signature, and make the checks that are the same for every kind of declared thing.

    `kind` is the word for the thing in messages. Hyper-parameters named in `without` belong to another thing and are
    left out. Without a name of its own, the thing has the name of its function.
    """
    label = label_of(function, name, kind)
    positional, keywords = parameters(function, kind)
    keywords = {key: default for key, default in keywords.items() if key not in without}
    if not isinstance(bounds, Mapping):
        example = next(iter(keywords), "size")
        raise ConfigError(f'the bounds of {label} are {bounds!r}; write them as {{"{example}": "[0, 1)"}}.')
    intervals = folded_keys(bounds)
    for bounded, interval in intervals.items():
        if bounded not in keywords:
            setting = Declaration.setting if kind != "schedule" else "setting"
            raise ConfigError(unknown(f"{setting} of {label}", bounded, keywords))
        if not is_interval(interval):
            raise ConfigError(f'the bounds of {bounded} of {label} are {interval!r}; write them as "[0, 1)".')
        default = keywords[bounded]
        if default is not None and not contains(interval, default):
            raise ConfigError(f"the default of {bounded} of {label} is {default:g}, and its bounds are {interval}.")
    kinds = {key: found for key, found in kinds_of(function).items() if key in keywords}
    _check_kinds(label, function, intervals, kinds)
    return Signature(label, tuple(positional), MappingProxyType(keywords), intervals, kinds)


def _check_kinds(label: str, function: Any, bounds: Mapping[str, str], kinds: Mapping[str, Kind]) -> None:
    """Check that kinds, bounds and defaults fit each other."""
    for name, parameter in inspect.signature(function).parameters.items():
        kind, interval = kinds.get(name, "number"), bounds.get(name, "(-inf, inf)")
        if kind == "flag" and name in bounds:
            raise ConfigError(f"{name} of {label} is a flag, which is true or false: leave out its bounds.")
        if kind == "whole number" and math.isnan(inside(interval, kind)):
            raise ConfigError(f"{name} of {label} is a whole number, and there is none in its bounds, {interval}.")
        if name not in kinds or parameter.default is parameter.empty:
            continue
        try:
            number_of(parameter.default, kind)
        except ValueError:
            raise ConfigError(
                f"the default of {name} of {label} is {parameter.default!r}; it is declared as a {kind}, and must be "
                f"{allowed(kind, interval)}."
            ) from None


_GIVEN = {
    "rule": "slots start at 0, or where start= says",
    "stage": "slots start at 0, or where start= says",
    "schedule": "ravine gives the time",
    "surface": "ravine gives the weights",
    "activation": "ravine gives the number",
    "loss": "ravine gives the output and its target",
}
"""Why a positional parameter has no default."""


def parameters(function: Callable[..., Any], kind: str = "rule") -> tuple[list[str], dict[str, float | None]]:
    """Split a signature into positional names and keyword-only names with their defaults."""
    positional: list[str] = []
    keywords: dict[str, float | None] = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY:
            keywords[parameter.name] = None if parameter.default is parameter.empty else _number(parameter)
        elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            if parameter.default is not parameter.empty:
                raise ConfigError(
                    f"{parameter.name} of {function.__name__} has a default, but {_GIVEN[kind]}: leave it out, or "
                    "declare it after *."
                )
            positional.append(parameter.name)
        else:
            stars = "*" if parameter.kind is parameter.VAR_POSITIONAL else "**"
            raise ConfigError(f"{kind} {function.__name__} takes {stars}{parameter.name}: name each parameter.")
    return positional, keywords


def _number(parameter: inspect.Parameter) -> float:
    try:
        return float(parameter.default)
    except (TypeError, ValueError, OverflowError):
        raise ConfigError(
            f"the default of {parameter.name} is {parameter.default!r}: give a number, or none at all."
        ) from None

"""What the declaration of an optimizer says for comparisons: where it is searched, and which others it contains."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from ravine.errors import ConfigError, shortened, unknown
from ravine.formulas.intervals import contains
from ravine.formulas.kinds import allowed, number_of
from ravine.formulas.optimizer import Optimizer
from ravine.inputs import as_written, folded, folded_keys, plain
from ravine.search import Axis, Choice

O = TypeVar("O", bound=Optimizer)


def comparable(optimizer: O, search: Any, contains: Any) -> O:
    """Return an optimizer with what its declaration says in `search` and `contains`, which `rule` explains.

    Raises:
        ConfigError: one of them is not of its form, or does not fit the optimizer's hyper-parameters.
    """
    made: Any = optimizer  # a dataclass, as every optimizer is
    found: O = dataclasses.replace(made, search=_axes(optimizer, search), contains=_contained(optimizer, contains))
    return found


def _axes(optimizer: Optimizer, given: Any) -> Mapping[str, Axis | None]:
    """Return the axes that a declaration gives to an optimizer; None takes a hyper-parameter out of the space.

    Raises:
        ConfigError: a name is none of its hyper-parameters, or an axis does not fit the values that one may have.
    """
    if not isinstance(given, Mapping):
        raise ConfigError(
            f"search of {optimizer.title} is {shortened(plain(given))}; write axes by the names of hyper-parameters, "
            'as {"lr": ravine.search.log(0.001, 1)}.'
        )
    axes = folded_keys(given)
    for name, axis in axes.items():
        if name not in optimizer.defaults:
            raise ConfigError(unknown(f"hyper-parameter of {optimizer.title}", name, optimizer.defaults))
        if axis is not None:
            _check_axis(optimizer, name, axis)
    return MappingProxyType(axes)


def _check_axis(optimizer: Optimizer, name: str, axis: Any) -> None:
    """Check that an axis is one, and that a hyper-parameter may have all of its values."""
    label = f"the axis of {name} of {optimizer.title}"
    if not isinstance(axis, Axis):
        raise ConfigError(
            f"{label} is {shortened(plain(axis))}; give one of ravine.search, as log(0.001, 1), or None to search "
            f"without {name}."
        )
    kind, interval = optimizer.kinds[name], optimizer.bounds.get(name, "(-inf, inf)")
    if isinstance(axis, Choice):
        for value in axis.values:
            try:
                fits = not isinstance(value, str) and contains(interval, number_of(value, kind))
            except (ValueError, OverflowError):
                fits = False
            if not fits:
                raise ConfigError(f"{label} has {shortened(value)}; {name} must be {allowed(kind, interval)}.")
    elif kind != "number":
        values = "True, False" if kind == "flag" else "5, 10, 20"
        raise ConfigError(f"{label} is {axis}, and {name} is a {kind}: list its values, as in choice({values}).")
    elif not all(contains(interval, end) for end in axis.ends):
        raise ConfigError(f"{label} is {axis}, and leaves its bounds, {interval}: let it end where they do.")


def _contained(optimizer: Optimizer, given: Any) -> Mapping[str, Mapping[str, float]]:
    """Return what a declaration says that an optimizer contains: by name, the hyper-parameters at which it is that.

    Raises:
        ConfigError: it is not of this form, or a hyper-parameter does not exist or may not have that value. Whether
            there is an optimizer of that name turns out later: its file may not have been read yet.
    """
    form = 'write hyper-parameters by the names of optimizers, as {"sgd": {"alpha": 0.0}}.'
    if not isinstance(given, Mapping):
        raise ConfigError(f"contains of {optimizer.title} is {shortened(plain(given))}; {form}")
    found: dict[str, Mapping[str, float]] = {}
    for name, fixed in given.items():
        if not isinstance(name, str) or not name:
            raise ConfigError(f"contains of {optimizer.title} names {shortened(plain(name))}, no optimizer; {form}")
        if not isinstance(fixed, Mapping):
            raise ConfigError(
                f"contains of {optimizer.title} gives {shortened(plain(fixed))} for {shortened(name)}; {form}"
            )
        numbers = {key: _number(optimizer, name, key, value) for key, value in folded_keys(fixed).items()}
        found[folded(name)] = MappingProxyType(numbers)
    return MappingProxyType(found)


def _number(optimizer: Optimizer, name: str, key: str, value: Any) -> float:
    """Return a hyper-parameter's value as a number, if the hyper-parameter may have it."""
    if key not in optimizer.defaults:
        raise ConfigError(unknown(f"hyper-parameter of {optimizer.title}", key, optimizer.defaults))
    kind, interval = optimizer.kinds[key], optimizer.bounds.get(key, "(-inf, inf)")
    try:
        number = number_of(value, kind)
        fits = contains(interval, number) and not isinstance(value, str)
    except (TypeError, ValueError, OverflowError):
        fits = False
    if not fits:
        raise ConfigError(
            f"{optimizer.title} is said to be {name} at {key} = {as_written(value)}; {key} must be "
            f"{allowed(kind, interval)}."
        )
    return number

"""A comparison as a TOML file.

    problems = ["mnist-small"]
    optimizers = ["sgd", "momentum", "my_rule.py:my_rule"]
    schedules = ["constant", "cosine"]
    batch_sizes = [10, 100]

    [protocol]                       # any number of `ravine.comparison.plan.Protocol`
    trials = 32

    [search.momentum]                # axes in place of the optimizer's own; false takes one out
    lr = { log = [0.001, 1] }
    alpha = { linear = [0, 0.9] }

    [variants."decay"]               # an optimizer with settings of its own
    optimizer = "sgd"
    schedule = "linear"
    final_lr = 0

All keys may be left out. Paths are relative to the folder of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from ravine.comparison.finding import toml_of
from ravine.comparison.plan import Variant
from ravine.errors import ConfigError, RavineError, shortened
from ravine.formulas.files import anchored
from ravine.inputs import convert, expanded
from ravine.search import Axis, choice, linear, log, one_minus_log

_MAKERS: Mapping[str, Callable[..., Axis]] = {
    "log": log,
    "one_minus_log": one_minus_log,
    "linear": linear,
    "choice": choice,
}


class ComparisonFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a comparison's file says."""

    problems: tuple[str, ...] = ()
    optimizers: tuple[str, ...] = ()
    schedules: tuple[str, ...] = ()
    batch_sizes: tuple[int, ...] = ()
    protocol: dict[str, Any] = {}
    search: dict[str, dict[str, Any]] = {}
    variants: dict[str, dict[str, Any]] = {}

    @property
    def taking_part(self) -> list[str | Variant]:
        """The optimizers and the variants."""
        return [*self.optimizers, *(_variant(label, given) for label, given in self.variants.items())]


def _variant(label: str, given: Mapping[str, Any]) -> Variant:
    settings = dict(given)
    return Variant(label=label, optimizer=settings.pop("optimizer", None) or label, settings=settings)


def read_comparison(source: str) -> ComparisonFile:
    """Read a comparison's file; its axes are values of `ravine.search`, or None.

    Raises:
        ConfigError: there is no such file, or it is none of a comparison; the message names the key.
    """
    content = toml_of(source, "the comparison")
    try:
        file: ComparisonFile = convert(content, ComparisonFile)
        search = {
            label: {name: _axis(f"search.{label}.{name}", given) for name, given in axes.items()}
            for label, axes in file.search.items()
        }
    except RavineError as error:
        raise ConfigError(f"{source} is not a comparison: {error}") from None
    folder = expanded(source).parent
    return msgspec.structs.replace(
        file,
        optimizers=tuple(_anchored(name, folder) for name in file.optimizers),
        problems=tuple(_anchored(name, folder) for name in file.problems),
        search=search,
        variants={label: _anchored_in(given, folder) for label, given in file.variants.items()},
    )


def _anchored(name: str, folder: Path) -> str:
    return str(folder / expanded(name)) if name.endswith(".toml") else anchored("optimizer", name, folder)


def _anchored_in(given: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    things = ("optimizer", "schedule", "activation", "loss")
    named = {key: anchored(key, given[key], folder) for key in things if isinstance(given.get(key), str)}
    return {**given, **named}


def _axis(place: str, given: Any) -> Axis | None:
    if given is False:
        return None
    kinds = [name for name in _MAKERS if isinstance(given, dict) and list(given) == [name]]
    if not kinds or not isinstance(given[kinds[0]], list):
        known = ", ".join(_MAKERS)
        raise ConfigError(
            f"{place} is {shortened(given)}; write it as {{ log = [0.001, 1] }}, with one of {known}, or as false."
        )
    try:
        return _MAKERS[kinds[0]](*given[kinds[0]])
    except TypeError:
        raise ConfigError(f"{place} has {len(given[kinds[0]])} numbers; give the low end and the high end.") from None

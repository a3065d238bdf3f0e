"""The settings of runs as text, and those in which some runs differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from ravine.formulas.kinds import shown
from ravine.formulas.shelves import STAGES
from ravine.settings import BY_NAME
from ravine.spec.run_spec import DIGITS, RunSpec

_FIRST = ("optimizer", "lr", "final_lr", "batch_size")


_USUAL_SCHEDULES = {"constant", "linear"}


def settings_of(spec: RunSpec) -> dict[str, str]:
    """Return the settings of a spec under the names of `ravine.train`, as text; the seed is left out."""
    plain = msgspec.to_builtins(spec)
    schedule = plain.pop("schedule_settings")
    hyperparameters = plain.pop("hyperparameters")
    factors = {f"{name} per layer": ",".join(f"{f:g}" for f in each) for name, each in plain.pop("per_layer").items()}
    flat = {**plain, **hyperparameters, **factors, "schedule": spec.schedule_label, **schedule}
    flat.pop("seed")
    flat["optimizer"] = spec.optimizer_label
    for arrays in ("data", "initial_weights", "order"):
        flat[arrays] = flat[arrays] and flat[arrays][:DIGITS]
    given = {name: value for name, value in flat.items() if value is not None}
    return {name: _text(value) for name, value in given.items()}


def _text(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value)) or "none"
    return shown(value) if isinstance(value, (bool, int, float)) else str(value)


def differing(settings: Iterable[Mapping[str, str]], always: Sequence[str] = ()) -> list[str]:
    """Return the names of settings that are not the same everywhere, and those that are always wanted, in order."""
    every = list(settings)
    seen = dict.fromkeys(name for one in every for name in one)
    if {one.get("schedule") for one in every} <= _USUAL_SCHEDULES:
        seen.pop("schedule", None)  # a final rate already says that there is decay
    ordered = [n for n in _FIRST if n in seen] + [n for n in seen if n not in _FIRST]
    return [name for name in ordered if name in always or len({one.get(name) for one in every}) > 1]


def labels_of(settings: Sequence[Mapping[str, str]], without: Sequence[str] = ()) -> list[str]:
    """Name each of some runs by the settings in which they differ, other than those of `without`; "" if in none.

    Left out is a hyper-parameter that has one value in all runs whose optimizer has it, and a setting of a schedule
    likewise; and a default, unless labels would be empty or alike without it.

    >>> labels_of([{"optimizer": "sgd", "lr": "0.1"}, {"optimizer": "momentum", "lr": "0.1", "alpha": "0.9"}])
    ['sgd', 'momentum']
    >>> labels_of([{"optimizer": "sgd"}, {"optimizer": "sgd", "weight_decay": "0.01"}])
    ['without weight_decay', 'weight_decay 0.01']
    """
    different = differing(settings)
    chosen = [name for name in _NAMED if name in different]
    names = [
        name for name in different if name not in without and not any(_follows(name, one, settings) for one in chosen)
    ]
    defaults = _defaults()
    short = [_label(names, {n: v for n, v in one.items() if v != defaults.get(n)}) for one in settings]
    full = [_label(names, one) for one in settings]
    if "" not in short and len(set(short)) == len(set(full)):
        return short
    return [label or (f"without {', '.join(names)}" if names else "") for label in full]


def _label(names: Sequence[str], settings: Mapping[str, str]) -> str:
    return ", ".join(_NAMED.get(name, f"{name} {{}}").format(settings[name]) for name in names if name in settings)


def _defaults() -> dict[str, str]:
    """Return the defaults of settings that need not be named, since they are not part of the method."""
    usual = settings_of(RunSpec())
    return {name: usual[name] for name, setting in BY_NAME.items() if name in usual and not setting.always}


_NAMED = {"optimizer": "{}", "schedule": "{} schedule"}
"""Settings whose values are names of things that have settings of their own, and how a label writes such a name."""


def _follows(name: str, chosen: str, settings: Sequence[Mapping[str, str]]) -> bool:
    """Tell whether a setting has one value wherever it is set, and whether it is set follows from what was chosen."""
    of_stages = {each for stage in STAGES.values() for each in stage.defaults}
    if name == chosen or name in of_stages or len({one[name] for one in settings if name in one}) > 1:
        return False
    return len({(one.get(chosen), name in one) for one in settings}) == len({one.get(chosen) for one in settings})

"""The command that repeats a run."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

from ravine.formulas.kinds import shown
from ravine.settings import SETTINGS, Setting
from ravine.spec import RunSpec


def command_of(spec: RunSpec) -> str:
    """Return the `ravine train` command of a resolved spec.

    It leaves out settings that have their default values, except those that describe the method (`Setting.always`).

    >>> from ravine.spec import from_settings
    >>> command_of(from_settings({"optimizer": "momentum", "lr": 0.1, "final_lr": 0.001, "seed": 3}).spec)
    'ravine train --optimizer momentum --lr 0.1 --set alpha=0.9 --final-lr 0.001 --batch-size 10 --epochs 10 --seed 3'
    """
    given = {**{name: getattr(spec, name) for name in spec.__struct_fields__}, **_schedule(spec)}
    return shlex.join(["ravine", "train", *(word for setting in SETTINGS for word in _words(setting, given))])


def _schedule(spec: RunSpec) -> dict[str, Any]:
    """Return the schedule as the command line has it, without its name if the other options already determine it."""
    settings = dict(spec.schedule_settings)
    return {
        "schedule": None if spec.schedule in ("constant", "linear") else spec.schedule,
        "final_lr": settings.pop("final_lr", None),
        "hyperparameters": {**spec.hyperparameters, **settings},
    }


def _words(setting: Setting, given: dict[str, Any]) -> Iterator[str]:
    """Yield the words that give one setting."""
    value = given.get(setting.name)
    if value is None or (value == setting.default and not setting.always):
        return
    if isinstance(value, dict):
        for name, each in value.items():
            yield from (setting.options[0], f"{name}={_written(each)}")
    elif isinstance(value, bool):
        yield setting.options[0]
    elif setting.several:
        for each in value:
            yield from (setting.options[0], each)
    else:
        yield from (setting.options[0], _written(value))


def _written(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(repr, value))
    if isinstance(value, bool):
        return shown(value)
    return value if isinstance(value, str) else repr(value)

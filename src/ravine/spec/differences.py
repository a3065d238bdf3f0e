"""The settings of runs as text, and those in which some runs differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from ravine.formulas.kinds import shown
from ravine.spec.run_spec import RunSpec

_FIRST = ("optimizer", "lr", "final_lr", "batch_size")


def settings_of(spec: RunSpec) -> dict[str, str]:
    """Return the settings of a spec under the names of `ravine.train`, as text; the seed is left out."""
    plain = msgspec.to_builtins(spec)
    schedule = plain.pop("schedule_settings")
    hyperparameters = plain.pop("hyperparameters")
    factors = {f"{name} per layer": ",".join(f"{f:g}" for f in each) for name, each in plain.pop("per_layer").items()}
    flat = {**plain, **hyperparameters, **factors, "schedule": spec.schedule_label, **schedule}
    flat.pop("seed")
    flat["optimizer"] = spec.optimizer_label
    given = {name: value for name, value in flat.items() if value is not None}
    return {name: _text(value) for name, value in given.items()}


def _text(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return shown(value) if isinstance(value, (bool, int, float)) else str(value)


def differing(settings: Iterable[Mapping[str, str]], always: Sequence[str] = ()) -> list[str]:
    """Return the names of settings that are not the same everywhere, and those that are always wanted, in order."""
    every = list(settings)
    seen = dict.fromkeys(name for one in every for name in one)
    if all(one.get("schedule") == ("linear" if "final_lr" in one else "constant") for one in every):
        seen.pop("schedule", None)  # a final rate already says that there is decay
    ordered = [n for n in _FIRST if n in seen] + [n for n in seen if n not in _FIRST]
    return [name for name in ordered if name in always or len({one.get(name) for one in every}) > 1]

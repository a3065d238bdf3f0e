"""A study as data: groups of runs that belong together, from a TOML file.

    name = "rates"
    title = "How the learning rate and the batch size go together"
    seeds = [0, 1, 2]

    [settings]                       # of every run; the names are those of `ravine.train`
    epochs = 5

    [[groups]]
    name = "sgd"
    grid = { lr = [0.1, 0.01], batch_size = [10, 100] }

    [[groups]]
    name = "momentum"
    settings = { optimizer = "momentum", batch_size = 10 }
    rows = [
      { lr = 0.01, alpha = 0.5 },
      { lr = 0.01, alpha = 0.9, paper = { train_loss = 0.02, test_accuracy = 0.975 } },
    ]

A group has a grid, every combination of which is a row, or listed rows, or both. A row may carry a published result
under `paper`, to be set beside ours. The same run in two groups is trained once.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from ravine.errors import ConfigError, RavineError, unknown
from ravine.spec import RunSpec, from_settings, resolve


class Published(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A result as it was published; nan stays nan."""

    train_loss: float | None = None
    test_accuracy: float | None = None
    seconds: float | None = None


class Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Runs that belong together, such as the rows of one table."""

    name: str
    title: str = ""
    settings: dict[str, Any] = {}
    grid: dict[str, list[Any]] = {}
    rows: list[dict[str, Any]] = []


class Study(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Groups of runs, what all of them share, and the seeds that each row is run with."""

    name: str
    groups: list[Group]
    title: str = ""
    seeds: list[int] = msgspec.field(default_factory=lambda: [0])
    settings: dict[str, Any] = {}


@dataclass(frozen=True)
class Planned:
    """One run of a study: row `row` of `group`, counted from 0, with one of the seeds; `spec` is resolved."""

    group: str
    row: int
    spec: RunSpec
    id: str
    published: Published | None


BUILT_IN = ("paper",)
"""Studies that come with ravine, by name."""


def load_study(source: str | Path) -> Study:
    """Read a study from a TOML file, or a built-in one by its name.

    Raises:
        ConfigError: there is no such file, or it is not a study; the message names the file and the key.
    """
    if str(source) in BUILT_IN:
        text = resources.files("ravine.studies").joinpath(f"{source}.toml").read_text(encoding="utf-8")
    else:
        try:
            text = Path(source).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            fault = getattr(error, "strerror", None) or error
            raise ConfigError(f"cannot read the study {source}: {fault}. Built in: {', '.join(BUILT_IN)}.") from error
    try:
        return msgspec.toml.decode(text, type=Study)
    except msgspec.DecodeError as error:
        raise ConfigError(f"{source} is not a study: {error}.") from error


def plan(study: Study) -> list[Planned]:
    """Return every run of a study, in the order of its groups, rows and seeds.

    Raises:
        ConfigError: a group is empty or has the same run twice, or a setting is not allowed; the message tells where.
    """
    if not study.groups or not study.seeds:
        raise ConfigError(f"study {study.name} has no {'seeds' if study.groups else 'groups'}; give at least one.")
    names = [group.name for group in study.groups]
    if len(set(names)) < len(names) or len(set(study.seeds)) < len(study.seeds):
        raise ConfigError(f"study {study.name} has two groups of one name, or a seed twice: {', '.join(names)}.")
    planned = []
    for group in study.groups:
        rows = _rows(group)
        if not rows:
            raise ConfigError(f"group {group.name} of study {study.name} is empty; give it rows or a grid with values.")
        runs = [run for number, row in enumerate(rows) for run in _runs(study, group, number, row)]
        first: dict[str, Planned] = {}
        for run in runs:
            other = first.setdefault(run.id, run)
            if other is not run:
                raise ConfigError(
                    f"rows {other.row + 1} and {run.row + 1} of group {group.name} in study {study.name} are the same "
                    "run."
                )
        planned += runs
    return planned


def _rows(group: Group) -> list[dict[str, Any]]:
    for name, values in group.grid.items():
        if not values:
            raise ConfigError(f"{name} has no values in the grid of group {group.name}.")
    if group.grid:
        combinations = itertools.product(*group.grid.values())
        grid = [dict(zip(group.grid, values, strict=True)) for values in combinations]
        return [*grid, *group.rows]
    return group.rows


def _runs(study: Study, group: Group, number: int, row: dict[str, Any]) -> list[Planned]:
    settings = {**study.settings, **group.settings, **row}
    place = f"row {number + 1} of group {group.name} in study {study.name}"
    if "seed" in settings:
        raise ConfigError(f"{place} has a seed; seeds are given once for the whole study, as seeds = [0, 1].")
    try:
        published = msgspec.convert(settings.pop("paper", None), Published | None)
        specs = [resolve(from_settings({**settings, "seed": seed})) for seed in study.seeds]
    except (RavineError, msgspec.ValidationError) as error:
        raise ConfigError(f"{place}: {error}") from error
    return [Planned(group.name, number, spec, spec.id, published) for spec in specs]


def only(study: Study, names: list[str]) -> Study:
    """Return the study with only the groups of these names."""
    known = [group.name for group in study.groups]
    for name in names:
        if name not in known:
            raise ConfigError(unknown(f"group of study {study.name}", name, known))
    return msgspec.structs.replace(study, groups=[group for group in study.groups if group.name in names])

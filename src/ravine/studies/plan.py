"""The runs of a study."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ravine.data import Dataset
from ravine.errors import ConfigError, RavineError, unknown
from ravine.formulas.loss import Loss
from ravine.inputs import convert
from ravine.spec import ResolvedRun, RunSpec, from_settings
from ravine.storage.quantities import CURVES
from ravine.studies.study import Figure, Group, Published, Study
from ravine.training.data import require_fitting, require_matching, runs_on

_Make = Callable[[Mapping[str, Any]], ResolvedRun]
"""A function that makes a run from flat settings."""


@dataclass(frozen=True)
class Planned:
    """One run of a study: row `row` of `group`, counted from 0, with one of the seeds."""

    group: str
    row: int
    run: ResolvedRun
    published: Published | None
    label: str = ""

    @property
    def spec(self) -> RunSpec:
        """The run by its names."""
        return self.run.spec

    @property
    def id(self) -> str:
        """The run's id."""
        return self.run.id


def plan(study: Study, names: Sequence[str] | None = None, data: Dataset | None = None) -> list[Planned]:
    """Return the runs of a study, in the order of its groups, rows and seeds.

    Args:
        study: the study.
        names: groups and figures; only the runs that these need are returned, or all if None.
        data: the data of all runs; each row names its data set if None.

    Raises:
        ConfigError: a group is empty or has the same run twice, a setting is not allowed, a figure or a name fits
            nothing; the message tells where.
    """
    if not study.groups or not study.seeds:
        raise ConfigError(f"study {study.name} has no {'seeds' if study.groups else 'groups'}; give at least one.")
    if len(set(study.seeds)) < len(study.seeds):
        raise ConfigError(f"study {study.name} has a seed twice: {', '.join(map(str, study.seeds))}.")
    own = [group.name for group in study.groups] + [figure.name for figure in study.figures]
    if len(set(own)) < len(own):
        raise ConfigError(f"study {study.name} has two groups or figures of one name: {', '.join(own)}.")
    groups = [group.name for group in study.groups]
    if study.methods is not None and study.methods not in groups:
        raise ConfigError(f"methods of study {study.name}: {unknown('group', study.methods, groups)}")
    figures = [figure.name for figure in study.figures]
    if study.summary.group is not None and study.summary.group not in groups:
        raise ConfigError(f"summary of study {study.name}: {unknown('group', study.summary.group, groups)}")
    for name in study.summary.figures:
        if name not in figures:
            raise ConfigError(f"summary of study {study.name}: {unknown('figure', name, figures)}")
    make = from_settings if data is None else _fitting_runs_on(data)
    planned = [run for group in study.groups for run in _group(study, group, make)]
    parts = {group.name: [run for run in planned if run.group == group.name] for group in study.groups}
    parts |= {figure.name: _shown(study, figure, planned) for figure in study.figures}
    if names is None:
        return planned
    for name in names:
        if name not in parts:
            raise ConfigError(unknown(f"group or figure of study {study.name}", name, parts))
    needed = {(run.group, run.row) for name in names for run in parts[name]}
    return [run for run in planned if (run.group, run.row) in needed]


def settings_of_rows(study: Study) -> Iterator[dict[str, Any]]:
    """Yield the settings of each row of each group, with those that it shares with others."""
    for group in study.groups:
        yield from ({**study.settings, **group.settings, **row} for row in _rows(group))


def find_rows(planned: Sequence[Planned], reference: str) -> list[Planned]:
    """Return the runs of the rows "GROUP", "GROUP:NUMBER" or "GROUP:LABEL"; numbers are counted from 1."""
    group, colon, row = reference.partition(":")
    return [
        run for run in planned if run.group == group and (not colon or (row and row in (str(run.row + 1), run.label)))
    ]


def cut_short(planned: Sequence[Planned], epochs: int = 2) -> list[Planned]:
    """Return the runs cut to a number of epochs, without the published results, which are those of whole runs."""

    def cut(run: Planned) -> Planned:
        if run.spec.epochs <= epochs:
            return run
        return replace(run, run=run.run.replaced(epochs=epochs), published=None)

    return [cut(run) for run in planned]


def _shown(study: Study, figure: Figure, planned: list[Planned]) -> list[Planned]:
    """Return the runs that a figure shows."""
    place = f"figure {figure.name} of study {study.name}"
    if not figure.rows or not figure.measures:
        raise ConfigError(f"{place} has no {'measures' if figure.rows else 'rows'}; give at least one.")
    curves = [quantity.name for quantity in CURVES]
    for measure in figure.measures:
        if measure not in curves:
            raise ConfigError(f"{place} shows an {unknown('measure', measure, curves)}")
    shown = []
    for reference in figure.rows:
        found = find_rows(planned, reference)
        if not found:
            raise ConfigError(
                f"{place} shows {reference}, and there is no such row; give GROUP, GROUP:NUMBER or GROUP:LABEL."
            )
        shown += found
    if figure.panels is not None:
        _check_panels(figure, shown, place)
    if figure.kind != "curves" and len({(run.group, run.row) for run in shown}) > 1:
        raise ConfigError(f"{place} shows the gradient check of several rows; give one.")
    return shown


def _check_panels(figure: Figure, shown: Sequence[Planned], place: str) -> None:
    if len(figure.measures) > 1:
        raise ConfigError(f"{place} has panels by {figure.panels} and {len(figure.measures)} measures; give one.")
    schedules = {name for run in shown for name in run.spec.schedule_settings}
    others = {name for run in shown for name in run.spec.hyperparameters}
    known = {*RunSpec.__struct_fields__, *schedules, *others} - {
        "hyperparameters",
        "schedule_settings",
        "seed",
        "data",
        "initial_weights",
        "order",
    }
    if figure.panels not in known:
        raise ConfigError(f"{place} has panels by an {unknown('setting', figure.panels, known)}")


def _fitting_runs_on(data: Dataset) -> _Make:
    """Return a function that makes runs on some data, and refuses those that do not fit them."""
    make = runs_on(data)

    @functools.cache
    def require(loss: Loss, dtype: str) -> None:
        require_fitting(data, loss, dtype)

    def fitting(settings: Mapping[str, Any]) -> ResolvedRun:
        run = make(settings)
        require_matching(run, data)
        require(run.loss, run.spec.dtype)
        return run

    return fitting


def _group(study: Study, group: Group, make: _Make) -> list[Planned]:
    rows = _rows(group)
    if not rows:
        raise ConfigError(f"group {group.name} of study {study.name} is empty; give it rows or a grid with values.")
    runs = [run for number, row in enumerate(rows) for run in _runs(study, group, number, row, make)]
    first: dict[str, Planned] = {}
    for run in runs:
        other = first.setdefault(run.id, run)
        if other is not run:
            raise ConfigError(
                f"rows {other.row + 1} and {run.row + 1} of group {group.name} in study {study.name} are the same run."
            )
    return runs


def _rows(group: Group) -> list[dict[str, Any]]:
    for name, values in group.grid.items():
        if not values:
            raise ConfigError(f"{name} has no values in the grid of group {group.name}.")
    if group.grid:
        combinations = itertools.product(*group.grid.values())
        grid = [dict(zip(group.grid, values, strict=True)) for values in combinations]
        return [*grid, *group.rows]
    return group.rows


def _runs(study: Study, group: Group, number: int, row: dict[str, Any], make: _Make) -> list[Planned]:
    settings = {**study.settings, **group.settings, **row}
    place = f"row {number + 1} of group {group.name} in study {study.name}"
    if "seed" in settings:
        raise ConfigError(f"{place} has a seed; seeds are given once for the whole study, as seeds = [0, 1].")
    try:
        published = convert(settings.pop("published", None), Published | None, "published")
        label = convert(settings.pop("label", ""), str, "label")
        if label.isdigit():
            raise ConfigError(f"label {label!r} is a number, which stands for a row's place; use words.")
        runs = [make({**settings, "seed": seed}) for seed in study.seeds]
    except RavineError as error:
        raise ConfigError(f"{place}: {error}") from error
    return [Planned(group.name, number, run, published, label) for run in runs]

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
      { lr = 0.01, alpha = 0.9, published = { train_loss = 0.02, test_accuracy = 0.975 } },
    ]

    [[figures]]
    name = "balance"
    title = "The same rate a sample"
    rows = ["sgd:2", "momentum"]
    measures = ["test_accuracy"]

A group has a grid, every combination of which is a row, or listed rows, or both. A row may have a `label`, and carry a
`published` result, to be set beside ours. The same run in two groups is trained once. A figure names its
rows: a whole group, or one of its rows by number, counted from 1, or by label.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal

import msgspec

from ravine.errors import ConfigError, RavineError, shortened, unknown
from ravine.formulas.files import names_file
from ravine.formulas.kinds import shown
from ravine.inputs import convert, folded, plain, text_of
from ravine.schedules import Constant, Linear
from ravine.spec import ResolvedRun, RunSpec, from_settings

Measure = Literal["train_loss", "test_loss", "test_accuracy"]


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


class Figure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A picture of some rows.

    Attributes:
        name: of its files.
        rows: the rows that it shows, "GROUP", "GROUP:NUMBER" or "GROUP:LABEL".
        title: what it shows, in words.
        kind: curves over the epochs; or the gradient check at the final weights of one row: mean errors, their
            distribution, or errors against steps.
        measures: what curves show, a panel each.
        over: what they are drawn over, epochs or steps.
        panels: a setting; curves of one measure get a panel for each of its values.
    """

    name: str
    rows: list[str]
    title: str = ""
    kind: Literal["curves", "gradient-errors", "gradient-distribution", "v-curve"] = "curves"
    measures: tuple[Measure, ...] = ("train_loss", "test_accuracy")
    over: Literal["epochs", "steps"] = "epochs"
    panels: str | None = None


class Study(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Groups of runs, what all of them share, the seeds that each row is run with, and the figures to draw.

    `methods` names the group whose rows are methods to choose from: a report tells the best of them.
    """

    name: str
    groups: list[Group]
    title: str = ""
    seeds: list[int] = msgspec.field(default_factory=lambda: [0])
    settings: dict[str, Any] = {}
    figures: list[Figure] = []
    methods: str | None = None


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


_MOST_SEEDS = 10_000

BUILT_IN: Mapping[str, Traversable] = {"batch-size": resources.files("ravine.studies") / "batch-size.toml"}
"""Files of the studies of this folder, by name."""


def load_study(source: str | Path, built_in: Mapping[str, Traversable] = BUILT_IN) -> Study:
    """Read a study from a TOML file, or a built-in one by its name.

    Args:
        source: the file, or the name.
        built_in: the files of the studies that are found by name.

    Raises:
        ConfigError: there is no such file, or it is not a study; the message names the file and the key.
    """
    if str(source) in built_in:
        text = built_in[str(source)].read_text(encoding="utf-8")
    else:
        try:
            content = Path(source).read_bytes()
        except OSError as error:
            fault = error.strerror or error
            raise ConfigError(f"cannot read the study {source}: {fault}. Built in: {', '.join(built_in)}.") from error
        try:
            text = text_of(content)
        except ConfigError as error:
            raise ConfigError(f"cannot read the study {source}: {error}") from error
    try:
        study: Study = convert(_anchored(msgspec.toml.decode(text), Path(source).parent), Study)
    except msgspec.DecodeError as error:
        raise ConfigError(f"{source} is not a study: {error}.") from error
    except ConfigError as error:
        raise ConfigError(f"{source} is not a study: {error}") from error
    figures = [
        msgspec.structs.replace(figure, panels=figure.panels and folded(figure.panels)) for figure in study.figures
    ]
    return msgspec.structs.replace(study, figures=figures)


def _anchored(part: Any, folder: Path) -> Any:
    """Return a part of a study's file in which files that it names, given beside it, are found from anywhere."""
    if isinstance(part, list):
        return [_anchored(each, folder) for each in part]
    if not isinstance(part, dict):
        return part

    def found(name: Any) -> Any:
        if isinstance(name, list):
            return [found(each) for each in name]
        is_file = isinstance(name, str) and names_file(name)
        return str(folder / Path(name).expanduser()) if is_file else name

    named = {key: found(value) for key, value in part.items() if key in ("optimizer", "stages")}
    return {**{key: _anchored(value, folder) for key, value in part.items()}, **named}


def with_seeds(study: Study, count: int) -> Study:
    """Return the study with the seeds 0 to count - 1; a count that is not allowed is a `ConfigError`."""
    count = convert(plain(count), int, "seeds")
    if not 1 <= count <= _MOST_SEEDS:
        raise ConfigError(f"seeds is {shortened(count)}; it must be a whole number from 1 to {_MOST_SEEDS}.")
    return msgspec.structs.replace(study, seeds=list(range(count)))


def plan(study: Study, names: Sequence[str] | None = None) -> list[Planned]:
    """Return the runs of a study, in the order of its groups, rows and seeds.

    Args:
        study: the study.
        names: groups and figures; only the runs that these need are returned, or all if None.

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
    planned = [run for group in study.groups for run in _group(study, group)]
    parts = {group.name: [run for run in planned if run.group == group.name] for group in study.groups}
    parts |= {figure.name: _shown(study, figure, planned) for figure in study.figures}
    if names is None:
        return planned
    for name in names:
        if name not in parts:
            raise ConfigError(unknown(f"group or figure of study {study.name}", name, parts))
    needed = {(run.group, run.row) for name in names for run in parts[name]}
    return [run for run in planned if (run.group, run.row) in needed]


def find_rows(planned: Sequence[Planned], reference: str) -> list[Planned]:
    """Return the runs of the rows "GROUP", "GROUP:NUMBER" or "GROUP:LABEL"; numbers are counted from 1."""
    group, colon, row = reference.partition(":")
    return [
        run for run in planned if run.group == group and (not colon or (row and row in (str(run.row + 1), run.label)))
    ]


def describe(spec: RunSpec, usual_epochs: int | None = None) -> str:
    """Describe a run in a few words; as many epochs as usual are not worth one.

    >>> describe(from_settings({"optimizer": "momentum", "lr": 0.1, "final_lr": 0.001, "softmax": "naive"}).spec)
    'momentum lr 0.1 to 0.001, alpha 0.9, m 10, 10 epochs, naive softmax'
    """
    plain = RunSpec()
    final = getattr(spec.schedule, "final_lr", None)
    parts = [f"{spec.optimizer_name} lr {spec.lr:g}" + (f" to {final:g}" if final is not None else "")]
    if not isinstance(spec.schedule, Constant | Linear):
        parts.append(f"{msgspec.to_builtins(spec.schedule)['kind']} schedule")
    parts += [f"{name} {shown(value)}" for name, value in spec.hyperparameters.items()]
    if spec.schedule_by == "step" and not isinstance(spec.schedule, Constant):
        parts.append("by step")
    parts += [f"{name} times {','.join(f'{f:g}' for f in factors)}" for name, factors in spec.per_layer.items()]
    parts.append(f"m {spec.batch_size}" + (f" to at most {spec.largest_batch}" if spec.largest_batch else ""))
    if spec.epochs != usual_epochs:
        parts.append("1 epoch" if spec.epochs == 1 else f"{spec.epochs} epochs")
    if spec.softmax != plain.softmax:
        parts.append(f"{spec.softmax} softmax")
    names = ("activation", "init", "dtype")
    return ", ".join([*parts, *(getattr(spec, name) for name in names if getattr(spec, name) != getattr(plain, name))])


def cut_short(planned: Sequence[Planned], epochs: int = 2) -> list[Planned]:
    """Return the runs with none longer than so many epochs; what was published belongs to the whole ones, and goes."""

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
    shown = []
    for reference in figure.rows:
        found = find_rows(planned, reference)
        if not found:
            raise ConfigError(f"{place} shows {reference}, and there is no such row; give GROUP or GROUP:NUMBER.")
        shown += found
    if figure.panels is not None:
        _check_panels(figure, shown, place)
    if figure.kind != "curves" and len({(run.group, run.row) for run in shown}) > 1:
        raise ConfigError(f"{place} shows the gradient check of several rows; give one.")
    return shown


def _check_panels(figure: Figure, shown: Sequence[Planned], place: str) -> None:
    if len(figure.measures) > 1:
        raise ConfigError(f"{place} has panels by {figure.panels} and {len(figure.measures)} measures; give one.")
    schedules = {name for run in shown for name in run.spec.schedule.__struct_fields__}
    others = {name for run in shown for name in run.spec.hyperparameters}
    known = {*RunSpec.__struct_fields__, *schedules, *others} - {"hyperparameters", "seed", "initial_weights", "order"}
    if figure.panels not in known:
        raise ConfigError(f"{place} has panels by an {unknown('setting', figure.panels, known)}")


def _group(study: Study, group: Group) -> list[Planned]:
    rows = _rows(group)
    if not rows:
        raise ConfigError(f"group {group.name} of study {study.name} is empty; give it rows or a grid with values.")
    runs = [run for number, row in enumerate(rows) for run in _runs(study, group, number, row)]
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


def _runs(study: Study, group: Group, number: int, row: dict[str, Any]) -> list[Planned]:
    settings = {**study.settings, **group.settings, **row}
    place = f"row {number + 1} of group {group.name} in study {study.name}"
    if "seed" in settings:
        raise ConfigError(f"{place} has a seed; seeds are given once for the whole study, as seeds = [0, 1].")
    try:
        published = convert(settings.pop("published", None), Published | None, "published")
        label = convert(settings.pop("label", ""), str, "label")
        if label.isdigit():
            raise ConfigError(f"label {label!r} is a number, which stands for a row's place; use words.")
        runs = [from_settings({**settings, "seed": seed}) for seed in study.seeds]
    except RavineError as error:
        raise ConfigError(f"{place}: {error}") from error
    return [Planned(group.name, number, run, published, label) for run in runs]

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

A group has a grid, or listed rows, or both; every combination of the grid's values is a row. A row may have a `label`,
and a `published` result, which tables show beside ours. A run that is in two groups is trained once. A figure names its
rows: a whole group, or one of its rows by number, counted from 1, or by label.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal

import msgspec

from ravine.errors import ConfigError
from ravine.formulas.files import anchored
from ravine.inputs import convert, count_of, folded, path_of, text_of


class Published(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A result as it was published; nan stays nan."""

    train_loss: float | None = None
    test_accuracy: float | None = None
    seconds: float | None = None


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The document that has the published results of a study."""

    title: str
    author: str = ""


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
        name: the name of its files.
        rows: the rows that it shows, "GROUP", "GROUP:NUMBER" or "GROUP:LABEL".
        title: its title.
        kind: curves over the epochs; or the gradient check at the final weights of one row: mean errors, their
            distribution, or errors against steps.
        measures: the quantities of the curves, each with a panel if the runs have it after each epoch.
        over: the horizontal axis, epochs or steps.
        panels: a setting; curves of one measure get a panel for each of its values.
    """

    name: str
    rows: list[str]
    title: str = ""
    kind: Literal["curves", "gradient-errors", "gradient-distribution", "v-curve"] = "curves"
    measures: tuple[str, ...] = ("train_loss", "validation_accuracy", "test_accuracy")
    over: Literal["epochs", "steps"] = "epochs"
    panels: str | None = None


class Summary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a report shows first: the table of a group, and figures."""

    group: str | None = None
    figures: list[str] = []


class Study(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Groups of runs, the settings that they share, the seeds of each row, and the figures to draw.

    `methods` names the group whose rows are methods to choose from: a report names the best of them, if the seeds can
    tell. `source` is the document that has the published results. `summary` is what a report shows first.
    """

    name: str
    groups: list[Group]
    title: str = ""
    seeds: list[int] = msgspec.field(default_factory=lambda: [0])
    settings: dict[str, Any] = {}
    figures: list[Figure] = []
    methods: str | None = None
    source: Source | None = None
    summary: Summary = Summary()


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
        file = path_of("the study", source)
        if file is None:
            raise ConfigError("the study is None; it must be a file, or the name of a study.")
        try:
            content = file.read_bytes()
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


_THINGS = ("optimizer", "stages", "schedule", "activation", "loss")
"""The settings that may name a file."""


def _anchored(part: Any, folder: Path) -> Any:
    """Return a part of a study with whole paths in place of paths that are relative to the study's folder."""
    if isinstance(part, list):
        return [_anchored(each, folder) for each in part]
    if not isinstance(part, dict):
        return part

    def found(key: str, name: Any) -> Any:
        if isinstance(name, list):
            return [found(key, each) for each in name]
        return anchored(key, name, folder) if isinstance(name, str) else name

    named = {key: found(key, value) for key, value in part.items() if key in _THINGS}
    return {**{key: _anchored(value, folder) for key, value in part.items()}, **named}


def with_seeds(study: Study, count: int) -> Study:
    """Return the study with the seeds 0 to count - 1; a count that is not allowed is a `ConfigError`."""
    return msgspec.structs.replace(study, seeds=list(range(count_of("seeds", count, _MOST_SEEDS))))

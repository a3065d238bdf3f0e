"""The options of commands: those that give the settings of a run, and those that many commands share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ravine.choices import Choices
from ravine.cli.notes import hear
from ravine.settings import BY_NAME, DATA, WHERE, Setting

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Decorator = Callable[[Any], Any]

FILE_TOO = "NAME|FILE.py:NAME"
"""The metavar of a value that is the name of a thing or a file of the user's."""

OUTPUT = "Output"
"""The title of the options that say what is printed."""


class Option(click.Option):
    """An option that stands under a title in `--help`."""

    def __init__(self, *arguments: Any, group: str, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.group = group

    def get_help_extra(self, ctx: click.Context) -> Any:
        """Leave out the range of a number, as x>=1: the error message tells it to a user who gives less."""
        extra: Any = super().get_help_extra(ctx)
        extra.pop("range", None)
        return extra


def option(*names: str, group: str, **settings: Any) -> Decorator:
    """Return the decorator that adds an option to a command, under a title of its `--help`."""
    return click.option(*names, cls=Option, group=group, **settings)


# The types of values


class Names(click.ParamType):  # type: ignore[type-arg]  # older versions of click have none
    """A name. The code that uses it refuses an unknown one and suggests the nearest; this type only completes."""

    name = "name"

    def __init__(self, known: Choices, *, files: bool = False) -> None:
        self.known, self.files = known, files

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the names that begin with `incomplete`; if a file is allowed, let the shell complete files too."""
        return completed(self.known(), incomplete, self.files)


def completed(names: Sequence[str], incomplete: str, files: bool) -> list[CompletionItem]:
    """Return the names that begin with `incomplete`; with `files`, tell the shell to complete files too."""
    from click.shell_completion import CompletionItem

    found = [CompletionItem(name) for name in names if name.startswith(incomplete)]
    # The script for bash forgets all items before the one that asks for files.
    return [CompletionItem(incomplete, type="file"), *found] if files else found


class RunIds(click.ParamType):  # type: ignore[type-arg]
    """The id of a stored run, or its folder."""

    name = "run"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the ids that begin with `incomplete`, of the runs in the folder that --out names."""
        from ravine.storage.places import finished, folder_of_runs

        try:
            ids = finished(Path(folder_of_runs(ctx.params.get("out"))))
        except (OSError, ValueError):  # no error messages while somebody types
            ids = []
        return completed(ids, incomplete, files=True)


class Sizes(click.ParamType):  # type: ignore[type-arg]
    """Whole numbers such as 784,300,10."""

    name = "sizes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Read the numbers."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(int(size) for size in value.replace("-", ",").split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list of whole numbers, for example 784,300,100,100,10.", param, ctx)


class NumberOrShare(click.ParamType):  # type: ignore[type-arg]
    """A whole number such as 6000, or a share such as 0.1."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | float:
        """Read the number; one with a point is a share."""
        if isinstance(value, (int, float)):
            return value
        for read in (int, float):
            with suppress(ValueError):
                return read(value)
        self.fail(f"{value!r} is not a number, for example 6000 or 0.1.", param, ctx)


def _assignments(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, Any]:
    """Read each NAME=VALUE."""
    if not values:
        return {}  # completing a word does not wait for NumPy
    from ravine.formulas.kinds import value_of

    pairs: dict[str, Any] = {}
    for text in values:
        name, equals, value = text.partition("=")
        _refuse_twice(name.strip(), pairs)
        try:
            pairs[name.strip()] = value_of(value)
        except ValueError:
            equals = ""
        if not (name.strip() and equals):
            raise click.BadParameter(
                f"{text!r} is not NAME=VALUE, with a number, true or false, for example alpha=0.5."
            )
    return pairs


def _refuse_twice(name: str, given: Mapping[str, Any]) -> None:
    if name in given:
        raise click.BadParameter(f"{name!r} is given twice; give it once.")


def _factors(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, tuple[float, ...]]:
    """Read each NAME=FACTOR,FACTOR,.."""
    factors: dict[str, tuple[float, ...]] = {}
    for text in values:
        name, _, numbers = text.partition("=")
        _refuse_twice(name.strip(), factors)
        try:
            factors[name.strip()] = tuple(float(number) for number in numbers.split(","))
        except ValueError:
            raise click.BadParameter(f"{text!r} is not NAME=FACTOR,FACTOR,.., for example lr=1,1,1,0.1.") from None
    return factors


# The settings of a run

_KINDS: Mapping[Any, Mapping[str, Any]] = {
    int: {"type": int},
    int | None: {"type": int},
    float: {"type": float},
    float | None: {"type": float},
    int | float: {"type": NumberOrShare()},
    bool: {"is_flag": True},
    tuple[int, ...]: {"type": Sizes()},
    tuple[str, ...]: {"multiple": True},
    dict[str, bool | int | float]: {"multiple": True, "callback": _assignments},
    dict[str, tuple[float, ...]]: {"multiple": True, "callback": _factors},
}
"""By the type of a setting, the arguments that make a click option of it."""

_SHORT = 22
"""Choices up to this length stand behind the option as [a|b]; longer ones only in its sentence."""


def setting_options(*names: str, **changes: Mapping[str, Any]) -> Decorator:
    """Return the decorator that adds the options of some settings, in the order in which they are declared.

    `changes` has, by the name of a setting, the arguments in which this command differs from `ravine train`, such as
    another default or another sentence.
    """
    options = [_option(setting, changes.get(name, {})) for name, setting in BY_NAME.items() if name in names]

    def decorate(command: Any) -> Any:
        for add in reversed(options):
            command = add(command)
        return command

    return decorate


def _option(setting: Setting, changes: Mapping[str, Any]) -> Decorator:
    described = {"help": setting.sentence, "metavar": setting.metavar, "group": setting.group}
    if setting.choices is None:
        kind = _KINDS[setting.type]
    else:
        names = Names(setting.choices, files=setting.files)
        kind = {"type": names, "metavar": _metavar(setting), "multiple": setting.several}
    # A default, even None, would stand in for an option that is required.
    default = {} if changes.get("required") else _default(setting.default)
    given = {**described, **kind, **default, **changes}
    given["show_default"] = given.get("default") is not None
    if given.get("default") is None and setting.unset is not None and "help" not in changes:
        given["help"] += f"  [default: {setting.unset}]"
    return option(*setting.options, setting.name, **given)


def _metavar(setting: Setting) -> str:
    """Return the metavar of a setting that is one of some names: the names themselves, if they are short."""
    if setting.files:
        return FILE_TOO
    names = "|".join(setting.choices()) if setting.choices is not None and setting.listed else ""
    return f"[{names}]" if names and len(names) <= _SHORT else "NAME"


def _default(value: Any) -> Mapping[str, Any]:
    if isinstance(value, bool | dict) or value == ():
        return {}
    return {"default": ",".join(map(str, value)) if isinstance(value, tuple) else value}


# Options that many commands share

data_dir_option = option("--data-dir", type=click.Path(path_type=Path), metavar="FOLDER", group=DATA,
                         help="Folder with the files of the data.  [default: found or downloaded]")  # fmt: skip
store_option = option("--out", type=click.Path(), metavar="FOLDER", group=WHERE,
                      help="Folder of runs.  [default: $RAVINE_HOME or runs]")  # fmt: skip
runs_option = option("--runs", type=click.Path(), metavar="FOLDER", group=WHERE,
                     help="Folder of runs.  [default: $RAVINE_HOME or runs]")  # fmt: skip
fresh_option = option("--fresh", is_flag=True, group=WHERE, help="Train from the beginning even if the run is stored "
                      "or was interrupted.")  # fmt: skip
jobs_option = option("--jobs", type=click.IntRange(1), metavar="NUMBER", group=WHERE,
                     help="How many to run at once.  [default: one a core]")  # fmt: skip
json_option = option("--json", "as_json", is_flag=True, group=OUTPUT, help="Print the result as one JSON object.")
quiet_option = option("--quiet", "-q", is_flag=True, callback=hear, group=OUTPUT, help="Show no progress.")

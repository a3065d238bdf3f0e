"""Finding a problem: on the shelf, in a file of Python, in a TOML file."""

from __future__ import annotations

from typing import Any

import msgspec

from ravine.errors import ConfigError, RavineError, shortened, unknown
from ravine.formulas.files import anchored, names_file, run_file, split
from ravine.formulas.shelf import Shelf
from ravine.inputs import convert, expanded, path_of, plain, text_of
from ravine.spec import from_settings
from ravine.spec.problem import Problem

PROBLEMS: Shelf[Problem] = Shelf("problem", "ravine.problems", Problem, "Problem(..)")
"""Problems by name."""


def find_problem(given: str | Problem) -> Problem:
    """Return a problem by its name, FILE.py:NAME or a TOML file, after a check of its settings.

    Raises:
        ConfigError: there is no such problem, or its settings are not allowed.
    """
    if isinstance(given, str) and given.endswith(".toml"):
        content, folder = toml_of(given, "the problem"), expanded(given).parent
        for thing in ("activation", "loss"):
            if isinstance(content.get(thing), str):
                content[thing] = anchored(thing, content[thing], folder.absolute())
        try:
            return _checked(convert(content, Problem))
        except RavineError as error:
            raise ConfigError(f"{given} is no problem: {error}") from None
    if isinstance(given, str) and names_file(given):
        return _checked(_problem_in(given))
    if not isinstance(given, (str, Problem)):
        raise ConfigError(
            f"{shortened(plain(given))} is no problem: give a name, a file, as my_file.py:my_problem or "
            "my_problem.toml, or a ravine.Problem."
        )
    return _checked(PROBLEMS.find(given))


def _problem_in(reference: str) -> Problem:
    """Return the problem of FILE.py:NAME, or the only one of FILE.py."""
    path, name = split(reference) or (reference, "")
    found = {key: value for key, value in vars(run_file(path)[1]).items() if isinstance(value, Problem)}
    if not found:
        raise ConfigError(f"{path} has no problem: bind a ravine.Problem to a name in it.")
    if name and name not in found:
        raise ConfigError(unknown(f"problem in {path}", name, found))
    if not name and len(found) > 1:
        raise ConfigError(f"{path} has several problems; say which, as {path}:{next(iter(found))}.")
    return found[name or next(iter(found))]


def _checked(problem: Problem) -> Problem:
    """Return a problem with its values in ravine's own types, if some optimizer can be trained and tuned on it."""
    name = problem.name
    try:
        given = {field: plain(getattr(problem, field)) for field in Problem.__struct_fields__}
        checked: Problem = convert(given, Problem)
        if not checked.name.strip():
            raise ConfigError("it has no name; give it one.")
        if checked.validation == 0:
            raise ConfigError("validation is 0; give the samples to choose settings on, 1 or more, or a share of them.")
        if checked.target is not None and not 0 < checked.target <= 1:
            raise ConfigError(f"target is {checked.target:g}; it must be an accuracy, above 0 and up to 1.")
        own = PROBLEMS.get(checked.name, checked)
        if msgspec.structs.replace(checked, batch_size=own.batch_size) != own:
            raise ConfigError("ravine has another problem of this name; give it a name of its own.")
        from_settings({**checked.settings, "validation": checked.validation, "test": "never"})
    except ConfigError as error:
        raise ConfigError(f"problem {shortened(plain(name))}: {error}") from None
    return checked


def toml_of(source: str, what: str) -> dict[str, Any]:
    """Return the content of a TOML file."""
    file = path_of(what, source)
    assert file is not None
    try:
        return dict(msgspec.toml.decode(text_of(file.read_bytes())))
    except OSError as error:
        raise ConfigError(f"cannot read {what} {source}: {error.strerror or error}.") from None
    except msgspec.DecodeError as error:
        raise ConfigError(f"cannot read {what} {source}: {error}.") from None
    except ConfigError as error:
        raise ConfigError(f"cannot read {what} {source}: {error}") from None
    except RecursionError:
        raise ConfigError(f"cannot read {what} {source}: it has lists in lists without end.") from None

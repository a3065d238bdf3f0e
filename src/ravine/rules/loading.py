"""Rules that are not ravine's own: from a file that the user names, from an installed package, or from Python."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import inspect
import linecache
import sys
import traceback
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from ravine.errors import ConfigError, unknown
from ravine.rules.whole import AnyRule

GROUP = "ravine.optimizers"
"""The entry points with which an installed package offers rules."""

_given: dict[str, AnyRule] = {}
_kept: dict[str, AnyRule] = {}


def refer(rule: AnyRule) -> str:
    """Return the name by which `given` finds a rule again in this process: its file and its name.

    For a rule that was made in Python, in a script or a notebook. Another rule of the same file and name, as from a
    loop, gets a number behind the file: who holds the first name goes on with the first rule.
    """
    place, name = inspect.getsourcefile(rule.function) or "python", rule.function.__name__
    reference, count = f"{place}:{name}", 1
    while _given.setdefault(reference, rule) is not rule:
        count += 1
        reference = f"{place}#{count}:{name}"
    return reference


def given(reference: str) -> AnyRule | None:
    """Return the rule that `refer` was given, None if there is none."""
    return _given.get(reference)


def keep(reference: str, rule: AnyRule) -> str:
    """Let `recall` return this rule for a reference from now on; return the reference."""
    _kept[reference] = rule
    return reference


def recall(reference: str) -> AnyRule | None:
    """Return the rule that `refer` or `keep` was given, None if there is none.

    A run asks here, so that it goes on with one rule while its user edits the file.
    """
    return _given.get(reference) or _kept.get(reference)


def names_file(reference: str) -> bool:
    """Tell whether a reference is FILE.py or FILE.py:RULE and not a name.

    >>> names_file("rules/mine.py:mine"), names_file("adam")
    (True, False)
    """
    return _split(reference) is not None


def from_file(reference: str) -> AnyRule:
    """Run the file of FILE.py or FILE.py:RULE and return its rule.

    Raises:
        ConfigError: there is no such file, it cannot be run, or it has no such rule.
    """
    return locate(reference)[1]


def installed() -> dict[str, EntryPoint]:
    """Return the rules that installed packages offer, by name, without importing them.

    Of several with one name, it is that of the package which Python finds first.
    """
    return {point.name: point for point in reversed(list(entry_points(group=GROUP)))}


def package_of(point: EntryPoint) -> str:
    """Return the name of the package that offers a rule."""
    return point.dist.name if point.dist else point.value


def from_package(point: EntryPoint) -> AnyRule:
    """Import the rule of an entry point."""
    source = f"optimizer {point.name} of the package {package_of(point)}"
    try:
        rule = point.load()
    except (Exception, SystemExit) as error:
        raise ConfigError(f"{source} cannot be imported from {point.value}: {_told(error)}") from error
    if not isinstance(rule, AnyRule):
        raise ConfigError(
            f"{source} is a {type(rule).__name__}; {point.value} must be a function under @ravine.rule or "
            "@ravine.whole_rule."
        )
    return rule


def _split(reference: str) -> tuple[str, str] | None:
    """Return the path and the rule's name, which may be missing; None if it is no reference to a file."""
    if reference.endswith(".py"):
        return reference, ""
    path, colon, name = reference.rpartition(":")
    return (path, name) if colon and path.endswith(".py") else None


def locate(reference: str) -> tuple[str, AnyRule]:
    """Return a reference to a file with its whole path and the rule's name in it, and the rule."""
    path, name = _split(reference) or (reference, "")
    file = Path(path).expanduser().absolute()
    try:
        text = file.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read ({error.strerror}); give FILE.py:RULE, the file that declares the rule and its "
            "name."
        ) from None
    module = _run(file, text)
    rules = {
        key: value
        for key, value in vars(module).items()
        if isinstance(value, AnyRule) and value.function.__module__ == module.__name__
    }
    if not rules:
        raise ConfigError(f"{path} has no rule: put @ravine.rule before a function that takes g and, after *, lr.")
    if not name and len(rules) > 1:
        raise ConfigError(
            f"{path} has several rules; say which, as {path}:{next(iter(rules))}. Known: {', '.join(rules)}."
        )
    if name and name not in rules:
        raise ConfigError(unknown(f"rule in {path}", name, rules))
    name = name or next(iter(rules))
    return f"{file}:{name}", rules[name]


@functools.cache
def _run(file: Path, text: bytes) -> ModuleType:
    """Run a file as a module of its own, once for each content.

    What runs and what is read as its source is this very text: compiled files that Python keeps are told apart by
    whole seconds, and miss an edit.
    """
    module = ModuleType(f"ravine_rules_{file.stem}_{hashlib.sha256(text).hexdigest()[:12]}")
    module.__file__ = str(file)
    sys.modules[module.__name__] = module
    try:
        code = compile(text, str(file), "exec", dont_inherit=True)
        lines = importlib.util.decode_source(text).splitlines(keepends=True)
        linecache.cache[str(file)] = len(text), None, lines, str(file)
        exec(code, vars(module))
    except SyntaxError as error:
        raise ConfigError(f"{error.filename or file}:{error.lineno or 1}: {error.msg}.") from error
    except ConfigError as error:
        raise ConfigError(f"{file}:{_line(error, file)}: {error}") from error
    except (Exception, SystemExit) as error:
        raise ConfigError(f"{file}:{_line(error, file)}: {_told(error)}") from error
    finally:
        sys.modules.pop(module.__name__, None)
    return module


def _line(error: BaseException, file: Path) -> int:
    """Return the last line of `file` on the way to an error."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    return (lines[-1] if lines else None) or 1


def _told(error: BaseException) -> str:
    """Return the kind and the words of an error as one sentence."""
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words}".rstrip(".: ") + "."

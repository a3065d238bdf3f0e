"""Rules that are not ravine's own: from a file that the user names, from an installed package, or from Python."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import inspect
import linecache
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from ravine.errors import ConfigError, line_in, told, unknown
from ravine.formulas.matrix import AnyRule
from ravine.inputs import folded, is_utf16

GROUP = "ravine.optimizers"
"""The entry points with which an installed package offers rules."""

_running: set[Path] = set()
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


def spelled(reference: str) -> str:
    """Return a reference with the rule's name folded, and the path of its file as it is.

    >>> spelled("rules/mine.py:mine²")
    'rules/mine.py:mine2'
    """
    if reference in _given or reference in _kept:
        return reference
    parts = _split(reference)
    if parts is None:
        return folded(reference)
    path, name = parts
    return f"{path}:{folded(name)}" if name else reference


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
    return {folded(point.name): point for point in reversed(list(entry_points(group=GROUP)))}


def package_of(point: EntryPoint) -> str:
    """Return the name of the package that offers a rule."""
    return point.dist.name if point.dist else point.value


def from_package(point: EntryPoint) -> AnyRule:
    """Import the rule of an entry point."""
    source = f"optimizer {point.name} of the package {package_of(point)}"
    try:
        rule = point.load()
    except (Exception, SystemExit) as error:
        raise ConfigError(f"{source} cannot be imported from {point.value}: {told(error)}") from error
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
    path, name = _split(spelled(reference)) or (reference, "")
    file = Path(path).expanduser().absolute()
    try:
        text = file.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read ({error.strerror}); give FILE.py:RULE, the file that declares the rule and its "
            "name."
        ) from None
    if is_utf16(text):
        raise ConfigError(f"{path} is in UTF-16, which Python cannot run: save it in UTF-8.")
    module = _run(file, text)
    found = {key: value for key, value in vars(module).items() if isinstance(value, AnyRule)}
    if name in found:
        return f"{file}:{name}", found[name]
    rules = {key: value for key, value in found.items() if value.function.__module__ == module.__name__}
    if not rules:
        others = f" It imports {', '.join(found)}: name one, as {path}:{next(iter(found))}." if found else ""
        raise ConfigError(
            f"{path} has no rule of its own: put @ravine.rule, above other decorators, before a function of the file "
            f"that takes g and, after *, lr.{others}"
        )
    if len(rules) > 1 and not name:
        raise ConfigError(
            f"{path} has several rules; say which, as {path}:{next(iter(rules))}. Known: {', '.join(rules)}."
        )
    if name:
        raise ConfigError(unknown(f"rule in {path}", name, found))
    name = next(iter(rules))
    return f"{file}:{name}", rules[name]


@functools.cache
def _run(file: Path, text: bytes) -> ModuleType:
    """Run a file as a module of its own, once for each content.

    What runs and what is read as its source is this very text: compiled files that Python keeps are told apart by
    whole seconds, and miss an edit.
    """
    if file in _running:
        raise ConfigError(
            f"{file} is being run already, and names itself: put what trains with its rules under "
            "`if __name__ == '__main__':`."
        )
    _running.add(file)
    module = ModuleType(f"ravine_rules_{file.stem}_{hashlib.sha256(text).hexdigest()[:12]}")
    module.__file__ = str(file)
    sys.modules[module.__name__] = module
    try:
        code = compile(text, str(file), "exec", dont_inherit=True)
        lines = importlib.util.decode_source(text).splitlines(keepends=True)
        linecache.cache[str(file)] = len(text), None, lines, str(file)
        with _beside(file.parent):
            exec(code, vars(module))
    except SyntaxError as error:
        line = _undecodable_line(text) or error.lineno or 1
        raise ConfigError(f"{error.filename or file}:{line}: {error.msg}.") from error
    except ConfigError as error:
        raise ConfigError(f"{file}:{line_in(error, str(file)) or 1}: {error}") from error
    except (Exception, SystemExit) as error:
        raise ConfigError(f"{file}:{line_in(error, str(file)) or 1}: {told(error)}") from error
    finally:
        sys.modules.pop(module.__name__, None)
        _running.discard(file)
    return module


def _undecodable_line(text: bytes) -> int | None:
    """Return the line with the first byte that is no UTF-8, which Python puts at line 1; None if there is none."""
    try:
        text.decode()
    except UnicodeDecodeError as error:
        return text.count(b"\n", 0, error.start) + 1
    return None


@contextmanager
def _beside(folder: Path) -> Iterator[None]:
    """Let a file import what lies beside it, as a script can.

    What it imported is forgotten, since a file in another folder may have a helper of the same name.
    """
    place, before = str(folder), set(sys.modules)
    sys.path.insert(0, place)
    try:
        yield
    finally:
        sys.path.remove(place)
        for name in set(sys.modules) - before:
            origin, top = getattr(sys.modules[name], "__file__", None), folder / name.partition(".")[0]
            if origin and (Path(origin) == top.with_suffix(".py") or top in Path(origin).parents):
                del sys.modules[name]

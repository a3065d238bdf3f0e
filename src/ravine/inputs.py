"""Values from outside, brought into the form in which ravine works with them: names, numbers, dtypes, folders, texts.

All code that takes a value from Python, the command line or a file brings it into this form first.
"""

from __future__ import annotations

import errno
import os
import re
import typing
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

from ravine.errors import ConfigError, shortened, unknown

T = TypeVar("T")

_MOST_JOBS = 10_000

_LONGEST = 10 * 366 * 24 * 3600.0
"""The longest time that can be given, in seconds."""

_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "a table of settings",
    "null": "nothing",
}
"""By msgspec's name of a type, the type in words."""


def folded(name: str) -> str:
    """Return a name as Python has it in a source: in Unicode's form NFKC, in which letters that look alike are one.

    >>> folded("\N{GREEK LUNATE EPSILON SYMBOL}") == "\N{GREEK SMALL LETTER EPSILON}"
    True
    """
    return unicodedata.normalize("NFKC", str(name))


def folded_keys(given: Mapping[str, T]) -> dict[str, T]:
    """Return a mapping with each of its names folded; one name in two spellings is a `ConfigError`."""
    found: dict[str, T] = {}
    for key, value in given.items():
        name = folded(key)
        if name in found:
            raise ConfigError(f"{name} is given twice, in two spellings of one name: leave one out.")
        found[name] = value
    return found


def plain(value: Any) -> Any:
    """Return NumPy's numbers, strings and arrays, and ranges, as Python's own, in lists and mappings too.

    Any other value is returned as it is. A list that holds itself is a `ConfigError`.

    >>> plain({"layers": np.array([784, 10]), "lr": np.float64(0.5)})
    {'layers': [784, 10], 'lr': 0.5}
    """
    try:
        return _plain(value)
    except RecursionError:
        raise ConfigError("a list holds itself, or lists in lists without end; give one that ends.") from None


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.str_):
        return str(value)
    if isinstance(value, np.floating):  # a long double is its own `item`
        return float(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (list, tuple, range)):
        return tuple(map(_plain, value)) if type(value) is tuple else [_plain(part) for part in value]
    if isinstance(value, Mapping):
        return {_plain(key): _plain(part) for key, part in value.items()}
    return value


def as_written(value: Any) -> str:
    """Return a value as a command line or a file has it, with true and false; for messages.

    >>> as_written(True), as_written("fast"), as_written(0.5)
    ('true', "'fast'", '0.5')
    """
    given = plain(value)
    return str(given).lower() if isinstance(given, bool) else shortened(given)


def dtype_name(given: Any, allowed: Iterable[str], kind: str = "dtype") -> str:
    """Return the name of a dtype, given by its name or as any value that NumPy accepts for a dtype.

    >>> dtype_name(np.float64, ["float32", "float64"]), dtype_name(np.dtype("f4"), ["float32", "float64"])
    ('float64', 'float32')

    Raises:
        ConfigError: it is none of those that are allowed.
    """
    name = str(given) if isinstance(given, str) else _name_of(given)
    if name not in allowed:
        raise ConfigError(unknown(kind, name or shortened(given), allowed))
    return name


def _name_of(given: Any) -> str:
    """Return ravine's name of a dtype of NumPy; "" if the value is no dtype."""
    try:
        dtype = None if given is None else np.dtype(given)  # NumPy takes None for float64
    except (TypeError, ValueError):
        return ""
    if dtype is None:
        return ""
    wide = dtype == np.longdouble and dtype != np.float64
    return "longdouble" if wide else dtype.name


def path_of(name: str, given: Any) -> Path | None:
    """Return a folder or a file that is given as text or as a path, None if it is not given.

    Raises:
        ConfigError: it is neither; `name` is its name in the message.
    """
    if given is None:
        return None
    if not isinstance(given, (str, os.PathLike)) or not isinstance(os.fspath(given), str):
        raise ConfigError(f"{name} is {shortened(given)}; it must be a path, as text or as a pathlib.Path.")
    path = Path(given)
    try:
        path.lstat()
    except (OSError, ValueError) as error:
        fault = getattr(error, "strerror", None) or error
        if isinstance(error, ValueError) or error.errno == errno.ENAMETOOLONG:  # as with a zero byte
            refused = f"{name} is {shortened(str(path))}, which cannot be a path ({fault})"
            raise ConfigError(f"{refused}; give another.") from None
    return path


def expanded(path: str | Path) -> Path:
    """Return a path with the home in place of ~; ~NAME stays as it is if there is no such user.

    >>> expanded("~a-user-that-does-not-exist/x").as_posix()
    '~a-user-that-does-not-exist/x'
    """
    return Path(os.path.expanduser(path))  # noqa: PTH111  pathlib raises if there is no such user, or no home


def count_of(name: str, given: Any, most: int) -> int:
    """Return a whole number from 1 to `most`, given in Python, on the command line or in a file.

    >>> count_of("seeds", np.int64(3), 10)
    3

    Raises:
        ConfigError: it is none.
    """
    count: int = convert(plain(given), int, name)
    if not 1 <= count <= most:
        raise ConfigError(f"{name} is {shortened(count)}; it must be a whole number from 1 to {most}.")
    return count


def jobs_of(given: int | None) -> int:
    """Return how many runs, or compilations, go on at once: as many as this process may use cores if None is given."""
    return _cores() if given is None else count_of("jobs", given, _MOST_JOBS)


def _cores() -> int:
    """Return how many cores this process may use; the job of a queue may have some of a machine alone."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def seconds_of(name: str, given: Any) -> float:
    """Return a time above 0 in seconds, given as text with units, or as a number of seconds.

    >>> seconds_of("budget", "15m"), seconds_of("budget", "1h30m"), seconds_of("budget", 90)
    (900.0, 5400.0, 90.0)

    Raises:
        ConfigError: it is none, or longer than ten years; `name` is its name in the message.
    """
    value = plain(given)
    if isinstance(value, str):
        seconds, numbers = _seconds_in(value), ""
    else:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        seconds, numbers = (value if is_number else 0), ", or a number of seconds"
    if not 0 < seconds <= _LONGEST:
        allowed = "it must be a time with its units, as 90s, 15m, 2h or 1h30m"
        raise ConfigError(f"{name} is {shortened(value)}; {allowed}{numbers}, above 0 and up to ten years.")
    return float(seconds)


def _seconds_in(text: str) -> float:
    """Return the seconds of a time such as 1h30m; 0 if the text is none."""
    parts = re.fullmatch("".join(rf"(?:(\d+(?:\.\d+)?){unit})?" for unit in "hms"), text.strip(), re.ASCII)
    if parts is None:
        return 0.0
    return sum(float(part or 0) * unit for part, unit in zip(parts.groups(), (3600, 60, 1), strict=True))


def text_of(content: bytes) -> str:
    """Return the content of a file of text, in UTF-8, with or without a byte-order mark.

    Raises:
        ConfigError: it is in another encoding; the message goes behind the name of the file.
    """
    if is_utf16(content):
        raise ConfigError("it is in UTF-16: save it in UTF-8.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        fault = f"line {line} has the byte 0x{error.object[error.start]:02x}, which is not UTF-8"
        raise ConfigError(f"{fault}: save it in UTF-8.") from None


def is_utf16(content: bytes) -> bool:
    """Tell whether a text seems to be in UTF-16 or UTF-32.

    It then begins with a byte-order mark, or one of its first two bytes is zero.
    """
    return content[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in content[:2]


def convert(value: Any, kind: Any, name: str = "") -> Any:
    """Return a value of builtins as one of a type that msgspec knows.

    Raises:
        ConfigError: it does not fit. The message says which part of it, from `name` on, what that is, and what it must
            be.

    >>> class Size(msgspec.Struct):
    ...     rows: int
    >>> convert({"rows": "many"}, Size)
    Traceback (most recent call last):
    ravine.errors.ConfigError: rows is 'many'; it must be a whole number.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(_reworded(str(error), value, kind, name)) from None
    except UnicodeEncodeError as error:
        text = f"{name} has the text" if name else "there is a text"
        raise ConfigError(f"{text} {shortened(error.object)}, which is no Unicode: give other letters.") from None


def _reworded(message: str, value: Any, kind: Any, name: str) -> str:
    """Say in words what msgspec says of a value that does not fit."""
    fault, _, path = message.partition(" - at `$")
    path = path.removesuffix("`")
    unnamed = "[...]" in path  # msgspec does not name the keys of a mapping
    path = path.partition("[...]")[0]
    keys = [int(key) if key.isdigit() else key for key in re.findall(r"[^.\[\]]+", path)]
    for key in keys:
        value, kind = (list(value) if isinstance(value, (set, frozenset)) else value)[key], _part(kind, key)
    place = f"{name}{path}".removeprefix(".")
    field = re.search(r"field `(.+)`", fault)
    if field is not None:
        inside = f" in {place}" if place else ""
        known = getattr(_inner(kind)[0], "__struct_fields__", ())
        return f"{field[1]} is missing{inside}." if "missing" in fault else unknown(f"key{inside}", field[1], known)
    if fault.startswith("Invalid"):
        return unknown(place, value, typing.get_args(kind))
    expected = re.match(r"Expected `(.+?)`(?:, got `(.+)`)?(.*)", fault)
    if expected is None:
        return f"{place} is {as_written(value)}: {fault}."
    types, got, bound = expected.groups()
    words = " or ".join(_WORDS.get(one, one) for one in types.split(" | ") if one != "null") + _bound(bound)
    if unnamed:
        return f"{place} holds something that is not {words}."
    point = ", written without a point" if "int" in types and got == "float" else ""
    return f"{place} is {as_written(value)}; it must be {words}{point}."


def _bound(text: str) -> str:
    """Return in words what msgspec writes as >= 0.0."""
    length = re.match(r" of length (\d+)", text)
    if length is not None:
        return f" of {length[1]}"
    sign, _, number = text.strip().partition(" ")
    words = {">=": " of {} or more", ">": " above {}", "<=": " of {} or less", "<": " below {}"}.get(sign, text)
    return words.format(f"{float(number):g}" if number else "")


def _inner(kind: Any) -> list[Any]:
    """Return the types of which an optional or a list has one, or the type itself."""
    return [one for one in typing.get_args(kind) if one is not type(None)] or [kind]


def _part(kind: Any, key: str | int) -> Any:
    """Return the type of a part of a type's values."""
    if isinstance(key, int):
        return _inner(kind)[0]
    return typing.get_type_hints(_inner(kind)[0])[key]

"""Errors that a user can act on: what was given, what is allowed, what to do.

Each class has the exit code that the command line ends with. Anything that is not a `RavineError` is a bug in ravine.
"""

from __future__ import annotations

import difflib
import re
import traceback
from collections.abc import Iterable


class RavineError(Exception):
    """The base of all errors that ravine raises on purpose; its text is one clear sentence or two."""

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(readable(message))


class UsageError(RavineError):
    """The call itself is malformed: an option or an argument that does not exist (exit 2)."""

    exit_code = 2


class ConfigError(RavineError):
    """A setting has a value that is not allowed (exit 3)."""

    exit_code = 3


class DataError(RavineError):
    """A file is missing, damaged, or not what it should be (exit 3)."""

    exit_code = 3


class StorageError(RavineError):
    """A file of ravine's cannot be written, or another process holds it (exit 3)."""

    exit_code = 3


class BusyError(StorageError):
    """A run is being trained by another process or thread (exit 3)."""


class DownloadError(RavineError):
    """No source gave a good copy of a file (exit 4)."""

    exit_code = 4


SYNONYMS = {"learning_rate": "lr", "wd": "weight_decay", "clip": "clip_norm", "ema": "weight_average"}
"""Names that other libraries use, and ravine's name for the same setting."""


def unknown(kind: str, name: object, allowed: Iterable[str], known: str | None = None) -> str:
    """Word the message for a name that does not exist, with the nearest one that does.

    At the end it lists the names that are allowed, or says `known` in place of that.

    >>> unknown("optimizer", "adma", ["adam", "adamax", "sgd"])
    "unknown optimizer 'adma'; did you mean 'adam'? Known: adam, adamax, sgd."
    """
    text = beginning(_without_places(name)) if isinstance(name, str) else shortened(name)
    names, given = sorted(allowed), text.lower()
    swapped = [known for known in names if sorted(known) == sorted(given)]
    usual = [known for known in names if known == SYNONYMS.get(given)]
    near = usual or swapped or difflib.get_close_matches(given, names, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    listed = f"Known: {', '.join(names) or 'none'}." if known is None else known
    return f"unknown {kind} {text!r}{hint} {listed}"


def readable(message: str) -> str:
    """Return a message in which a word of hundreds of letters, which no one reads, is cut to its beginning.

    A character that cannot be printed, as in the name of a file from another system, is written as its number.

    >>> readable("there is no file " + "x" * 3000 + ".")
    'there is no file xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'
    """
    letters = message.encode("utf-8", "backslashreplace").decode()
    return re.sub(r"\S{400,}", lambda word: beginning(word[0]), letters)


def shortened(value: object) -> str:
    """Return a value as Python writes it, in one line, without its place in memory, and of a long text its beginning.

    >>> shortened(10**80)
    '100000000000000000000000000000000000000000000000000000000...'
    >>> shortened(object())
    '<object object>'
    """
    try:
        text = repr(value)
    except Exception:  # a whole number of thousands of digits, or a value whose class has a fault
        text = f"a value of type {type(value).__name__}"
    return beginning(_without_places(" ".join(text.split())))


def _without_places(text: str) -> str:
    """Return the text of an object without its place in memory."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)


def beginning(text: str) -> str:
    """Return a short text as it is, and of a long one its beginning."""
    return text if len(text) <= 60 else f"{text[:57]}..."


def line_in(error: BaseException, file: str) -> int | None:
    """Return the last line of a file in the traceback of an error, None if the file is not in it."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return lines[-1] if lines else None


def told(error: BaseException) -> str:
    """Return the kind and the words of an error as one sentence.

    >>> told(ZeroDivisionError("division by zero"))
    'ZeroDivisionError: division by zero.'
    """
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words}".rstrip(".: ") + "."

"""Errors in functions that a user wrote, reported with their file and line."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType
from typing import Any

from ravine.errors import ConfigError, RavineError, line_in, told


@contextmanager
def telling_faults(what: str, function: Callable[..., Any], missing: str = "") -> Iterator[None]:
    """Turn whatever a user's function raises into a `ConfigError` with the line.

    `what` says what fails, as "surface bowl", and `missing` what to do about a key that is missing.
    """
    try:
        yield
    except RavineError:
        raise
    except (Exception, SystemExit) as error:  # a function that exits would end ravine, with nothing told
        file = code_of(function).co_filename
        line = line_in(error, file)
        place = "" if line is None or file.startswith("<") else f"{file}:{line}: "
        hint = f" {_mend(error, missing)}".rstrip()
        raise ConfigError(f"{place}{what} fails with {told(error)}{hint}") from error


def _mend(error: BaseException, missing: str) -> str:
    if isinstance(error, KeyError):
        return missing
    if isinstance(error, ValueError) and "read-only" in str(error):
        return "It must not change its arguments: write a = a + b and not a += b."
    return ""


def code_of(function: Callable[..., Any]) -> CodeType:
    """Return the code that the author of a function wrote, under whatever decorators."""
    code: CodeType = inspect.unwrap(function).__code__
    return code

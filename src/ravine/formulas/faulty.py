"""Faulty declarations in a file of the user's: one does not hide the others.

In a module or a notebook a decorator raises at once. While ravine runs a file for FILE.py:NAME, the name is bound to
an object that has the fault and raises it when it is used, and the rest of the file runs.
"""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

from ravine.errors import ConfigError, line_in

T = TypeVar("T")

_running: dict[str, str] = {}
"""By the name of its module, each file that ravine runs now."""


@contextmanager
def keeping_faults(module: str, file: str) -> Iterator[None]:
    """Keep the faults of the declarations in a file while it runs."""
    _running[module] = file
    try:
        yield
    finally:
        del _running[module]


class Faulty:
    """What a name in a file stands for if its declaration is refused; whatever is done with it raises.

    `_kind` is the word for the thing that was to be declared, such as "optimizer".
    """

    def __init__(self, kind: str, name: str, fault: str) -> None:
        self._kind, self._name, self._fault = kind, name, fault

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # Python itself asks for these
            raise AttributeError(name)
        self._refuse()

    def __call__(self, *arguments: Any, **keywords: Any) -> NoReturn:
        """Raise the fault."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise ConfigError(f"it uses {self._name}, and {self._fault}")


def is_faulty(thing: object, kind: str | None = None) -> bool:
    """Tell whether something stands for a faulty declaration, of a kind if one is given."""
    return isinstance(thing, Faulty) and kind in (None, thing._kind)


def raise_fault(thing: object) -> None:
    """Raise the fault of a declaration that is faulty; return if the thing is none."""
    if isinstance(thing, Faulty):
        raise ConfigError(thing._fault)


def declaring(kind: str) -> Callable[[Callable[[Any], T]], Callable[[Any], T]]:
    """Make the function that declares things of a kind keep its faults while ravine runs the file of a declaration."""

    def decorate(declare: Callable[[Any], T]) -> Callable[[Any], T]:
        @functools.wraps(declare)
        def tried(function: Any) -> Any:
            if isinstance(function, Faulty):
                return function
            try:
                return declare(function)
            except ConfigError as error:
                file = _running.get(str(getattr(function, "__module__", None)))
                if file is None:
                    raise
                place = f"{file}:{line_in(error, file) or _line_now(file)}"
                return Faulty(kind, getattr(function, "__name__", "a declaration"), f"{place}: {error}")

        return tried

    return decorate


def _line_now(file: str) -> int:
    """Return the line of a file that is run now."""
    return next((line for frame, line in traceback.walk_stack(None) if frame.f_code.co_filename == file), 1)

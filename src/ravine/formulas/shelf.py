"""Finding things by name: on ravine's own shelves, in a file of the user's, and in installed packages.

A shelf is a package whose modules each declare a thing. A new file in it is found by itself.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Generic, TypeVar

T = TypeVar("T")


class Shelf(Mapping[str, T], Generic[T]):
    """All things of one kind, ravine's own by name; `find` also finds those of files and packages.

    Attributes:
        kind: what one of them is called, such as "optimizer".
        package: the package whose modules declare ravine's own.
        decorators: what makes one of them of a function, for messages.
        group: the entry points with which an installed package offers more, such as "ravine.optimizers".
    """

    def __init__(self, kind: str, package: str, type_: type[T], decorators: str) -> None:
        self.kind, self.package, self.group, self.decorators = kind, package, package, decorators
        self._type = type_

    @cached_property
    def _own(self) -> dict[str, T]:
        found: dict[str, T] = {}
        # Imported when it is first asked for: a thing on one shelf may be made of things on another.
        for module in pkgutil.iter_modules(importlib.import_module(self.package).__path__):
            for value in vars(importlib.import_module(f"{self.package}.{module.name}")).values():
                if isinstance(value, self._type):
                    found[_name_of(value)] = value
        return found

    def __getitem__(self, name: str) -> T:
        return self._own[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._own)

    def __len__(self) -> int:
        return len(self._own)

    def __repr__(self) -> str:
        return f"{{{', '.join(self)}}}"


def _name_of(thing: object) -> str:
    name = getattr(thing, "name")  # noqa: B009  every thing on a shelf has one
    assert isinstance(name, str)
    return name

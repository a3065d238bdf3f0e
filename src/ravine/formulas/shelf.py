"""Finding things by name: on ravine's own shelves, in a file of the user's, and in installed packages.

A shelf is a package whose modules each declare a thing. A new file in it is found by itself.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

from ravine.errors import ConfigError, shortened, told, unknown
from ravine.formulas.declaration import Declaration
from ravine.formulas.faulty import is_faulty, raise_fault
from ravine.formulas.files import names_file, run_file, split
from ravine.inputs import folded

T = TypeVar("T")


class Shelf(Mapping[str, T], Generic[T]):
    """All things of one kind, ravine's own by name; `find` also finds those of files and packages.

    Attributes:
        kind: the word for one thing, such as "optimizer".
        package: the package whose modules declare ravine's own things.
        decorators: the decorators that make such a thing of a function, for messages.
        group: the group of entry points with which installed packages offer more things; it has the name of `package`.
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
        return dict(sorted(found.items()))

    def __getitem__(self, name: str) -> T:
        return self._own[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._own)

    def __len__(self) -> int:
        return len(self._own)

    def __repr__(self) -> str:
        return f"{{{', '.join(self)}}}"

    def resolve(self, given: object) -> tuple[str, T]:
        """Return the thing that `find` finds, after the name by which to find it again.

        The name of a thing in a file has the whole path of the file. A thing that was made in Python cannot be found
        again; its name consists of its file and its own name.
        """
        if isinstance(given, str) and names_file(given):
            return self.from_file(given)
        thing = self.find(given)
        if isinstance(given, str):
            return folded(given), thing
        name, function = _name_of(thing), getattr(thing, "function", None)
        if self._own.get(name) is thing or function is None:
            return name, thing
        return f"{inspect.getsourcefile(function) or 'python'}:{function.__name__}", thing

    def find(self, given: object) -> T:
        """Return a thing by its name, or by the file that declares it, as FILE.py:NAME; ravine runs the file.

        If a thing is given, it is returned as it is. If ravine and an installed package have things of the same name,
        the name means ravine's.

        Raises:
            ConfigError: there is no such thing; the message suggests the nearest name.
        """
        if isinstance(given, self._type):
            return given
        raise_fault(given)
        if not isinstance(given, str):
            what = f"the function {given.__name__}" if inspect.isfunction(given) else shortened(given)
            what = f"the {given.label}" if isinstance(given, Declaration) else what
            raise ConfigError(
                f"{what} is no {self.kind}: give a name, a file such as my_file.py:my_name, or what "
                f"{self.decorators} makes of a function."
            )
        if names_file(given):
            return self.from_file(given)[1]
        name = folded(given)
        if name in self._own:
            return self._own[name]
        others = self.installed()
        if name in others:
            return self._from_package(others[name])
        known = {*self._own, *others}
        raise ConfigError(f"{unknown(self.kind, name, known)} Or give a file, as my_file.py:my_name.")

    def from_file(self, reference: str) -> tuple[str, T]:
        """Run the file of FILE.py or FILE.py:NAME; return the whole reference, path and name, and the thing.

        Raises:
            ConfigError: there is no such file, it cannot be run, or it has no such thing, or the thing is faulty.
        """
        path, name = split(reference) or (reference, "")
        file, module = run_file(path)
        raise_fault(vars(module).get(name))
        found = {key: value for key, value in vars(module).items() if isinstance(value, self._type)}
        if name in found:
            return f"{file}:{name}", found[name]
        own = {
            key: value
            for key, value in vars(module).items()
            if is_faulty(value, self.kind) or (key in found and _module_of(value) == module.__name__)
        }
        if not own:
            others = f" It imports {', '.join(found)}: name one, as {path}:{next(iter(found))}." if found else ""
            raise ConfigError(
                f"{path} has no {self.kind} of its own: put {self.decorators}, above other decorators, before a "
                f"function of the file.{others}"
            )
        if name:
            raise ConfigError(unknown(f"{self.kind} in {path}", name, {**found, **own}))
        if len(own) > 1:
            raise ConfigError(
                f"{path} has several {self.kind}s; say which, as {path}:{next(iter(own))}. Known: {', '.join(own)}."
            )
        name, thing = next(iter(own.items()))
        raise_fault(thing)
        return f"{file}:{name}", thing

    def installed(self) -> dict[str, EntryPoint]:
        """Return the things that installed packages offer, by name, without importing them.

        If several packages offer one name, it means the thing of the package that Python finds first.
        """
        return {folded(point.name): point for point in reversed(list(entry_points(group=self.group)))}

    def _from_package(self, point: EntryPoint) -> T:
        source = f"{self.kind} {point.name} of the package {package_of(point)}"
        try:
            thing = point.load()
        except (Exception, SystemExit) as error:
            raise ConfigError(f"{source} cannot be imported from {point.value}: {told(error)}") from error
        if not isinstance(thing, self._type):
            raise ConfigError(
                f"{source} is a {type(thing).__name__}; {point.value} must be a function under {self.decorators}."
            )
        return thing


def package_of(point: EntryPoint) -> str:
    """Return the name of the package that offers a thing."""
    return point.dist.name if point.dist else point.value


def _name_of(thing: object) -> str:
    name = getattr(thing, "name")  # noqa: B009  every thing on a shelf has one
    assert isinstance(name, str)
    return name


def _module_of(thing: object) -> str | None:
    function = getattr(thing, "function", None)
    return getattr(function, "__module__", None)

"""The text of a function, with everything that decides what the function computes.

A matrix optimizer or a schedule may use anything that Python has. Its text includes the texts of the user's own
functions, classes and values that it uses, wherever they lie; of a library it includes only names.
"""

from __future__ import annotations

import ast
import dataclasses
import enum
import functools
import hashlib
import inspect
import sys
from collections import defaultdict, namedtuple
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from types import (
    DynamicClassAttribute,
    FunctionType,
    GetSetDescriptorType,
    MappingProxyType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    WrapperDescriptorType,
)
from typing import Any, Protocol, runtime_checkable

import numpy as np

from ravine.errors import ConfigError
from ravine.formulas.chance import GENERATORS, INSTEAD, fault_of, refuse_chance_in
from ravine.formulas.declaration import Declaration
from ravine.formulas.syntax import is_library_module, is_of_library, names_imported, names_used, tree_of

_PLAIN = (bool, int, float, complex, str, bytes, np.number, np.bool_, np.dtype, type(None), type(Ellipsis))
_ARRAYS = (np.ndarray, np.matrix, np.memmap, np.recarray)
_MAPS = (dict, MappingProxyType)
_NAMES = frozenset(
    ["__module__", "__name__", "__qualname__", "__doc__", "__annotations__", "__type_params__", "__signature__"]
)
"""Attributes that name a thing and decide nothing that it computes."""
_MADE_BY_PYTHON = _NAMES | {
    *("__dict__", "__weakref__", "__slots__", "__firstlineno__", "__static_attributes__", "__annotate__"),
    *("__annotate_func__", "__annotations_cache__", "__conditional_annotations__", "__dataclass_fields__"),
    *("__dataclass_params__", "__match_args__", "__orig_bases__", "__parameters__", "__abstractmethods__", "_abc_impl"),
    *("__hash__", "__final__", "__slotnames__", "__protocol_attrs__", "__non_callable_proto_members__"),
}
"""Attributes that Python, or a module of its own, gives to classes."""
_FIELDS = (MemberDescriptorType, GetSetDescriptorType, type(vars(namedtuple("_Example", "field"))["field"]))
"""The types of attributes that return what an object holds."""


_reading: ContextVar[tuple[Callable[..., Any], ...]] = ContextVar("_reading", default=())
"""The functions whose texts are being read, each for the one before it: a rule may use a rule, and itself."""


def function_text(function: Callable[..., Any]) -> str:
    """Return the text of a function and of everything that it uses, with the present values.

    Of a function that uses itself by the name of the rule or schedule that it makes, the text is there once; within it
    stand its name and its place among the functions that are being read.

    Raises:
        ConfigError: a source cannot be read, or the function uses a value that has no text.
    """
    around = _reading.get()
    if function in around:
        return f"{function.__qualname__}, text {around.index(function)}"
    reader = _Reader(function)
    token = _reading.set((*around, function))
    try:
        reader.function(function, defaults=False)
    except RecursionError:
        raise ConfigError(
            f"{function.__qualname__} uses a list or a dictionary that holds itself, or values within values without "
            "end; such a value has no text, and so cannot be part of a run's id: use one that ends."
        ) from None
    finally:
        _reading.reset(token)
    return "\n".join(reader.texts)


def value_text(value: Any, name: str, owner: Callable[..., Any]) -> str:
    """Return the text of a value that the declaration of a function names, and of everything that it uses.

    Args:
        value: a function, or anything else that may be called, such as np.exp.
        name: its name in messages.
        owner: the function that is declared with it.

    Raises:
        ConfigError: it has no text.
    """
    if isinstance(value, FunctionType):
        return function_text(value)
    reader = _Reader(owner)
    told = reader.shown(value, name)
    return "\n".join([*reader.texts, told])


@runtime_checkable
class _HasTexts(Protocol):
    """An optimizer or a stage: a declaration with more than the text of its function."""

    def texts(self) -> list[str]: ...


class _Reader:
    """Collects the texts of a function and of everything that it uses, each once."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.home = (function.__module__ or "").partition(".")[0]
        self.texts: list[str] = []
        self.seen: set[int] = set()
        self.called: dict[str, list[int]] = {}  # by name, the things that have this name
        self.stated: dict[str, str] = {}  # by name, what the last line about it says
        self.kept: list[Any] = []  # Python may give the id of an object that is deleted to another one

    def is_first(self, value: Any) -> bool:
        """Tell whether a value is met for the first time, and remember it."""
        self.kept.append(value)
        first = id(value) not in self.seen
        self.seen.add(id(value))
        return first

    def called_as(self, value: Any, name: str) -> str:
        """Return the name of a thing that has a text; the second thing of a name has a number behind it."""
        self.kept.append(value)
        known = self.called.setdefault(name, [])
        if id(value) not in known:
            known.append(id(value))
        number = known.index(id(value)) + 1
        return name if number == 1 else f"{name} {number}"

    def state(self, name: str, told: str) -> None:
        """Add a line that tells what a name stands for, unless the text says so already."""
        # What has a text of its own needs no line, unless it goes by another name.
        if self.stated.get(name, name) != told:
            self.stated[name] = told
            self.texts.append(f"{name} = {told}")

    def function(self, function: Any, defaults: bool = True) -> None:
        """Add the text of a function, its defaults, its attributes, and then what it uses."""
        if not self.is_first(function):
            return
        called = self.called_as(function, function.__qualname__)
        tree = tree_of(function)
        imported = dict(names_imported(function, tree))
        refuse_chance_in(function, tree, imported)
        given = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()] if defaults else []
        place = len(self.texts)
        self.texts.append("")
        told = [self.shown(value, "a default") for value in given]
        self.texts[place] = "\n".join([ast.unparse(tree), *([f"# defaults: {', '.join(told)}"] if told else [])])
        for name, value in _attributes(function).items():
            full = f"{called}.{name}"
            self.state(full, self.shown(value, full))
        for name, value in names_used(function, tree, imported, (self.home, "ravine")):
            self.state(name, self.shown(value, name))

    def shown(self, value: Any, name: str) -> str:
        """Return a value as text, and add the texts of the functions and classes in it."""
        known = self._of_library(value, name) if self._is_library(type(value)) else None
        if known is not None:
            return known
        if isinstance(value, Declaration):
            return self._declared(value)
        fault = None if isinstance(value, GENERATORS) else fault_of(value, name)
        if fault is not None:
            raise ConfigError(f"a rule {fault}")
        if self._is_library(value):
            # Where in a library it lies changes from version to version.
            return f"{value.__module__.partition('.')[0]}.{value.__qualname__}"
        inner = getattr(value, "__wrapped__", None)
        if inner is not None and not isinstance(value, FunctionType) and self._is_library(type(value)):
            return f"cached({self._all([inner], value, name)})"  # as under functools.cache
        if isinstance(value, FunctionType):
            if value.__code__.co_filename == functools.__file__ and hasattr(value, "registry"):
                return f"singledispatch({self.shown(value.registry, name)})"
            told = self.called_as(value, value.__qualname__)
            self.function(value)
            return told
        if isinstance(value, type):
            self._class(value)
            return self.called_as(value, value.__qualname__)
        return self._object(value, name)

    def _of_library(self, value: Any, name: str) -> str | None:
        """Return a value of a type of Python's or of a library as text, None if it is none that holds text."""
        if isinstance(value, _PLAIN):
            return repr(value)
        if isinstance(value, np.ma.MaskedArray):
            parts = [value.data, np.ma.getmaskarray(value), value.fill_value, value.hardmask]
            return f"masked({self.shown(parts, name)})"
        if type(value) in _ARRAYS and not value.dtype.hasobject:
            return _array_text(value)
        if isinstance(value, (list, tuple)):
            return f"{type(value).__name__}({', '.join(self.shown(part, name) for part in value)})"
        if isinstance(value, (set, frozenset)):
            return f"set({', '.join(sorted(self.shown(part, name) for part in value))})"
        if isinstance(value, Mapping):
            parts = [f"{self.shown(key, name)}: {self.shown(part, name)}" for key, part in value.items()]
            if isinstance(value, defaultdict):
                parts.insert(0, self.shown(value.default_factory, name))
            return f"{'map' if type(value) in _MAPS else type(value).__name__}({', '.join(parts)})"
        if isinstance(value, functools.partial):
            return f"partial({self._all([value.func, value.args, value.keywords], value, name)})"
        if isinstance(value, MethodType):
            return f"method({self.shown([value.__self__, value.__func__], name)})"
        if isinstance(value, (WrapperDescriptorType, MethodDescriptorType)):  # as list.append
            return value.__qualname__
        return None

    def _all(self, parts: list[Any], value: Any, name: str) -> str:
        """Return the parts of a value as text, and its attributes if it has any."""
        attributes = _attributes(value)
        shown = self.shown(parts if len(parts) > 1 else parts[0], name)
        return f"{shown}, {self.shown(attributes, name)}" if attributes else shown

    def _declared(self, value: Declaration) -> str:
        """Return the text of an optimizer, a stage or a schedule that a function uses."""
        texts = value.texts() if isinstance(value, _HasTexts) else [function_text(value.function)]
        kinds = {name: kind for name, kind in value.kinds.items() if kind != "number"}
        return "\n".join([*texts, *_order(value), repr(dict(value.defaults)), *([repr(kinds)] if kinds else [])])

    def _class(self, cls: type) -> None:
        """Add the text of a class of the user's."""
        if not self.is_first(cls):
            return
        told = self.called_as(cls, cls.__qualname__)
        fields = ", ".join(inspect.get_annotations(cls))
        self.texts.append(f"class {told}: {fields}")
        for name, part in vars(cls).items():
            if name not in _MADE_BY_PYTHON and not isinstance(part, _FIELDS) and not _is_made_by_enum(cls, name, part):
                full = f"{told}.{name}"
                inner = part.__func__ if isinstance(part, (staticmethod, classmethod)) else part
                if not isinstance(inner, FunctionType) or not _is_generated(inner):
                    self.state(full, self._member(part, full))
        for field in dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ():
            if field.default_factory is not dataclasses.MISSING:
                full = f"{told}.{field.name}"
                self.state(full, f"made by {self.shown(field.default_factory, full)}")
        if issubclass(cls, enum.Enum):
            self.state(f"{told}.__members__", self.shown(cls.__members__, cls.__qualname__))
        if cls.__bases__ != (object,):
            self.state(f"{told}.__bases__", self.shown(cls.__bases__, cls.__qualname__))
        if not self._is_library(type(cls)):
            self.state(f"{told}.__class__", self.shown(type(cls), cls.__qualname__))

    def _member(self, part: Any, name: str) -> str:
        """Return what stands in a class as text, and add the texts of the functions in it."""
        kind = type(part)
        parts: list[Any]
        if kind in (staticmethod, classmethod):
            parts = [part.__func__]
        elif kind is property or isinstance(part, DynamicClassAttribute):
            parts = [part.fget, part.fset, part.fdel]
        elif kind is functools.cached_property:
            parts = [part.func]
        elif kind is functools.singledispatchmethod:
            parts = [part.dispatcher]
        elif kind is functools.partialmethod:
            parts = [part.func, part.args, part.keywords]
        else:
            return self.shown(part, name)
        return f"{kind.__name__}({', '.join(self.shown(one, name) for one in parts)})"

    def _object(self, value: Any, name: str) -> str:
        """Return an object of a class of the user's as text."""
        cls = type(value)
        if isinstance(value, GENERATORS):
            raise ConfigError(
                f"{name}, a {cls.__name__}, keeps its state from run to run, so equal runs would differ. {INSTEAD}"
            )
        content = None if self._is_library(cls) else _content(value)
        if content is None:
            raise ConfigError(
                f"{name}, a {cls.__name__}, cannot be part of a run's id, which holds text: a rule may use numbers, "
                "strings, arrays, lists, dictionaries, functions and classes."
            )
        told = self.called_as(value, f"{cls.__qualname__} object")
        if not self.is_first(value):
            return told
        self._class(cls)
        parts = [*(self.shown(part, name) for part in content), self.shown(_attributes(value), name)]
        return f"{self.called_as(cls, cls.__qualname__)}({', '.join(parts)})"

    def _is_library(self, value: Any) -> bool:
        """Tell whether a function or a class belongs to a library."""
        module = getattr(value, "__module__", None)
        if not isinstance(module, str) or not hasattr(value, "__qualname__"):
            return False
        if module.partition(".")[0] in (self.home, "ravine"):
            return False
        if isinstance(value, FunctionType):
            return is_of_library(value.__code__.co_filename)
        # A module that is not there was imported by a user's file.
        return module in sys.modules and is_library_module(sys.modules[module])


def _order(value: Any) -> list[str]:
    """Return the line with the order of the arguments of an element-wise function, which its text does not have.

    A function may call it as it is written. There is no line for the usual order: its first argument, its slots, and
    then given values by the alphabet.
    """
    formula = getattr(value, "formula", None)
    if formula is None:
        return []
    given = sorted(set(formula.arguments) - {formula.first, *formula.slots})
    usual = (formula.first, *formula.slots, *given)
    return [] if formula.arguments == usual else [", ".join(formula.arguments)]


def _array_text(value: Any) -> str:
    """Return an array as text: its type, and a digest of its numbers."""
    digest = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()[:16]
    name = "array" if type(value) is np.ndarray else type(value).__name__
    # The order in memory is that in which NumPy adds, and so decides how a sum is rounded.
    order = "" if value.flags.c_contiguous else f", strides {value.strides}"
    return f"{name}({value.dtype}, {value.shape}, {digest}{order})"


def _attributes(value: Any) -> dict[str, Any]:
    """Return the attributes that were given to an object or a function, without those that only name it."""
    cls, found = type(value), dict(getattr(value, "__dict__", {}))
    for base in cls.__mro__:
        for name, part in vars(base).items() if "__slots__" in vars(base) else ():
            if isinstance(part, MemberDescriptorType):
                with suppress(AttributeError):  # a slot that holds nothing yet
                    found[name] = part.__get__(value)
    left_out = set(_NAMES)
    if isinstance(value, FunctionType) or hasattr(value, "cache_info"):
        left_out |= {"__wrapped__", "cache_parameters"}  # what functools adds; the function within is read by itself
    # What a cached property keeps follows from the rest, and is not there before it is first asked for.
    kept = {name for name in found if isinstance(inspect.getattr_static(cls, name, None), functools.cached_property)}
    return {name: part for name, part in found.items() if name not in left_out | kept}


_HELD: dict[type, Callable[[Any], list[Any]]] = {
    int: lambda value: [int.__int__(value)],
    float: lambda value: [float.__float__(value)],
    complex: lambda value: [complex.__complex__(value)],
    str: lambda value: [str.__str__(value)],
    bytes: lambda value: [bytes.__bytes__(value)],
    list: lambda value: [list(list.__iter__(value))],
    tuple: lambda value: [tuple(tuple.__iter__(value))],
    set: lambda value: [set(set.__iter__(value))],
    frozenset: lambda value: [set(frozenset.__iter__(value))],
    defaultdict: lambda value: [value.default_factory, dict(dict.items(value))],
    dict: lambda value: [dict(dict.items(value))],
    np.ndarray: lambda value: [np.asarray(value)],
    functools.partial: lambda value: [value.func, value.args, value.keywords],
    BaseException: lambda value: [value.args],
}
"""What an object holds besides its attributes, by the type that it inherits; it may have methods of its own."""


def _content(value: Any) -> list[Any] | None:
    """Return what an object of a user's class holds besides its attributes, None if that is not known."""
    for base in type(value).__mro__:
        # A type made in C that adds something of its own, as deque does.
        adds = base.__base__ is not None and base.__basicsize__ > base.__base__.__basicsize__
        if adds and base not in _HELD and {"__dict__", "__weakref__", "__slots__"}.isdisjoint(vars(base)):
            return None
    return next((held(value) for base, held in _HELD.items() if isinstance(value, base)), [])


def _is_made_by_enum(cls: type, name: str, part: Any) -> bool:
    """Tell whether a part of a class is a member of an enumeration, or what `enum` keeps about its members."""
    if not issubclass(cls, enum.Enum):
        return False
    kept = name.startswith("_") and name.endswith("_") and not name.startswith("__") and name != "_missing_"
    return kept or isinstance(part, cls) or (isinstance(part, DynamicClassAttribute) and part.fget is None)


def _is_generated(method: FunctionType) -> bool:
    """Tell whether a method has no source in its class, as the methods that `dataclass` adds."""
    file = method.__code__.co_filename
    return file == "<string>" or (is_of_library(file) and method.__module__ != inspect.getmodulename(file))

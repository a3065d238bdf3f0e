"""The text of a function, with everything that decides what the function computes.

A matrix optimizer or a schedule may use anything that Python has. Its text includes the texts of the user's own
functions, classes and values that it uses, wherever they lie; of a library it includes only names.
"""

from __future__ import annotations

import ast
import dis
import functools
import hashlib
import importlib
import inspect
import sys
import sysconfig
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from ravine.errors import ConfigError
from ravine.formulas.chance import GENERATORS, INSTEAD, fault_of, refuse_chance_in
from ravine.formulas.optimizer import Optimizer
from ravine.formulas.schedule import Schedule

_PLAIN = (bool, int, float, complex, str, bytes, np.number, np.bool_, np.dtype, type(None), type(Ellipsis))


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


class _Reader:
    """Collects the texts of a function and of everything that it uses, each once."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.home = function.__module__.partition(".")[0]
        self.texts: list[str] = []
        self.seen: set[int] = set()
        self.lines: set[tuple[str, str]] = set()
        self.kept: list[Any] = []  # Python may give the id of an object that is deleted to another one

    def is_first(self, value: Any) -> bool:
        """Tell whether a value is met for the first time, and remember it."""
        self.kept.append(value)
        first = id(value) not in self.seen
        self.seen.add(id(value))
        return first

    def function(self, function: Any, defaults: bool = True) -> None:
        """Add the text of a function, its defaults, and then what it uses."""
        if not self.is_first(function):
            return
        tree = _tree(function)
        imported = dict(_imported(function, tree))
        refuse_chance_in(function, tree, imported)
        given = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()] if defaults else []
        place = len(self.texts)
        self.texts.append("")
        told = [self.shown(value, "a default") for value in given]
        self.texts[place] = "\n".join([ast.unparse(tree), *([f"# defaults: {', '.join(told)}"] if told else [])])
        for name, value in _used(function, tree, imported, (self.home, "ravine")):
            told_as = self.shown(value, name)
            # What has a text of its own needs no line here, unless it goes by another name.
            if told_as != name and (name, told_as) not in self.lines:
                self.lines.add((name, told_as))
                self.texts.append(f"{name} = {told_as}")

    def shown(self, value: Any, name: str) -> str:
        """Return a value as text, and add the texts of the functions and classes in it."""
        if isinstance(value, _PLAIN):
            return repr(value)
        if isinstance(value, np.ndarray) and value.dtype != object:
            digest = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()[:16]
            return f"array({value.dtype}, {value.shape}, {digest})"
        if isinstance(value, Optimizer):
            return "\n".join([*value.texts(), repr(dict(value.defaults))])
        if isinstance(value, Schedule):
            return "\n".join([function_text(value.function), repr(dict(value.defaults))])
        if isinstance(value, (list, tuple)):
            return f"{type(value).__name__}({', '.join(self.shown(part, name) for part in value)})"
        if isinstance(value, (set, frozenset)):
            return f"set({', '.join(sorted(self.shown(part, name) for part in value))})"
        if isinstance(value, Mapping):
            parts = (f"{self.shown(key, name)}: {self.shown(part, name)}" for key, part in value.items())
            return f"map({', '.join(parts)})"
        if isinstance(value, functools.partial):
            return f"partial({self.shown([value.func, value.args, value.keywords], name)})"
        if isinstance(value, MethodType):
            return f"method({self.shown([value.__self__, value.__func__], name)})"
        fault = None if isinstance(value, GENERATORS) else fault_of(value, name)
        if fault is not None:
            raise ConfigError(f"a rule {fault}")
        if self._is_library(value):
            # Where in a library it lies changes from version to version.
            return f"{value.__module__.partition('.')[0]}.{value.__qualname__}"
        inner = getattr(value, "__wrapped__", None)
        if inner is not None and not isinstance(value, FunctionType):  # as under functools.cache
            return f"cached({self.shown(inner, name)})"
        if isinstance(value, FunctionType):
            self.function(value)
            return value.__qualname__
        if isinstance(value, type):
            self._class(value)
            return value.__qualname__
        return self._object(value, name)

    def _class(self, cls: type) -> None:
        """Add the text of a class of the user's."""
        if not self.is_first(cls):
            return
        fields = ", ".join(inspect.get_annotations(cls))
        self.texts.append(f"class {cls.__qualname__}: {fields}")
        for name, part in vars(cls).items():
            inner = part.__func__ if isinstance(part, (staticmethod, classmethod)) else part
            inner = inner.fget if isinstance(inner, property) else inner
            if isinstance(inner, FunctionType):
                if not _is_generated(inner):
                    self.function(inner)
            elif not name.startswith("__") and isinstance(inner, (*_PLAIN, list, tuple, dict, np.ndarray)):
                self.texts.append(f"{cls.__qualname__}.{name} = {self.shown(inner, name)}")
        for base in cls.__bases__:
            if not self._is_library(base):
                self._class(base)

    def _object(self, value: Any, name: str) -> str:
        """Return an object of a class of the user's as text."""
        cls = type(value)
        if isinstance(value, GENERATORS):
            raise ConfigError(
                f"{name}, a {cls.__name__}, keeps its state from run to run, so equal runs would differ. {INSTEAD}"
            )
        if self._is_library(cls) or not hasattr(value, "__dict__"):
            raise ConfigError(
                f"{name}, a {cls.__name__}, cannot be part of a run's id, which holds text: a rule may use numbers, "
                "strings, arrays, lists, dictionaries, functions and classes."
            )
        if not self.is_first(value):
            return cls.__qualname__
        self._class(cls)
        return f"{cls.__qualname__}({self.shown(vars(value), name)})"

    def _is_library(self, value: Any) -> bool:
        """Tell whether a function or a class belongs to a library."""
        module = getattr(value, "__module__", None)
        if not isinstance(module, str) or not hasattr(value, "__qualname__"):
            return False
        if module.partition(".")[0] in (self.home, "ravine"):
            return False
        if isinstance(value, FunctionType):
            return _is_of_library(value.__code__.co_filename)
        # A module that is not there was imported by a user's file.
        return module in sys.modules and _is_library_module(sys.modules[module])


def _is_library_module(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)  # what is built in has none
    return file is None or _is_of_library(file)


def _is_of_library(file: str) -> bool:
    return any(place in Path(file).parents for place in _libraries())


@functools.cache
def _libraries() -> tuple[Path, ...]:
    """Return where Python keeps its own modules and those that are installed; it takes some milliseconds to know."""
    places = (sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    return tuple(Path(place) for place in places if place)


def _is_generated(method: FunctionType) -> bool:
    """Tell whether a method has no source in its class, as the methods that `dataclass` adds."""
    file = method.__code__.co_filename
    return file == "<string>" or (_is_of_library(file) and method.__module__ != inspect.getmodulename(file))


@functools.cache
def _tree(function: Any) -> ast.AST:
    """Return a function's syntax tree without decorators, annotations and docstrings.

    It is read once, since after an edit the file has the text of another function.
    """
    try:
        tree: ast.AST
        if function.__code__.co_name == "<lambda>":
            tree = _lambda(function.__code__)
        else:
            tree = ast.parse(textwrap.dedent(inspect.getsource(function.__code__))).body[0]
    except (SyntaxError, OSError) as error:
        raise ConfigError(f"the source of {function.__name__} cannot be read: define it in a file.") from error
    if isinstance(tree, ast.FunctionDef):
        tree.decorator_list = []
    bare: ast.AST = ast.fix_missing_locations(_Bare().visit(tree))
    return bare


def _lambda(code: CodeType) -> ast.Lambda:
    """Return the syntax tree of the very lambda that a code was compiled from, with lines that are counted from 1.

    A line may hold several lambdas, and the statement around one may begin above it. So the whole file is read, and the
    places of the code's instructions tell which lambda it is: they lie in its body.
    """
    lines, _ = inspect.findsource(code)
    nodes = [node for node in ast.walk(ast.parse("".join(lines))) if isinstance(node, ast.Lambda)]
    nodes = [node for node in nodes if node.lineno == code.co_firstlineno]
    places = list(_places(code))
    if places:
        nodes = [node for node in nodes if all(_lies_in(node.body, place) for place in places)]
        # Those that are left lie within each other, and the code is that of the innermost.
        nodes = sorted(nodes, key=lambda node: (node.body.lineno, node.body.col_offset))[-1:]
    if len(nodes) != 1:
        place = f"{code.co_filename}:{code.co_firstlineno}"
        raise ConfigError(f"{place}: which lambda of this line is meant cannot be told: write it as a `def`.")
    return ast.increment_lineno(nodes[0], 1 - nodes[0].lineno)


_Place = tuple[tuple[int, int], tuple[int, int]]
"""Where a part of a file begins and where it ends, both as line and column."""


def _places(code: CodeType) -> Iterator[_Place]:
    """Yield the places of a code's instructions; Python may have been told to keep none."""
    for first, last, start, end in code.co_positions():
        if first is None or last is None or start is None or end is None:
            continue
        if (first, start) != (last, end):  # an instruction that Python adds, such as the one that begins a code
            yield (first, start), (last, end)


def _lies_in(node: ast.expr, place: _Place) -> bool:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return (node.lineno, node.col_offset) <= place[0] and place[1] <= (node.end_lineno, node.end_col_offset)


class _Bare(ast.NodeTransformer):
    """Takes out what does not change the result: docstrings and annotations."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Take out the docstring and the annotation of the returned value."""
        node.returns = None
        if ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        """Take out the annotation."""
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """Take out the annotation."""
        if node.value is None:
            return ast.Pass()
        return self.generic_visit(ast.Assign([node.target], node.value))


def _used(function: Any, tree: ast.AST, imported: Mapping[str, Any], own: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Yield the names that a function uses from outside its body, except built-in ones, each with its value.

    Of the user's modules, and those of the packages `own`, the parts that are used are yielded. Other modules are left
    out: the tree has their names.
    """
    cells = inspect.getclosurevars(function).nonlocals
    names = dict.fromkeys([*cells, *_global_names(function.__code__)])
    for name in [*names, *imported]:
        if name not in {**cells, **imported} and name not in function.__globals__:
            continue  # built in, or nothing yet
        value = {**function.__globals__, **cells, **imported}[name]
        if not isinstance(value, ModuleType):
            yield name, value
        elif value.__name__.partition(".")[0] in own or not _is_library_module(value):
            yield from _of_module(name, value, tree)


def _imported(function: Any, tree: ast.AST) -> Iterator[tuple[str, Any]]:
    """Yield by name what a function imports in its own body, as far as it can be imported."""
    package = function.__globals__.get("__package__")
    for node in ast.walk(tree):
        with suppress(Exception):  # the first step will report an import that fails
            if isinstance(node, ast.Import):
                for one in node.names:
                    module, top = importlib.import_module(one.name), one.name.partition(".")[0]
                    yield one.asname or top, module if one.asname else sys.modules[top]
            elif isinstance(node, ast.ImportFrom):
                owner = importlib.import_module("." * node.level + (node.module or ""), package)
                for one in node.names:
                    if not hasattr(owner, one.name):
                        importlib.import_module(f"{owner.__name__}.{one.name}")
                    yield one.asname or one.name, getattr(owner, one.name)


def _global_names(code: CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _global_names(constant)


def _of_module(name: str, module: ModuleType, tree: ast.AST) -> Iterator[tuple[str, Any]]:
    """Yield the parts of a module that a tree uses, such as helper.scale or package.helper.scale, with their values."""
    for node in ast.walk(tree):
        path = _path(node)
        if path[:1] != [name] or len(path) < 2:
            continue
        value: Any = module
        for count, part in enumerate(path[1:], start=2):
            value = getattr(value, part, None)
            if not isinstance(value, ModuleType):
                yield ".".join(path[:count]), value
                break


def _path(node: ast.AST) -> Sequence[str]:
    """Return the names of an expression such as a.b.c, none of another one."""
    if isinstance(node, ast.Name):
        return [node.id]
    inner = _path(node.value) if isinstance(node, ast.Attribute) else []
    return [*inner, node.attr] if isinstance(node, ast.Attribute) and inner else []

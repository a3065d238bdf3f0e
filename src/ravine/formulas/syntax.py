"""The syntax tree of a function, and the names that the function uses from outside its body."""

from __future__ import annotations

import ast
import dis
import functools
import importlib
import inspect
import sys
import sysconfig
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from ravine.errors import ConfigError


@functools.cache
def tree_of(function: Any) -> ast.AST:
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


def names_used(
    function: Any, tree: ast.AST, imported: Mapping[str, Any], own: Sequence[str]
) -> Iterator[tuple[str, Any]]:
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
        elif value.__name__.partition(".")[0] in own or not is_library_module(value):
            yield from _of_module(name, value, tree)


def names_imported(function: Any, tree: ast.AST) -> Iterator[tuple[str, Any]]:
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


def is_library_module(module: ModuleType) -> bool:
    """Tell whether a module is part of Python or of an installed package."""
    file = getattr(module, "__file__", None)  # what is built in has none
    return file is None or is_of_library(file)


@functools.cache
def is_of_library(file: str) -> bool:
    """Tell whether a file lies where Python keeps its own modules or those that are installed."""
    return any(place in Path(file).parents for place in _libraries())


@functools.cache
def _libraries() -> tuple[Path, ...]:
    """Return where Python keeps its own modules and those that are installed; it takes some milliseconds to know."""
    places = (sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    return tuple(Path(place) for place in places if place)

"""Find where a function goes through a set: its order depends on hashes of strings, which differ in each process."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Set
from typing import Any

_NUMBERS = (bool, int, float, complex)
"""Their hashes are the same in each process."""

_FOLLOWING = frozenset(
    ["list", "tuple", "enumerate", "iter", "map", "filter", "zip", "sum", "reduce", "chain", "fromkeys", "join"]
)
"""Functions and methods whose result has the order of what they are given."""

_HEEDLESS = frozenset(["set", "frozenset", "sorted", "min", "max", "any", "all", "len"])
"""Functions whose result does not depend on the order of what they are given."""

_COMBINED = (ast.BitOr, ast.BitAnd, ast.Sub, ast.BitXor)
_COMBINING = frozenset(["union", "intersection", "difference", "symmetric_difference", "copy"])


def followed_sets(tree: ast.AST, meant: Callable[[ast.expr], Any]) -> Iterator[ast.expr]:
    """Yield each set in a function's text whose order may change the result.

    `meant` returns the object that a name stands for, None if unknown. Sets of numbers have the same order in each
    process, and so are left out.

    >>> tree = ast.parse("for k in {'a', 'b'}: print(sorted({'c'}))")
    >>> [ast.unparse(one) for one in followed_sets(tree, lambda name: None)]
    ["{'a', 'b'}"]
    """
    seen = _Sets(tree, meant)
    heedless = {
        id(node.args[0])
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and len(node.args) == 1 and _name(node.func) in _HEEDLESS
    }
    for node in ast.walk(tree):
        match node:
            case ast.For():
                followed = [node.iter]
            case ast.ListComp() | ast.DictComp() | ast.GeneratorExp() if id(node) not in heedless:
                followed = [part.iter for part in node.generators]
            case ast.Starred() if isinstance(node.ctx, ast.Load):
                followed = [node.value]
            case ast.Assign(targets=[ast.Tuple() | ast.List()]):
                followed = [node.value]
            case ast.Call(func=ast.Attribute(attr="pop", value=owner), args=[]):
                followed = [owner]
            case ast.Call() if _name(node.func) in _FOLLOWING and id(node) not in heedless:
                followed = node.args
            case _:
                followed = []
        yield from filter(seen.holds, followed)


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


class _Sets:
    """Tells which expressions of a function are sets of other things than numbers."""

    def __init__(self, tree: ast.AST, meant: Callable[[ast.expr], Any]) -> None:
        self._meant = meant
        self._names: set[str] = set()
        given = [
            (target.id, node.value)
            for node in ast.walk(tree)
            if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.NamedExpr)) and node.value is not None
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            if isinstance(target, ast.Name)
        ]
        for target, value in _in_pairs(tree):
            given.append((target, value))
        for _ in given:  # a set may pass from one name to the next
            self._names |= {name for name, value in given if self.holds(value)}

    def holds(self, node: ast.expr) -> bool:
        """Tell whether an expression is such a set."""
        match node:
            case ast.Set():
                return not all(map(_is_number, node.elts))
            case ast.SetComp():
                return not _are_numbers(node.generators[0].iter)
            case ast.Call(func=ast.Name(id="set" | "frozenset"), args=arguments):
                return not all(map(_are_numbers, arguments))
            case ast.Call(func=ast.Attribute(attr=method, value=owner), args=others) if method in _COMBINING:
                return self.holds(owner) or any(map(self.holds, others))
            case ast.BinOp(op=op, left=left, right=right) if isinstance(op, _COMBINED):
                return any(self.holds(part) or _are_keys(part) for part in (left, right))
            case ast.IfExp(body=one, orelse=other):
                return self.holds(one) or self.holds(other)
            case ast.Name(id=name) if name in self._names:
                return True
        found = self._meant(node)
        return isinstance(found, Set) and not all(isinstance(part, _NUMBERS) for part in found)


def _in_pairs(tree: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names and values of assignments such as a, b = 1, 2."""
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
                yield from ((n.id, value) for n, value in zip(names, values, strict=False) if isinstance(n, ast.Name))


def _is_number(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp):
        return _is_number(node.operand)
    return isinstance(node, ast.Constant) and isinstance(node.value, _NUMBERS)


def _are_numbers(node: ast.expr) -> bool:
    """Tell whether an expression is a collection of numbers, as far as the text shows."""
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        return all(map(_is_number, node.elts))
    return isinstance(node, ast.Call) and _name(node.func) in ("range", "arange")


def _are_keys(node: ast.expr) -> bool:
    """Tell whether an expression is the keys of a mapping, which become a set where they are combined."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("keys", "items")

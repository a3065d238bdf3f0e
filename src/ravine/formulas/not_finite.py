"""Find the number in a rule that makes its step infinite or nan, and say what to write instead."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ravine.formulas.formula import Formula
from ravine.formulas.ieee import function_of, plain_text
from ravine.formulas.source import Body


def fault_of_numbers(formula: Formula, t: int, hyper: Mapping[str, float]) -> tuple[str, str] | None:
    """Find the number that keeps step t from being finite, whatever the gradient; None if there is none.

    Return a sentence that names it, with its line, and what to write instead.

    >>> from ravine import rule
    >>> @rule
    ... def late(g, t, *, lr=0.1):
    ...     return lr / (t - 1) * g
    >>> fault, mend = fault_of_numbers(late.formula, 1, {"lr": 0.1})
    >>> fault.partition(": ")[2], mend
    ('lr / (t - 1) is inf at step 1.', 'Write lr / np.maximum(t - 1, 1), or choose another value by np.where.')
    """
    return _Search(formula, t, hyper).fault()


class _Search:
    """Reads a rule from top to bottom.

    It keeps, by name, the values that are plain numbers, and the parts that make a value infinite or nan.
    """

    def __init__(self, formula: Formula, t: int, hyper: Mapping[str, float]) -> None:
        self.formula, self.t = formula, t
        self.body: Body = formula.body()
        self.values: dict[str, Any] = {"t": float(t), "norm": 1.0, **hyper}
        self.faults: dict[str, ast.expr] = {}

    def fault(self) -> tuple[str, str] | None:
        """Return the first fault that reaches a result."""
        for name, value in self.body.assignments:
            found = self._in(value)
            self.values.pop(name, None)
            self.faults.pop(name, None)
            if self._is_number(value):
                self.values[name] = self._value(value)
            if found is not None:
                self.faults[name] = found
        found = next((each for each in map(self._in, self.body.results) if each is not None), None)
        return None if found is None else (self._told(found), _mend(found, self._value))

    def _told(self, node: ast.expr) -> str:
        line, file = getattr(node, "lineno", None), self.formula.file
        place = f"{file}:{line}: " if line and file else f"{self.formula.label}: "
        what = f"is {self._value(node):g}" if self._is_number(node) else "divides by 0"
        text = str(node.value) if isinstance(node, ast.Constant) else ast.unparse(node)
        return f"{place}{text} {what} at step {self.t}."

    def _is_number(self, node: ast.expr) -> bool:
        return all(n.id in {*self.values, "np", "abs", "min", "max"} for n in ast.walk(node) if isinstance(n, ast.Name))

    def _value(self, node: ast.expr) -> Any:
        with np.errstate(all="ignore"):
            return function_of(f"*, {', '.join(self.values)}", [f"return {plain_text(node)}"])(**self.values)

    def _in(self, node: ast.expr) -> ast.expr | None:
        """Return the first and innermost part of an expression that is not finite, None if there is none.

        Of a choice, by `if` or np.where, only the side that is chosen counts.
        """
        if self._is_number(node) and np.isfinite(self._value(node)):
            return None
        match node:
            case ast.Name():
                return self.faults.get(node.id)
            case ast.IfExp(test=test, body=one, orelse=other):
                parts = [one if self._value(test) else other]
            case ast.Call(func=ast.Attribute(attr="where"), args=[test, one, other]) if self._is_number(test):
                parts = [one if self._value(test) else other]
            case ast.Call(args=arguments):
                parts = arguments
            case _:
                parts = [part for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr)]
        inner = next((found for found in map(self._in, parts) if found is not None), None)
        return inner or (node if self._is_number(node) or self._divides_by_zero(node) else None)

    def _divides_by_zero(self, node: ast.expr) -> bool:
        if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Div):
            return False
        return self._is_number(node.right) and self._value(node.right) == 0


def _mend(node: ast.expr, value: Callable[[ast.expr], Any]) -> str:
    """Say what to write in place of a number that is not finite, though its parts are."""
    match node:
        case ast.Constant():
            return "Write a finite number."
        case ast.BinOp(left=left, op=ast.Div() | ast.FloorDiv() | ast.Mod() as op, right=right) if value(right) == 0:
            one, sign, other = (
                _operand(left),
                {ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%"}[type(op)],
                ast.unparse(right),
            )
            return f"Write {one} {sign} np.maximum({other}, 1), or choose another value by np.where."
        case ast.BinOp(left=left, op=ast.Pow(), right=right) if value(left) < 0:
            return (
                f"Write np.maximum({ast.unparse(left)}, 0) ** {_operand(right)}, or choose another value by np.where."
            )
        case ast.BinOp(left=left, op=ast.Pow(), right=right) if value(left) == 0:
            return (
                f"Write np.maximum({ast.unparse(left)}, 1) ** {_operand(right)}, or choose another value by np.where."
            )
        case ast.Call(func=function, args=[argument]):
            bounded = f"np.maximum({ast.unparse(argument)}, 1)"
            return f"{ast.unparse(function)} is taken of {value(argument):g}: bound that, as by {bounded}."
    return f"Bound it, as in min({ast.unparse(node)}, 1e30)."


def _operand(node: ast.expr) -> str:
    text = ast.unparse(node)
    return text if isinstance(node, (ast.Name, ast.Constant, ast.Call)) else f"({text})"

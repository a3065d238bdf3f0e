"""Numbers of the step as IEEE 754 and compiled code have them, where Python would raise or leave the real numbers.

In a quotient, a remainder or a power of plain numbers, 1 / 0 is inf, the root of a negative number nan, and what
overflows inf. All else is Python's and NumPy's own arithmetic.
"""

from __future__ import annotations

import ast
import copy
import functools
import inspect
import math
import operator
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

_EXCEPTIONAL: dict[type[ast.operator], tuple[str, Callable[[Any, Any], Any], np.ufunc]] = {
    ast.Div: ("_divided", operator.truediv, np.true_divide),
    ast.FloorDiv: ("_floored", operator.floordiv, np.floor_divide),
    ast.Mod: ("_rest", operator.mod, np.mod),
    ast.Pow: ("_power", operator.pow, np.power),
}
"""The operations in which Python's numbers are not those of IEEE 754, with what computes both."""

_POWER = "_np_power"
"""What stands for np.power, which takes the root of -inf for nan where `**` and compiled code have inf."""

_NUMBER = "_number"
"""What turns a double of NumPy's, which would make doubles of all that it meets, into a number of Python's."""


def function_of(parameters: str, lines: Sequence[str], **others: Any) -> Callable[..., Any]:
    """Return a function of some parameters with lines of `plain_text` as its body; it sees the names `others` too."""
    scope: dict[str, Any] = {
        "np": np,
        _POWER: _ieee(operator.pow, np.power, np.power),
        _NUMBER: _number,
        **_operations(),
        **others,
    }
    body = "\n".join(f"    {line}" for line in lines)
    exec(f"def step({parameters}):\n{body}", scope)
    function: Callable[..., Any] = scope["step"]
    return function


def plain_text(node: ast.expr) -> str:
    """Return the text of an expression in which numbers are computed as IEEE 754 has them."""
    return ast.unparse(_Ieee().visit(copy.deepcopy(node)))


def _number(found: Any) -> Any:
    return float(found) if np.ndim(found) == 0 and getattr(found, "dtype", None) == np.float64 else found


@functools.cache
def as_ieee(form: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function, of any Python, whose own quotients, remainders and powers of numbers are those of IEEE 754.

    It is for the forms that a rule declares beside its step. One whose source cannot be read is returned as it is.

    >>> def form(w, t):
    ...     return w * np.where(t > 0, 1 / t, 1.0)
    >>> with np.errstate(all="ignore"):
    ...     float(as_ieee(form)(2.0, 0.0))
    2.0
    """
    own = form.__code__
    try:
        lines, first = inspect.getsourcelines(own)
        tree = ast.parse(textwrap.dedent("".join(lines)))
        kept = {name: cell.cell_contents for name, cell in zip(own.co_freevars, form.__closure__ or (), strict=True)}
    except (OSError, SyntaxError, ValueError):
        return form
    function = tree.body[0]
    if not isinstance(function, ast.FunctionDef) or function.name != own.co_name:
        return form
    function.decorator_list, function.args.defaults = [], []
    function.args.kw_defaults = [None for _ in function.args.kw_defaults]
    ast.increment_lineno(tree, first - 1)
    helpers = _operations()
    around = ast.parse(f"def around({', '.join([*kept, *helpers])}):\n    return {own.co_name}")
    assert isinstance(around.body[0], ast.FunctionDef)
    around.body[0].body.insert(0, _Operations().visit(function))
    made: dict[str, Any] = {}
    exec(compile(ast.fix_missing_locations(around), own.co_filename, "exec"), form.__globals__, made)
    changed: Callable[..., Any] = made["around"](**kept, **helpers)
    changed.__defaults__, changed.__kwdefaults__ = form.__defaults__, form.__kwdefaults__
    return changed


class _Operations(ast.NodeTransformer):
    """Turns operations that Python's numbers have in their own way into calls."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        """Turn an operation into a call, if it is one of them."""
        left, right = self.visit(node.left), self.visit(node.right)
        if type(node.op) not in _EXCEPTIONAL:
            return ast.copy_location(ast.BinOp(left, node.op, right), node)
        function = ast.Name(_EXCEPTIONAL[type(node.op)][0], ast.Load())
        return ast.copy_location(ast.Call(function, [left, right], []), node)


class _Ieee(_Operations):
    """Turns what NumPy makes of numbers into Python's, too."""

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Turn np.power into a call of ours, and what NumPy makes of numbers into Python's."""
        function = ast.Name(_POWER, ast.Load()) if ast.unparse(node.func) == "np.power" else node.func
        call = ast.Call(function, [self.visit(argument) for argument in node.args], [])
        return ast.Call(ast.Name(_NUMBER, ast.Load()), [call], [])


@functools.cache
def _operations() -> dict[str, Callable[[Any, Any], Any]]:
    """Return by name what computes the operations in which Python's numbers are others."""
    return {name: _ieee(python, numpy, python) for name, python, numpy in _EXCEPTIONAL.values()}


def _ieee(
    python: Callable[[Any, Any], Any], numpy: np.ufunc, of_arrays: Callable[[Any, Any], Any]
) -> Callable[[Any, Any], Any]:
    def compute(a: Any, b: Any) -> Any:
        if not (type(a) in (float, int, bool) and type(b) in (float, int, bool)):
            return of_arrays(a, b)
        try:
            result = python(a, b)
        except ArithmeticError:
            return float(numpy(np.float64(a), np.float64(b)))
        return math.nan if isinstance(result, complex) else result

    return compute

"""Arithmetic of plain numbers as IEEE 754 defines it, so that NumPy's steps are those of compiled code.

Python raises an error for 1 / 0 and for a power that overflows, and returns a complex number for the root of a negative
one. Here 1 / 0 and what overflows are inf, and such a root is nan. This concerns quotients, remainders and powers of
plain numbers; all else is Python's and NumPy's own arithmetic.
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
from types import CellType, FunctionType
from typing import Any

import numpy as np

_EXCEPTIONAL: dict[type[ast.operator], tuple[str, Callable[[Any, Any], Any], np.ufunc]] = {
    ast.Div: ("_divided", operator.truediv, np.true_divide),
    ast.FloorDiv: ("_floored", operator.floordiv, np.floor_divide),
    ast.Mod: ("_rest", operator.mod, np.mod),
    ast.Pow: ("_power", operator.pow, np.power),
}
"""The operations in which Python differs from IEEE 754: a name for the call, Python's function, and NumPy's."""

_POWER = "_np_power"
"""The name that replaces np.power, in which the root of -inf is nan; in Python's `**` and compiled code it is inf."""

_NUMBER = "_number"
"""The name of the function that makes a Python number of a NumPy double, which would turn float32 into float64."""


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
    single = isinstance(found, np.float64) or (type(found) is np.ndarray and found.ndim == 0 and found.dtype == float)
    return float(found) if single else found


@functools.cache
def as_ieee(form: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function, which may use any Python, with its own quotients, remainders and powers as in IEEE 754.

    It is for the functions that a rule declares beside its step. If the source of one cannot be read, it is returned
    as it is.

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
    except (OSError, SyntaxError):
        return form
    function = tree.body[0]
    if not isinstance(function, ast.FunctionDef) or function.name != own.co_name:
        return form
    function.decorator_list, function.args.defaults = [], []
    function.args.kw_defaults = [None for _ in function.args.kw_defaults]
    ast.increment_lineno(tree, first - 1)
    # The cells of a closure stay those of the form, whose values may change.
    cells = dict(zip(own.co_freevars, form.__closure__ or (), strict=True))
    cells |= {name: CellType(operation) for name, operation in _operations().items()}
    around = ast.parse(f"def around({', '.join(cells)}):\n    return {own.co_name}")
    assert isinstance(around.body[0], ast.FunctionDef)
    around.body[0].body.insert(0, _Operations().visit(function))
    made: dict[str, Any] = {}
    exec(compile(ast.fix_missing_locations(around), own.co_filename, "exec"), form.__globals__, made)
    code = made["around"](**cells).__code__
    closure = tuple(cells[name] for name in code.co_freevars)
    changed = FunctionType(code, form.__globals__, form.__name__, form.__defaults__, closure)
    changed.__kwdefaults__ = form.__kwdefaults__
    return changed


class _Operations(ast.NodeTransformer):
    """Turns the operations of `_EXCEPTIONAL` into calls."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        """Turn an operation into a call, if it is one of `_EXCEPTIONAL`."""
        left, right = self.visit(node.left), self.visit(node.right)
        if type(node.op) not in _EXCEPTIONAL:
            return ast.copy_location(ast.BinOp(left, node.op, right), node)
        function = ast.Name(_EXCEPTIONAL[type(node.op)][0], ast.Load())
        return ast.copy_location(ast.Call(function, [left, right], []), node)


class _Ieee(_Operations):
    """Turns whole numbers into floats, and the results of NumPy's functions of numbers into Python numbers, too.

    An array of whole numbers would overflow at 64 bits, and has no power of -1. Only the exponent of a power stays
    whole, so that the power is computed as products.
    """

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        """Leave the exponent of a power as it is."""
        if isinstance(node.op, ast.Pow) and isinstance(node.right, ast.Constant):
            exponent = ast.Name(ast.unparse(node.right), ast.Load())
            node = ast.copy_location(ast.BinOp(node.left, node.op, exponent), node)
        return super().visit_BinOp(node)

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        """Turn a whole number into a float."""
        return ast.copy_location(ast.Constant(float(node.value)), node) if type(node.value) is int else node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Replace np.power, and turn the result of a call into a Python number if it is a NumPy double."""
        function = ast.Name(_POWER, ast.Load()) if ast.unparse(node.func) == "np.power" else node.func
        call = ast.Call(function, [self.visit(argument) for argument in node.args], [])
        return ast.Call(ast.Name(_NUMBER, ast.Load()), [call], [])


@functools.cache
def _operations() -> dict[str, Callable[[Any, Any], Any]]:
    """Return the functions that compute the operations of `_EXCEPTIONAL`, by name."""
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

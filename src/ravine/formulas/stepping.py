"""One step of an element-wise rule in NumPy, and what is wrong with its numbers where a step is not finite.

The rule's text is computed as it stands, on whole arrays. Numbers of the step alone, such as 1 - beta**t, are Python's
floats, which take the dtype of the arrays that they meet; only where Python would raise or leave the real numbers, in
a quotient, a remainder or a power, they are computed as IEEE 754 and compiled code have it: 1 / 0 is inf, the root of a
negative number nan, and what overflows inf.
"""

from __future__ import annotations

import ast
import copy
import functools
import inspect
import math
import operator
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ravine.formulas.rule import Rule
from ravine.formulas.source import Body, read_rule

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


Taken = tuple[Any, dict[str, Any]]
"""The step of a rule, and its slots afterwards."""


def stepper(rule: Rule) -> Callable[[Mapping[str, Any], Mapping[str, float]], Taken]:
    """Return what takes steps of an element-wise rule, with its text as it is now.

    It is called with what rules may ask for by name, g, w and the slots, arrays of one shape, and the numbers of the
    step; and with all hyper-parameters.

    >>> from ravine.optimizers import momentum
    >>> stepper(momentum)({"g": np.ones(2), "v": np.zeros(2)}, {"lr": 0.1, "alpha": 0.9})
    (array([0.1, 0.1]), {'v': array([0.1, 0.1])})
    """
    computed = _computed(rule, read_rule(rule).text)

    def take(given: Mapping[str, Any], hyper: Mapping[str, float]) -> Taken:
        with np.errstate(all="ignore"), rule.telling_faults():
            step, *slots = computed(*(given[name] for name in rule.arguments), **hyper)
        return step, dict(zip(rule.slots, slots, strict=True))

    return take


@functools.cache
def _computed(rule: Rule, text: str) -> Callable[..., tuple[Any, ...]]:
    """Return the text of a rule as a function; it changes with the numbers of its module, and so is part of the key."""
    body = read_rule(rule)
    lines = [f"{name} = {_plain_text(value)}" for name, value in body.assignments]
    lines.append(f"return ({', '.join(map(_plain_text, body.results))},)")
    return _function(f"{', '.join(rule.arguments)}, *, {', '.join(rule.defaults)}", lines)


def _function(parameters: str, lines: list[str]) -> Callable[..., Any]:
    scope: dict[str, Any] = {
        "np": np,
        _POWER: _ieee(operator.pow, np.power, np.power),
        _NUMBER: _number,
        **_operations(),
    }
    body = "\n".join(f"    {line}" for line in lines)
    exec(f"def step({parameters}):\n{body}", scope)
    function: Callable[..., Any] = scope["step"]
    return function


def _plain_text(node: ast.expr) -> str:
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


def fault_of_numbers(rule: Rule, t: int, hyper: Mapping[str, float]) -> tuple[str, str] | None:
    """Find the number of step t that keeps the step from being finite, whatever the gradient; None if there is none.

    Return a sentence that names it, with its line, and what to write instead.

    >>> from ravine import rule
    >>> @rule
    ... def late(g, t, *, lr=0.1):
    ...     return lr / (t - 1) * g
    >>> fault, mend = fault_of_numbers(late, 1, {"lr": 0.1})
    >>> fault.partition(": ")[2], mend
    ('lr / (t - 1) is inf at step 1.', 'Write lr / np.maximum(t - 1, 1), or choose by np.where what that step takes.')
    """
    return _Search(rule, read_rule(rule), t, hyper).fault()


class _Search:
    """Follows a text from top to bottom and keeps, by name, values of numbers and faults of what is not finite."""

    def __init__(self, rule: Rule, body: Body, t: int, hyper: Mapping[str, float]) -> None:
        self.rule, self.body, self.t = rule, body, t
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
        line, file = getattr(node, "lineno", None), self.rule.code.co_filename
        place = f"{file}:{line}: " if line and self.rule.text is None else f"rule {self.rule.name}: "
        what = f"is {self._value(node):g}" if self._is_number(node) else "divides by 0"
        text = str(node.value) if isinstance(node, ast.Constant) else ast.unparse(node)
        return f"{place}{text} {what} at step {self.t}."

    def _is_number(self, node: ast.expr) -> bool:
        return all(n.id in {*self.values, "np", "abs", "min", "max"} for n in ast.walk(node) if isinstance(n, ast.Name))

    def _value(self, node: ast.expr) -> Any:
        with np.errstate(all="ignore"):
            return _function(f"*, {', '.join(self.values)}", [f"return {_plain_text(node)}"])(**self.values)

    def _in(self, node: ast.expr) -> ast.expr | None:
        """Return what is not finite in an expression, chosen parts alone, and of several the first and innermost."""
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
            return f"Write {one} {sign} np.maximum({other}, 1), or choose by np.where what that step takes."
        case ast.BinOp(left=left, op=ast.Pow(), right=right) if value(left) < 0:
            return f"Write np.maximum({ast.unparse(left)}, 0) ** {_operand(right)}, or choose by np.where."
        case ast.BinOp(left=left, op=ast.Pow(), right=right) if value(left) == 0:
            return f"Write np.maximum({ast.unparse(left)}, 1) ** {_operand(right)}, or choose by np.where."
        case ast.Call(func=function, args=[argument]):
            bounded = f"np.maximum({ast.unparse(argument)}, 1)"
            return f"{ast.unparse(function)} is taken of {value(argument):g}: bound that, as by {bounded}."
    return f"Bound it, as in min({ast.unparse(node)}, 1e30)."


def _operand(node: ast.expr) -> str:
    text = ast.unparse(node)
    return text if isinstance(node, (ast.Name, ast.Constant, ast.Call)) else f"({text})"

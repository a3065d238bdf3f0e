"""The text of a rule: read once, checked, and put into one plain form.

A rule runs as Python on NumPy's arrays and as compiled code inside a loop. Both compute the same only in a small
language: assignments of expressions to names and a return, with arithmetic, comparisons and functions of NumPy.
This file finds everything else in a rule, at its line, before anything is compiled.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import difflib
import functools
import inspect
import math
import operator
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from types import ModuleType
from typing import Any, NoReturn

import numpy as np

from ravine.errors import ConfigError
from ravine.formulas.given import FUNCTIONS, GIVEN, TAKEN, TAKEN_BESIDE
from ravine.formulas.mends import MADE_OF, ONE_OUTPUT, ONE_WEIGHT, instead, instead_of_part, mend_of
from ravine.words import several

_UFUNCS = {getattr(np, name): name for name in FUNCTIONS}
_OF_NUMBERS: dict[Any, str] = {abs: "abs", min: "min", max: "max"}
_OF_POINTWISE = {**_OF_NUMBERS, math.erf: "erf"}
_OF_ONE = ("abs", "erf")
_VALUE = ("the value", "its derivative")
"""What a function of numbers returns that is not a rule."""

_COMBINING = ("logical_and", "logical_not", "logical_or", "logical_xor")
_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow, ast.Mod: operator.mod, ast.FloorDiv: operator.floordiv,
}  # fmt: skip
_NUMBERS = (bool, int, float, np.bool_, np.integer, np.floating)
_WITH_WEIGHTS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow)


@dataclass(frozen=True)
class Body:
    """A function's text: each `name = expression` in order, and the expressions returned.

    Names of numbers in the user's module are replaced by the numbers; functions of NumPy are written `np.name`.
    """

    assignments: tuple[tuple[str, ast.expr], ...]
    results: tuple[ast.expr, ...]

    @functools.cached_property
    def text(self) -> str:
        """The body written plainly, the same for equal bodies wherever they stand."""
        lines = [f"{name} = {ast.unparse(value)}" for name, value in self.assignments]
        value = self.results[0] if len(self.results) == 1 else ast.Tuple(list(self.results), ast.Load())
        return "\n".join([*lines, ast.unparse(ast.Return(value))])


def read(
    function: Callable[..., Any], label: str, first: str, slots: Sequence[str], hyperparameters: Iterable[str]
) -> Body:
    """Return the text of an element-wise function that returns one value and then its slots.

    `label` is its name in messages, and `first` the name of its first argument: `g`, `step` or, in a lazy update, `w`.

    Raises:
        ConfigError: the text is not in the form that it must have; the message names the line and says what to write.

    >>> from ravine.optimizers.momentum import momentum
    >>> print(read(momentum.function, "rule momentum", "g", ["v"], momentum.defaults).text)
    v = alpha * v + lr * g
    return (v, v)
    """
    varying = {name for name, given in GIVEN.items() if given.varies}
    reserved = {*hyperparameters, *GIVEN, "n"} - {"w"}
    return _body(function, label, {first, *varying, *slots}, ("the step", *slots), reserved)


def read_pointwise(function: Callable[..., Any], label: str, arguments: Sequence[str]) -> Body:
    """Return the text of a function of numbers that returns its value and its derivative; see `read`."""
    return _body(function, label, set(arguments), _VALUE, set())


def _body(
    function: Callable[..., Any],
    label: str,
    arrays: AbstractSet[str],
    results: tuple[str, ...],
    reserved: AbstractSet[str],
) -> Body:
    key = function, label, frozenset(arrays), results, frozenset(reserved)
    known = _known.get(key)
    if known is None or not known.holds():
        known = _known[key] = _read(*key)
    return known.body


@dataclass(frozen=True)
class _Text:
    """The text of a function, and what each name from outside its body stood for when it was read."""

    function: Callable[..., Any]
    body: Body
    taken: Mapping[tuple[str, ...], Any]

    def holds(self) -> bool:
        """Tell whether the names still stand for the same."""
        for path, value in self.taken.items():
            now = _value_of(self.function, path)
            if now is not value and not _is_same_number(now, value):
                return False
        return True


_known: dict[Hashable, _Text] = {}
"""What was read: a step in NumPy asks for the text each time, and to read it takes longer than the step."""


def _value_of(function: Callable[..., Any], path: Sequence[str]) -> Any:
    """Return what a name such as scale, or helper.scale, stands for in a function; None if there is nothing."""
    first = path[0]
    if first in function.__code__.co_freevars:
        value = _cells(function).get(first)
    elif first in function.__globals__:
        value = function.__globals__[first]
    else:
        value = getattr(builtins, first, None)
    for part in path[1:]:
        value = getattr(value, part, None)
    return value


def _is_same_number(one: Any, other: Any) -> bool:
    return type(one) is type(other) and isinstance(one, _NUMBERS) and repr(one) == repr(other)


def _read(
    function: Callable[..., Any],
    label: str,
    arrays: AbstractSet[str],
    returned: tuple[str, ...],
    reserved: AbstractSet[str],
) -> _Text:
    """Read a function of some arrays that returns what the words of `returned` say.

    A name in `reserved` is that of a given value, and must not be assigned.
    """
    tree = _parse(label, function)

    def fail(node: ast.AST, fault: str) -> NoReturn:
        line = getattr(node, "lineno", tree.lineno)
        stop = "" if fault.endswith(("?", ".")) else "."
        raise ConfigError(f"{inspect.getsourcefile(function)}:{line}: {label} {fault}{stop}")

    functions, whole = (_OF_POINTWISE, ONE_OUTPUT) if returned == _VALUE else (_OF_NUMBERS, ONE_WEIGHT)
    reader = _Reader(fail, function, arrays, functions, whole)
    taken = (*TAKEN, *TAKEN_BESIDE) if returned == _VALUE else TAKEN
    assignments: list[tuple[str, ast.expr]] = []
    for statement in tree.body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue  # the docstring
        if isinstance(statement, ast.Assign):
            target = statement.targets[0]
            if len(statement.targets) > 1 or not isinstance(target, ast.Name):
                fail(statement, "assigns to something else than one name; write one line for each")
            if target.id.startswith("_"):
                fail(statement, f"assigns to {target.id}; names that start with _ are the kernel's own")
            if target.id in taken:
                fail(statement, f"assigns to {target.id}, a name that the kernel needs itself; choose another name")
            if target.id in reserved:
                fail(statement, f"assigns to {target.id}, the name of a given value; choose another name")
            value = reader.visit(statement.value)
            reader.assign(target.id, value)
            assignments.append((target.id, value))
        elif isinstance(statement, ast.Return) and statement.value is not None:
            value = statement.value
            results = value.elts if isinstance(value, ast.Tuple) else [value]
            if len(results) != len(returned):
                names = ", ".join(returned)
                fail(statement, f"returns {several(len(results), 'value')}; it must return {names}, in this order")
            body = Body(tuple(assignments), tuple(map(reader.visit, results)))
            return _Text(function, body, reader.taken)
        else:
            fail(statement, mend_of(statement))
    fail(tree, f"returns nothing; it must return {', '.join(returned)}")


@functools.cache
def _parse(label: str, function: Callable[..., Any]) -> ast.FunctionDef:
    """Return a function's syntax tree, whose lines are those of the user's file.

    The tree is read once, so that a later edit of the file does not change the text of the function that runs.
    """
    if hasattr(function, "__wrapped__"):
        code = inspect.unwrap(function).__code__
        raise ConfigError(
            f"{code.co_filename}:{code.co_firstlineno}: {label} has a second decorator, which hides the function that "
            "runs: remove that decorator."
        )
    try:
        lines, first = inspect.getsourcelines(function)
    except OSError as error:
        raise ConfigError(f"the source of {label} cannot be read: define it in a file.") from error
    text = "".join(lines)
    # A block around an indented text leaves comments and strings at the margin as they are.
    block = "if True:\n" if text[:1].isspace() else ""
    try:
        tree = ast.parse(block + text).body[0]
    except SyntaxError:  # a part of a statement, as of a lambda over several lines
        tree = ast.Pass()
    if isinstance(tree, ast.If):
        tree = tree.body[0]
    if not isinstance(tree, ast.FunctionDef) or tree.name != function.__code__.co_name:
        place = f"{inspect.getsourcefile(function)}:{first}"
        raise ConfigError(f"{place}: {label} is not a function defined with `def`: write it as one.")
    ast.increment_lineno(tree, first - 1 - bool(block))
    return tree


def _surroundings(function: Callable[..., Any]) -> dict[str, Any]:
    """Return what the function sees outside its own body."""
    return {**vars(builtins), **function.__globals__, **_cells(function)}


def _cells(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the variables of the functions around a function that it uses."""
    cells = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with contextlib.suppress(ValueError):  # a variable that has no value yet
            cells[name] = cell.cell_contents
    return cells


class _Reader(ast.NodeVisitor):
    """Check an expression and put it into plain form."""

    def __init__(
        self,
        fail: Callable[[ast.AST, str], NoReturn],
        function: Callable[..., Any],
        arrays: AbstractSet[str],
        functions: Mapping[Any, str],
        whole: str,
    ) -> None:
        self.whole = whole
        self.fail, self.surroundings, self.own = fail, _surroundings(function), function.__code__.co_varnames
        self.names = set(inspect.signature(function).parameters)
        self.arrays, self.conditions, self.functions = set(arrays), set[str](), functions
        self.taken: dict[tuple[str, ...], Any] = {}

    def assign(self, name: str, value: ast.expr) -> None:
        self.names.add(name)
        for names, holds in ((self.arrays, self.varies(value)), (self.conditions, self.decides(value))):
            names.discard(name)
            if holds:
                names.add(name)

    def varies(self, *nodes: ast.AST) -> bool:
        """Tell whether an expression differs from weight to weight."""
        return any(isinstance(n, ast.Name) and n.id in self.arrays for node in nodes for n in ast.walk(node))

    def decides(self, *nodes: ast.AST) -> bool:
        """Tell whether all of these expressions are truth values."""
        return all(self._decides(node) for node in nodes)

    def _decides(self, node: ast.AST) -> bool:
        match node:
            case ast.Name():
                return node.id in self.conditions
            case ast.Constant():
                return isinstance(node.value, bool)
            case ast.Compare():
                return True
            case ast.UnaryOp():
                return isinstance(node.op, (ast.Not, ast.Invert))
            case ast.BoolOp():
                return self.decides(*node.values)
            case ast.IfExp():
                return self.decides(node.body, node.orelse)
            case ast.BinOp(op=ast.BitAnd() | ast.BitOr() | ast.BitXor()):
                return True
            case ast.BinOp(op=ast.Mult()):
                return self.decides(node.left, node.right)
            case ast.Call(func=ast.Attribute(attr=name)):
                return name in ("isfinite", "isnan", *_COMBINING)
        return False

    def generic_visit(self, node: ast.AST) -> NoReturn:
        self.fail(node, f"uses `{ast.unparse(node)}`; {MADE_OF}")

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        return self._number(node, node.value)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return node if node.id in self.names else self._number(node, self._find(node))

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        self._check_owner(node, None)
        return self._number(node, self._find(node))

    def visit_Subscript(self, node: ast.Subscript) -> NoReturn:
        one = "number" if self.whole == ONE_OUTPUT else "weight"
        mend = f"a formula computes with one {one}, which has no parts: leave the index out"
        if not self._is_computed(node.value):
            mend = "give the number a name of its own"
        self.fail(node, f"uses `{ast.unparse(node)}`; {mend}")

    def _is_computed(self, node: ast.expr) -> bool:
        """Tell whether an expression is a number of the rule's, and not a name from outside or a part of one."""
        while isinstance(node, ast.Attribute):
            node = node.value
        return not isinstance(node, ast.Name) or node.id in self.names

    def _check_owner(self, node: ast.Attribute, arguments: Sequence[ast.expr] | None) -> None:
        """Refuse a part of a number, or with arguments a method of it."""
        if not self._is_computed(node.value):
            return
        call, text = "" if arguments is None else "()", ast.unparse(node.value)
        mend = instead_of_part(node.attr, [node.value, *(arguments or ())], self.whole)
        self.fail(node, f"{'calls' if call else 'takes'} `.{node.attr}{call}` of `{text}`; {mend}")

    def _number(self, node: ast.expr, found: Any) -> ast.expr:
        """Return the number that is written here, or that a name outside the body stands for."""
        if not isinstance(found, _NUMBERS):
            self.fail(node, f"uses {ast.unparse(node)}, which is not a number but {_article(found)}")
        if isinstance(found, (bool, np.bool_)):
            return ast.copy_location(ast.Constant(bool(found)), node)
        whole = isinstance(found, (int, np.integer)) and abs(int(found)) < 2**53
        try:
            # Compiled code has no whole numbers of any size.
            number = int(found) if whole else float(found)
        except OverflowError:
            self.fail(node, f"uses {ast.unparse(node)}, which is too large for a floating-point number")
        plain: ast.expr = ast.Constant(abs(number))
        if math.copysign(1, number) < 0:  # a sign is an operation: written as one number, -2 ** 2 would be -4
            plain = ast.UnaryOp(ast.USub(), plain)
        return ast.copy_location(plain, node)

    def _find(self, node: ast.expr) -> Any:
        """Return the object that a name, or a name of a module, stands for, and note it."""
        found = self._found(node)
        self.taken[tuple(ast.unparse(node).split("."))] = found
        return found

    def _found(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Name):
            if node.id in self.names:
                self.fail(node, f"calls {node.id}, which is a number; write a product as {node.id} * (..)")
            if node.id in self.own:
                self.fail(node, f"uses {node.id} before it is assigned")
            if node.id not in self.surroundings:
                near = difflib.get_close_matches(node.id, sorted(self.names), n=1, cutoff=0.5)
                hint = f"; did you mean {near[0]}?" if near else "."
                known = ", ".join(sorted(self.names))
                self.fail(node, f"uses {node.id}, which is not defined{hint} Known here: {known}")
            return self.surroundings[node.id]
        if not isinstance(node, ast.Attribute):
            self.generic_visit(node)
        owner = self._find(node.value)
        if isinstance(owner, np.ufunc):
            self.fail(node, f"uses {ast.unparse(node)}; {self.whole}")
        if not isinstance(owner, ModuleType):
            self.fail(node, f"uses {ast.unparse(node)}, a part of {_article(owner)}; give the number a name of its own")
        if not hasattr(owner, node.attr):
            allowed = (*FUNCTIONS, "where", "clip") if owner is np else ()
            near = difflib.get_close_matches(node.attr, allowed, n=1, cutoff=0.5)
            hint = f"; did you mean {ast.unparse(node.value)}.{near[0]}?" if near else ""
            self.fail(node, f"uses {ast.unparse(node)}, which does not exist{hint}")
        return getattr(owner, node.attr)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        if isinstance(node.func, ast.Attribute):
            self._check_owner(node.func, node.args)
        function, text = self._find(node.func), ast.unparse(node.func)
        known = function if isinstance(function, Hashable) else None
        name = "where" if function is np.where else "clip" if function is np.clip else _UFUNCS.get(known)
        own = self.functions.get(known)
        if node.keywords and (name or own):
            self.fail(node, f"gives `{ast.unparse(node.keywords[0])}` to {text}; give arguments by position")
        arguments = [self.visit(argument) for argument in node.args]
        if name is None and (own is None or (own not in _OF_ONE and self.varies(*arguments))):
            self.fail(node, f"calls {text}; {instead(function, known, node.args, self.whole)}")
        count = 1 if own in _OF_ONE else 3 if name in ("where", "clip") else function.nin if name else None
        if count is not None and len(arguments) != count:
            self.fail(node, f"calls {text} with {several(len(arguments), 'argument')}; it takes {count}")
        if count is None and len(arguments) < 2:
            self.fail(node, f"calls {text} with {several(len(arguments), 'argument')}; give two or more")
        self._check_truths(node, text, name, arguments)
        if own is not None:
            return ast.copy_location(ast.Call(ast.Name(own, ast.Load()), arguments, []), node)
        if name == "clip":
            x, low, high = arguments
            return ast.copy_location(_call("minimum", _call("maximum", x, low), high), node)
        assert name is not None
        return ast.copy_location(_call(name, *arguments), node)

    def _check_truths(self, node: ast.Call, text: str, name: str | None, arguments: list[ast.expr]) -> None:
        """Refuse truth values where numbers are needed, and the reverse."""
        if name in _COMBINING:
            if not all(self.decides(argument) for argument in arguments):
                self.fail(node, f"gives {text} a number; it takes conditions, such as a > 0")
        elif self.varies(*arguments) and self.decides(*(arguments[1:] if name == "where" else arguments)):
            this = "chooses between conditions" if name == "where" else f"takes {text} of a condition"
            self.fail(node, f"{this}; write np.where(condition, 1.0, 0.0) for its number")

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        left, right = self.visit(node.left), self.visit(node.right)
        plain = ast.copy_location(ast.BinOp(left, node.op, right), node)
        if isinstance(node.op, (ast.BitAnd, ast.BitOr, ast.BitXor)):
            if not (self.decides(left) and self.decides(right)):
                self.fail(
                    node,
                    f"computes `{ast.unparse(node)}`; & | ^ combine conditions, each in parentheses, as in "
                    "(a > 0) & (b > 0), and a power is a**b",
                )
            return plain
        if not isinstance(node.op, _WITH_WEIGHTS if self.varies(plain) else tuple(_OPERATORS)):
            self.fail(node, f"computes `{ast.unparse(node)}`; with weights, a formula may use + - * / ** & | ^")
        if self.varies(plain) and not isinstance(node.op, ast.Mult) and self.decides(left, right):
            self.fail(node, f"computes `{ast.unparse(node)}` with conditions alone; combine them with & | ^")
        one, other = _whole(left), _whole(right)
        if one is None or other is None:
            return plain
        # Whole numbers of compiled code have 64 bits, and 2**100 would be 0.
        try:
            return self._number(node, _OPERATORS[type(node.op)](float(one), float(other)))
        except ArithmeticError as error:
            self.fail(node, f"computes `{ast.unparse(node)}`, which is not a number: {error.args[-1]}")

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        operand = self.visit(node.operand)
        varies, decides = self.varies(operand), self.decides(operand)
        if isinstance(node.op, ast.Not) and varies:
            self.fail(node, "uses `not` on an array; write np.logical_not(a)")
        if isinstance(node.op, ast.Invert) and not (varies and decides):
            self.fail(node, "uses `~`, which negates conditions of weights; to negate one of numbers, write `not`")
        if isinstance(node.op, (ast.USub, ast.UAdd)) and varies and decides:
            self.fail(node, f"computes `{ast.unparse(node)}` of a condition; write ~a for its opposite")
        return ast.copy_location(ast.UnaryOp(node.op, operand), node)

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        values = [self.visit(value) for value in node.values]
        if self.varies(*values):
            word, name = ("and", "logical_and") if isinstance(node.op, ast.And) else ("or", "logical_or")
            self.fail(node, f"uses `{word}` on arrays; write np.{name}(a, b)")
        return ast.copy_location(ast.BoolOp(node.op, values), node)

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        left, others = self.visit(node.left), [self.visit(other) for other in node.comparators]
        if any(isinstance(op, (ast.Is, ast.IsNot, ast.In, ast.NotIn)) for op in node.ops):
            self.fail(node, f"uses `{ast.unparse(node)}`; compare with < <= > >= == !=")
        if len(others) > 1 and self.varies(left, *others):
            self.fail(node, "compares three arrays at once; write np.logical_and(a < b, b < c)")
        equal = isinstance(node.ops[0], (ast.Eq, ast.NotEq))
        if not equal and self.varies(left, *others) and self.decides(left, *others):
            self.fail(node, f"computes `{ast.unparse(node)}` with conditions alone; combine them with & | ^")
        return ast.copy_location(ast.Compare(left, node.ops, others), node)

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        test, body, orelse = self.visit(node.test), self.visit(node.body), self.visit(node.orelse)
        if self.varies(test, body, orelse):
            text = ", ".join(map(ast.unparse, (node.test, node.body, node.orelse)))
            self.fail(node, f"chooses between arrays with `if`; write np.where({text})")
        return ast.copy_location(ast.IfExp(test, body, orelse), node)


def _whole(node: ast.expr) -> int | None:
    """Return the whole number that an expression in plain form is."""
    sign, number = (-1, node.operand) if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) else (1, node)
    value = number.value if isinstance(number, ast.Constant) else None
    return sign * value if isinstance(value, int) and not isinstance(value, bool) else None


def _call(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Attribute(ast.Name("np", ast.Load()), name, ast.Load()), list(arguments), [])


def _article(found: Any) -> str:
    if inspect.isroutine(found) or isinstance(found, np.ufunc):
        return "a function: call it"
    return f"a {type(found).__name__}; a formula may use numbers of its module"

"""From a rule, written once as mathematics, to the text of a kernel.

The rule's body is taken apart along one line. What depends on hyper-parameters and the step number alone goes to a
prelude that runs once per step, in double precision, and is cast to the dtype of the weights; what depends on the
weight, its gradient or its state stays in the loop. NumPy does the same by itself when a Python float meets an array,
so both engines round the same numbers. Literals are cast too, since Numba would widen `float32 * 0.5` to double.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import inspect
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from ravine.errors import ConfigError
from ravine.nn.activations import LEAK
from ravine.rules import Rule

TABLE = 1024
"""Idle times below this are tabulated at the start of a chunk; longer ones are computed when they are met."""

_TEMPLATE = Path(__file__).with_name("kernel.py")


@dataclass(frozen=True)
class Kernel:
    """The text of a module to compile, its name (a hash of the text) and how many constants its loops need."""

    name: str
    text: str
    step_constants: int
    idle_constants: int


@functools.cache
def render(rule: Rule, dtype: np.dtype[Any]) -> Kernel:
    """Return the kernel of `rule` for weights of `dtype`, float32 or float64."""
    update = _take_apart(rule, rule.function, arrays={"g", "w", *rule.slots})
    idle = None if rule.idle_form is None else _take_apart(rule, rule.idle_form, arrays={"w", *rule.slots})
    part = "\n\n\n".join(
        [
            f"real = np.{dtype.name}\n"
            f"LEAK = {LEAK}\n"
            f"TABLE = {TABLE}\n"
            f"LAZY = {idle is not None}\n"
            f"DENSE = {idle is None and not rule.inert}",
            _prelude("step_constants", rule, "t", update),
            _row_loop("update_row", rule, update, ["_d", "_g0"], "_d[_g0 + _j]"),
            *(_row_loop(f"update_row_{k}", rule, update, *_terms(k)) for k in (1, 2, 3, 4)),
            _prelude("idle_constants", rule, "n", idle),
            _row_loop("drift_row", rule, idle, [], None),
        ]
    )
    text = f"{_TEMPLATE.read_text(encoding='utf-8')}\n\n# --- {rule.name} ---\n\n{part}\n"
    digest = hashlib.sha256(text.encode()).hexdigest()[:24]
    return Kernel(
        f"{rule.name}_{dtype.name}_{digest}",
        text,
        max(1, update.constants),
        max(1, idle.constants if idle else 0),
    )


@dataclass
class _Parts:
    """A function taken apart: statements for the prelude, statements for the loop, results (step, slots) to store."""

    prelude: list[str]
    loop: list[str]
    results: list[ast.expr]
    constants: int


def _take_apart(rule: Rule, function: Callable[..., Any], arrays: set[str]) -> _Parts:
    tree, fail = _parse(rule, function)
    splitter = _Splitter(set(arrays))
    loop: list[str] = []
    for statement in tree.body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue  # the docstring
        if isinstance(statement, ast.Assign):
            target = statement.targets[0]
            if len(statement.targets) > 1 or not isinstance(target, ast.Name):
                fail(statement, "assigns to something else than one name")
            if target.id.startswith("_"):
                fail(statement, f"assigns to {target.id}; names that start with _ are the kernel's own")
            if splitter.depends(statement.value):
                loop.append(f"{target.id} = {ast.unparse(splitter.visit(statement.value))}")
                splitter.arrays.add(target.id)
            else:
                splitter.prelude.append(ast.unparse(statement))
                splitter.arrays.discard(target.id)
        elif isinstance(statement, ast.Return) and statement.value is not None:
            value = statement.value
            results = value.elts if isinstance(value, ast.Tuple) else [value]
            if len(results) != 1 + len(rule.slots):
                names = ", ".join(["the step", *rule.slots])
                fail(statement, f"returns {len(results)} values; it must return {names}")
            kept = [r if _is_zero(r) else splitter.visit(r) for r in results]
            return _Parts(splitter.prelude, loop, kept, len(splitter.constants))
        else:
            fail(statement, "has a statement that is neither `name = expression` nor `return`")
    fail(tree, "returns nothing; it must return the step and the new slots")


def _parse(rule: Rule, function: Callable[..., Any]) -> tuple[ast.FunctionDef, Callable[[ast.AST, str], NoReturn]]:
    """Return the function's syntax tree, and how to report a fault at its place in the user's file."""
    try:
        lines, first = inspect.getsourcelines(function)
    except OSError as error:
        raise ConfigError(f"the source of rule {rule.name} cannot be read: define it in a file.") from error
    tree = ast.parse(textwrap.dedent("".join(lines))).body[0]
    assert isinstance(tree, ast.FunctionDef)

    def fail(node: ast.AST, fault: str) -> NoReturn:
        line = first + getattr(node, "lineno", 1) - 1
        raise ConfigError(f"{inspect.getsourcefile(function)}:{line}: rule {rule.name} {fault}.")

    return tree, fail


def _is_zero(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == 0


class _Splitter(ast.NodeTransformer):
    """Replace each largest subexpression that does not depend on an array by a constant, computed in the prelude."""

    def __init__(self, arrays: set[str]) -> None:
        self.arrays = arrays
        self.prelude: list[str] = []
        self.constants: list[str] = []

    def depends(self, node: ast.AST) -> bool:
        return any(isinstance(n, ast.Name) and n.id in self.arrays for n in ast.walk(node))

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, ast.expr) and not self.depends(node):
            name = f"_c{len(self.constants)}"
            self.prelude.append(f"_c[{len(self.constants)}] = {ast.unparse(node)}")
            self.constants.append(name)
            return ast.Name(name, ast.Load())
        return super().visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        node.args = [self.visit(argument) for argument in node.args]
        node.keywords = [ast.keyword(k.arg, self.visit(k.value)) for k in node.keywords]
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        node.left = self.visit(node.left)
        # A whole exponent stays a literal: Numba turns x**2 into a product, and a power of a variable into a call.
        literal = isinstance(node.right, ast.Constant) and isinstance(node.right.value, int)
        if not (isinstance(node.op, ast.Pow) and literal):
            node.right = self.visit(node.right)
        return node


def _prelude(name: str, rule: Rule, counter: str, parts: _Parts | None) -> str:
    """Write the function that computes the constants of one step (or of n idle ones) into `_c`."""
    lines = [f"{key} = _hyper[{index}]" for index, key in enumerate(rule.defaults)]
    lines += [f"{counter} = float(_{counter})", *(parts.prelude if parts else [])]
    return "\n".join(["@plain", f"def {name}(_hyper, _{counter}, _c):", *_indent(lines)])


def _row_loop(name: str, rule: Rule, parts: _Parts | None, extra: Sequence[str], gradient: str | None) -> str:
    """Write the loop that applies the rule to one row of weights and of every slot."""
    head = ["@exact", f"def {name}({', '.join(['_w', '_slots', '_at', '_width', '_c', *extra])}):"]
    if parts is None:
        return "\n".join([*head, "    pass"])
    step, *slots = parts.results
    body = ["w = _w[_at + _j]"]
    body += [f"g = {gradient}"] if gradient else []
    body += [f"{slot} = _slots[{k}, _at + _j]" for k, slot in enumerate(rule.slots)]
    body += parts.loop
    body += [] if _is_zero(step) else [f"_w[_at + _j] = _w[_at + _j] - ({ast.unparse(step)})"]
    body += [f"_slots[{k}, _at + _j] = {ast.unparse(slot)}" for k, slot in enumerate(slots)]
    load = [f"_c{k} = _c[{k}]" for k in range(parts.constants)]
    return "\n".join([*head, *_indent([*load, "for _j in range(_width):", *_indent(body)])])


def _terms(count: int) -> tuple[list[str], str]:
    """Return the parameters and the text of a gradient that is a sum of value * delta over `count` samples."""
    parameters = [name for k in range(count) for name in (f"_d{k}", f"_x{k}")]
    return ["_d", *parameters], " + ".join(f"_x{k} * _d[_d{k} + _j]" for k in range(count))


def _indent(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]

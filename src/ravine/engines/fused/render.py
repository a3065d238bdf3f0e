"""From a rule, written once as mathematics, to the text of a kernel.

The rule's body is taken apart along one line. What depends on hyper-parameters and the step number alone goes to a
prelude that runs once per step, in double precision, and is cast to the dtype of the weights; what depends on the
weight, its gradient or its state stays in the loop. NumPy does the same by itself when a Python float meets an array,
so both engines round the same numbers. Literals are cast too, since Numba would widen `float32 * 0.5` to double.
"""

from __future__ import annotations

import ast
import copy
import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ravine.nn.activations import LEAK
from ravine.rules import Rule
from ravine.rules.source import Body, read_idle_form, read_rule

LANES = 16
"""Numbers in a vector; rows of weights are padded to whole vectors."""

TABLE = 1024
"""Idle times below this are tabulated at the start of a chunk; longer ones are computed when they are met."""

CROWD, CROWDED_BATCH = 0.5, 32
"""The share of inputs that are not zero, and the batch size, from which data are worked on without lists."""

_PARTS = ("head", "rows", "forward", "first_layer", "block", "alone", "entries")
_TEMPLATE = Path(__file__).with_name("template")
_VECTORS = Path(__file__).with_name("vectors.py")


@dataclass(frozen=True)
class Kernel:
    """A module to compile.

    Attributes:
        name: its name, which holds a hash of all that it is made of.
        text: its text.
        idle_constants: how many numbers a row of the table of idle constants has, one at least.
        norms: whether the rule asks for norms of the gradient, which is then added up before a step.
    """

    name: str
    text: str
    idle_constants: int
    norms: bool


def render(rule: Rule, dtype: np.dtype[Any], layered: bool = False) -> Kernel:
    """Return the kernel of `rule` for weights of `dtype`, float32 or float64.

    One that is `layered` has hyper-parameters of its own for each layer.
    """
    form = read_idle_form(rule)
    return _render(rule, dtype, layered, read_rule(rule).text, form and form.text)


@functools.cache
def _render(rule: Rule, dtype: np.dtype[Any], layered: bool, text: str, idle_text: str | None) -> Kernel:
    """Return the kernel; the texts change with the numbers of the rule's module, and so are part of the key."""
    update = _take_apart(read_rule(rule), arrays={"g", "w", *rule.slots})
    form = read_idle_form(rule)
    idle = None if form is None else _take_apart(form, arrays={"w", *rule.slots})
    norms = not {"norm", "layer_norm"}.isdisjoint(rule.arguments)
    part = "\n\n\n".join(
        [
            f"real = np.{dtype.name}\n"
            f"LEAK = {LEAK}\n"
            f"LANES = u({LANES})\n"
            f"TABLE = {TABLE}\n"
            f"CROWD, CROWDED_BATCH = {CROWD}, {CROWDED_BATCH}\n"
            f"LAZY = {idle is not None}\n"
            f"DENSE = {idle is None and not rule.inert}\n"
            f"NORMS = {norms}\n"
            f"LAYERED = {layered}",
            _prelude("step_constants", rule, ["t", "norm", "layer_norm"], update),
            _prelude("idle_constants", rule, ["n"], idle),
            _change("step", rule, update, ["g"]),
            _change("idle", rule, idle, []),
            _memory(len(rule.slots)),
            _table(idle.constants if idle else 0),
        ]
    )
    template = "\n\n".join((_TEMPLATE / f"{name}.py").read_text(encoding="utf-8") for name in _PARTS)
    text = f"{template}\n\n# --- {rule.name} ---\n\n{part}\n"
    digest = hashlib.sha256(f"{text}{_VECTORS.read_text(encoding='utf-8')}".encode()).hexdigest()[:24]
    return Kernel(f"{rule.name}_{dtype.name}_{digest}", text, max(1, idle.constants if idle else 0), norms)


@dataclass
class _Parts:
    """A function taken apart: statements for the prelude, statements for the loop, results (step, slots) to store."""

    prelude: list[str]
    loop: list[str]
    results: list[ast.expr]
    constants: int


def _take_apart(body: Body, arrays: set[str]) -> _Parts:
    splitter = _Splitter(set(arrays))
    loop: list[str] = []
    for name, value in copy.deepcopy(body.assignments):
        if splitter.depends(value):
            loop.append(f"{name} = {ast.unparse(splitter.visit(value))}")
            splitter.arrays.add(name)
        else:
            splitter.prelude.append(f"{name} = {ast.unparse(value)}")
            splitter.arrays.discard(name)
    results = [r if _is_zero(r) else splitter.visit(r) for r in copy.deepcopy(body.results)]
    return _Parts(splitter.prelude, loop, results, len(splitter.constants))


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
            self.prelude.append(f"{name} = {ast.unparse(node)}")
            self.constants.append(name)
            return ast.Name(name, ast.Load())
        return super().visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        node.args = [self.visit(argument) for argument in node.args]
        node.keywords = [ast.keyword(k.arg, self.visit(k.value)) for k in node.keywords]
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        node.left = self.visit(node.left)
        power = node.right.value if isinstance(node.op, ast.Pow) and isinstance(node.right, ast.Constant) else None
        if isinstance(power, int) and 2 <= power <= 4:
            # A product takes an operation or three, a power a call for each number.
            return functools.reduce(lambda one, other: ast.BinOp(one, ast.Mult(), other), [node.left] * power)
        node.right = self.visit(node.right)
        return node


def _prelude(name: str, rule: Rule, given: Sequence[str], parts: _Parts | None) -> str:
    """Write the function that computes the constants of one step (or of n idle ones)."""
    lines = [f"{key} = _hyper[{index}]" for index, key in enumerate(rule.defaults)]
    lines += [*(f"{one} = float(_{one})" for one in given), *(parts.prelude if parts else [])]
    constants = [f"real(_c{k})" for k in range(parts.constants if parts else 0)] or ["real(0)"]
    return _function(
        "prelude", name, ["_hyper", *(f"_{one}" for one in given)], [*lines, f"return {_tuple(constants)}"]
    )


def _change(name: str, rule: Rule, parts: _Parts | None, extra: Sequence[str]) -> str:
    """Write the function from a state to the next one."""
    parameters = ["_state", *extra, "_c"]
    if parts is None:
        return _function("exact", name, parameters, ["return _state"])
    step, *slots = parts.results
    lines = [f"{_tuple(['_w', *rule.slots])} = _state", "w = _w"]
    lines += [f"{_tuple([f'_c{k}' for k in range(parts.constants)])} = _c"] if parts.constants else []
    weight = "_w" if _is_zero(step) else f"_w - ({ast.unparse(step)})"
    return _function(
        "exact", name, parameters, [*lines, *parts.loop, f"return {_tuple([weight, *map(ast.unparse, slots)])}"]
    )


def _memory(slots: int) -> str:
    """Write the functions that read and write a state; slots lie one after the other, each as long as the weights."""
    places = [("_w", "_at"), *(("_slots", f"u({k}) * u(len(_w)) + _at") for k in range(slots))]
    reads = _tuple([f"load({array}, {at})" for array, at in places])
    writes = [f"store({array}, {at}, _state[{k}])" for k, (array, at) in enumerate(places)]
    return "\n\n\n".join(
        [
            _function("exact", "read", ["_w", "_slots", "_at"], [f"return {reads}"]),
            _function("exact", "write", ["_w", "_slots", "_at", "_state"], writes),
        ]
    )


def _table(constants: int) -> str:
    """Write the functions that fill and read the table of idle constants."""
    count = max(1, constants)
    row = _tuple([f"_table[_n, {k}]" for k in range(count)])
    return "\n\n\n".join(
        [
            _function("inlined", "tabulated", ["_table", "_n"], [f"return {row}"]),
            _function(
                "plain", "tabulate", ["_hyper", "_table"],
                ["for _n in range(TABLE):", f"    {row} = idle_constants(_hyper, _n)"],
            ),
        ]
    )  # fmt: skip


def _function(decorator: str, name: str, parameters: Sequence[str], lines: Sequence[str]) -> str:
    return "\n".join([f"@{decorator}", f"def {name}({', '.join(parameters)}):", *(f"    {line}" for line in lines)])


def _tuple(values: Sequence[str]) -> str:
    return f"({', '.join(values)},)"

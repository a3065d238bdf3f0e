"""From a rule, written once as mathematics, to the text of a kernel.

The rule's body is split in two. What depends on hyper-parameters, the step number and norms of the gradient alone goes
to a prelude that runs once per step, in double precision, and is cast to the dtype of the weights. What depends on the
weight, its gradient or its state stays in the loop. NumPy casts a Python float in the same way when it meets an array,
so both engines round the same numbers. Literals are cast too, since Numba would widen `float32 * 0.5` to double.
"""

from __future__ import annotations

import ast
import copy
import functools
import hashlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ravine.engines.fused.frame import TABLE
from ravine.formulas.formula import Formula
from ravine.formulas.source import Body

_HEAD = """import numpy as np

from ravine.engines.fused.kernel.compiled import choose as _choose, exact as _exact, plain as _plain, u as _u
from ravine.engines.fused.pointers import like as _like, spread as _spread
from ravine.engines.fused.vectors import load as _load, pack as _pack, store as _store"""
"""The rendered text has names that start with _, which a rule's own names do not."""

_OF_WHOLE = (ast.FloorDiv, ast.Mod, ast.Pow)
"""Operations that compiled code computes in another way for whole numbers; a condition counts as a whole number."""


@dataclass(frozen=True)
class Rendered:
    """What the kernel asks of a rule, as a module; `kernel/rule.py` says what each function does.

    Attributes:
        name: the name of the rule.
        told: the name of the kernel in the message that says that it is being compiled.
        text: the text of the module.
        state_size: how many vectors a state has: the weights and each slot.
        constants: how many constants a step needs, one at least.
        lazy_constants: how many missed steps need, one at least.
        lazy: whether rows without a gradient change in a closed form, the lazy update.
        eager: whether every row is updated at every step.
        norms: whether the rule asks for norms of the gradient.
        noise: whether it asks for random numbers.
        smooth: whether a number near zero has nearly the effect of zero, so that the smallest may be taken for zero.
    """

    name: str
    told: str
    text: str
    state_size: int
    constants: int
    lazy_constants: int
    lazy: bool
    eager: bool
    norms: bool
    noise: bool
    smooth: bool

    @property
    def digest(self) -> str:
        """Return the hash of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:24]


def render(formula: Formula) -> Rendered:
    """Return what the kernel asks of a formula."""
    lazy = formula.lazy_body()
    return _render(formula, formula.body().text, lazy and lazy.text)


@functools.cache
def _render(formula: Formula, text: str, lazy_text: str | None) -> Rendered:
    """Return what the kernel asks of a formula.

    The texts are arguments, and so a part of the cache's key, since they change when a constant of the formula's module
    changes.
    """
    update = take_apart(formula.body(), arrays={"g", "w", "noise", *formula.slots})
    form = formula.lazy_body()
    lazy = None if form is None else take_apart(form, arrays={"w", *formula.slots})
    norms = not {"norm", "layer_norm"}.isdisjoint(formula.arguments)
    noise = "noise" in formula.arguments
    lazy_constants = max(1, lazy.constants if lazy else 0)
    functions = [
        function_text("_exact", "lazy", [], [f"return {lazy is not None}"]),
        function_text("_exact", "norms", [], [f"return {norms}"]),
        function_text("_exact", "noisy", [], [f"return {noise}"]),
        _prelude("step_constants", formula, ["t", "norm", "layer_norm"], update),
        _prelude("lazy_constants", formula, ["n"], lazy),
        _change("step", formula, update, ["g", "noise"]),
        _change("lazy_update", formula, lazy, []),
        *_memory(len(formula.slots)),
        *_table(lazy_constants),
    ]
    return Rendered(
        name=formula.name,
        told=formula.name,
        text="\n\n\n".join([_HEAD, *functions]) + "\n",
        state_size=1 + len(formula.slots),
        constants=max(1, update.constants),
        lazy_constants=lazy_constants,
        lazy=lazy is not None,
        eager=lazy is None and not formula.inert,
        norms=norms,
        noise=noise,
        smooth=_is_smooth(update) and (lazy is None or _is_smooth(lazy)),
    )


_JUMPS = frozenset({"sign", "copysign", "floor", "ceil", "log", "log2", "log10", "reciprocal", "arctan2"})
"""Functions that tell a number near zero from zero."""

_TINY = 1e-37
"""About the smallest number above zero that float32 has in full precision."""


def _is_smooth(parts: Parts) -> bool:
    """Tell whether what is computed for each weight has no comparison, no jump and no number near zero."""
    loop = [*map(ast.parse, parts.loop), *parts.results]
    before = map(ast.parse, parts.prelude)
    return not (any(map(_jumps, _nodes(loop))) or any(map(_is_tiny, _nodes([*loop, *before]))))


def _nodes(trees: Iterable[ast.AST]) -> Iterator[ast.AST]:
    return itertools.chain.from_iterable(map(ast.walk, trees))


def _is_tiny(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, float) and 0 < abs(node.value) < _TINY


def _jumps(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute | ast.Name):
        return (node.attr if isinstance(node, ast.Attribute) else node.id) in _JUMPS
    return isinstance(node, ast.Compare | ast.BoolOp | ast.Not)


@dataclass
class Parts:
    """A function taken apart: statements for the prelude, statements for the loop, results (step, slots) to store."""

    prelude: list[str]
    loop: list[str]
    results: list[ast.expr]
    constants: int


def take_apart(body: Body, arrays: set[str]) -> Parts:
    """Split a text into what depends on some names, and what can be computed before."""
    splitter = _Splitter(set(arrays))
    loop: list[str] = []
    for name, value in copy.deepcopy(body.assignments):
        if splitter.depends(value):
            loop.append(f"{name} = {ast.unparse(splitter.visit(value))}")
            splitter.arrays.add(name)
        else:
            splitter.prelude.append(f"{name} = {_of_numbers(value)}")
            splitter.arrays.discard(name)
    results = [r if is_zero(r) else splitter.visit(r) for r in copy.deepcopy(body.results)]
    return Parts(splitter.prelude, loop, results, len(splitter.constants))


def _of_numbers(node: ast.expr) -> str:
    """Return the text in the prelude of an expression of numbers.

    Whole numbers and conditions become floats, since whole numbers of compiled code end at 64 bits and have no
    fractions: 2**-1 would be 0. Only the exponent of a power stays whole, so that the power is computed as products.
    np.where is replaced, since it would return an array.
    """
    node = copy.deepcopy(node)
    exponents = {id(one.right) for one in ast.walk(node) if isinstance(one, ast.BinOp) and isinstance(one.op, ast.Pow)}
    for one in list(ast.walk(node)):
        if isinstance(one, ast.BinOp) and isinstance(one.op, _OF_WHOLE):
            one.left = _float(one.left)
            one.right = one.right if id(one.right) in exponents else _float(one.right)
        if isinstance(one, ast.Call) and ast.unparse(one.func) == "np.where":
            one.func = ast.Name("_choose", ast.Load())
        if isinstance(one, ast.Constant) and type(one.value) is int and id(one) not in exponents:
            one.value = float(one.value)
    return ast.unparse(node)


def _float(node: ast.expr) -> ast.expr:
    """Return a number, or a condition, as a float; Numba has no float() of a condition."""
    return ast.BinOp(node, ast.Mult(), ast.Constant(1.0))


def is_zero(node: ast.expr) -> bool:
    """Tell whether an expression is the number 0."""
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
            self.prelude.append(f"{name} = {_of_numbers(node)}")
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
            # Products take one to three operations for a whole vector; a power takes a call for each of its numbers.
            return functools.reduce(lambda one, other: ast.BinOp(one, ast.Mult(), other), [node.left] * power)
        node.right = self.visit(node.right)
        return node


def _prelude(name: str, formula: Formula, given: Sequence[str], parts: Parts | None) -> str:
    """Write the function that computes the constants of one step (or of n steps with a zero gradient)."""
    lines = [f"{key} = _hyper[{index}]" for index, key in enumerate(formula.hyper)]
    lines += [*(f"{one} = float(_{one})" for one in given), *(parts.prelude if parts else [])]
    constants = [f"_like(_w, _c{k})" for k in range(parts.constants if parts else 0)] or ["_like(_w, 0)"]
    parameters = ["_w", "_hyper", *(f"_{one}" for one in given)]
    # Not inlined: LLVM must not know the constants when it compiles the loops. It would leave out a factor that happens
    # to be 1, and round the rest in another way than with any other factor.
    return function_text("_plain", name, parameters, [*lines, f"return _pack({_tuple(constants)})"])


def _change(name: str, formula: Formula, parts: Parts | None, extra: Sequence[str]) -> str:
    """Write the function from a state to the next one."""
    parameters = ["_state", *extra, "_c"]
    if parts is None:
        return function_text("_exact", name, parameters, ["return _state"])
    step, *slots = parts.results
    lines = [f"{_tuple(['_w', *formula.slots])} = _spread(_state)", "w = _w"]
    lines += [f"{_tuple([f'_c{k}' for k in range(parts.constants)])} = _spread(_c)"] if parts.constants else []
    weight = "_w" if is_zero(step) else f"_w - ({ast.unparse(step)})"
    results = _tuple([weight, *map(ast.unparse, slots)])
    return function_text("_exact", name, parameters, [*lines, *parts.loop, f"return _pack({results})"])


def _memory(slots: int) -> list[str]:
    """Write the functions that read and write a state; slots lie one after the other, each as long as the weights."""
    places = [("_w", "_at"), *(("_slots", f"_u({k}) * _length + _at") for k in range(slots))]
    reads = _tuple([f"_load({array}, {at})" for array, at in places])
    writes = [f"_store({array}, {at}, _parts[{k}])" for k, (array, at) in enumerate(places)]
    parameters = ["_w", "_slots", "_length", "_at"]
    return [
        function_text("_exact", "read", parameters, [f"return _pack({reads})"]),
        function_text("_exact", "write", [*parameters, "_state"], ["_parts = _spread(_state)", *writes]),
    ]


def _table(constants: int) -> list[str]:
    """Write the functions that fill and read the table of lazy constants."""
    places = [f"_table[_n * {constants} + {k}]" for k in range(constants)]
    writes = [f"    {place} = _parts[{k}]" for k, place in enumerate(places)]
    tabulate = [f"for _n in range({TABLE}):", "    _parts = _spread(lazy_constants(_table, _hyper, _n))", *writes]
    return [
        function_text("_plain", "tabulate", ["_table", "_hyper"], tabulate),
        function_text("_exact", "tabulated", ["_table", "_n"], [f"return _pack({_tuple(places)})"]),
    ]


def function_text(decorator: str, name: str, parameters: Sequence[str], lines: Sequence[str]) -> str:
    """Return the text of a function."""
    return "\n".join([f"@{decorator}", f"def {name}({', '.join(parameters)}):", *(f"    {line}" for line in lines)])


def _tuple(values: Sequence[str]) -> str:
    return f"({', '.join(values)},)"

"""What a formula may not have, and what to write instead."""

from __future__ import annotations

import ast
import inspect
import math
import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ravine.formulas.chance import GENERATORS
from ravine.formulas.given import FUNCTIONS

MADE_OF = "a formula is made of names, numbers, + - * / ** and np functions"
ONE_WEIGHT = (
    "a formula computes with one weight; write a rule for whole arrays under @ravine.matrix_rule, or take `norm`, the "
    "norm of the whole gradient, as a parameter after g"
)
ONE_OUTPUT = (
    "losses and activations compute with one number, one output for one sample; the mean of a loss over outputs and "
    "samples is taken for it"
)
_INSTEAD: dict[Any, str] = {
    np.add: "a + b", np.subtract: "a - b", np.multiply: "a * b", np.divide: "a / b", np.float_power: "a ** b",
    np.remainder: "a - b * np.floor(a / b)", np.fmod: "a - b * np.trunc(a / b)", np.floor_divide: "np.floor(a / b)",
    np.positive: "a", np.greater: "a > b", np.greater_equal: "a >= b", np.less: "a < b", np.less_equal: "a <= b",
    np.equal: "a == b", np.not_equal: "a != b", np.bitwise_and: "a & b", np.bitwise_or: "a | b",
    np.bitwise_xor: "a ^ b", np.invert: "~a", np.isinf: "np.fabs(a) == np.inf", np.signbit: "a < 0",
    np.nan_to_num: "np.where(np.isnan(a), 0.0, a)", np.heaviside: "np.where(a > 0, 1.0, np.where(a < 0, 0.0, b))",
    np.round: "np.rint(a)", np.around: "np.rint(a)", np.fix: "np.trunc(a)", np.tan: "np.sin(a) / np.cos(a)",
    np.array: "a", np.asarray: "a", np.copy: "a", np.float32: "a",
    np.float64: "a", np.zeros_like: "0", np.zeros: "0", np.ones_like: "1", np.ones: "1", np.full_like: "the number",
    np.select: "np.where(condition, this, that)", np.piecewise: "np.where(condition, this, that)",
    operator.add: "a + b", operator.sub: "a - b", operator.mul: "a * b", operator.truediv: "a / b",
    operator.pow: "a ** b", operator.neg: "-a",
    min: "np.minimum(a, b)", max: "np.maximum(a, b)", pow: "a ** b", round: "np.rint(a)", int: "np.trunc(a)",
    float: "the number itself", math.pow: "a ** b", math.fabs: "np.fabs(a)", math.tan: "np.sin(a) / np.cos(a)",
    math.fmod: "a - b * np.trunc(a / b)",
    math.isinf: "np.fabs(a) == np.inf", math.atan: "np.arctan(a)", math.atan2: "np.arctan2(a, b)",
    math.asinh: "np.arcsinh(a)",
}  # fmt: skip
"""What to write in place of a call of a function with the arguments a and b."""

_METHODS = {
    "abs": "np.abs(a)", "pow": "a ** b", "round": "np.rint(a)", "clip": "np.clip(a, b, c)", "clamp": "np.clip(a, b, c)",
    "add": "a + b", "sub": "a - b", "mul": "a * b", "div": "a / b", "neg": "-a",
}  # fmt: skip
"""What to write in place of a method of a with the arguments b and c."""

_SHAPES = (
    "T", "mT", "transpose", "reshape", "ravel", "flatten", "flat", "squeeze", "view", "shape", "size", "ndim", "dtype",
    "astype", "copy", "clone", "item", "detach", "numpy", "real", "float", "double",
)  # fmt: skip


_OF_ARRAYS = (
    "sum", "mean", "std", "var", "amax", "amin", "max", "min", "argmax", "argmin", "dot", "matmul", "outer", "einsum",
    "sort", "median", "cumsum", "cumprod", "prod", "concatenate", "reshape", "norm", "any", "all", "nansum", "nanmean",
    "nanmax", "nanmin", "average", "quantile", "percentile", "inner", "vdot", "tensordot", "trace", "diag", "transpose",
    "ptp", "count_nonzero", "argsort", "roll", "diff", "fsum", "vector_norm",
)  # fmt: skip


def instead_of_part(part: str, values: Sequence[ast.expr], whole: str) -> str:
    """Say what to write in place of a part or a method of the first of some values; the others are its arguments.

    `whole` is what to say of functions of whole arrays.
    """
    if part in _METHODS:
        return f"write {_filled(_METHODS[part], values)}"
    if part in FUNCTIONS:
        return f"write {_filled(f'np.{part}({_letters(getattr(np, part).nin)})', values)}"
    if part in _SHAPES:
        return f"to a formula it is one number, without shape or dtype: write {ast.unparse(values[0])} alone"
    if part in _OF_ARRAYS:
        return whole
    return f"to a formula it is one number; {MADE_OF}"


def _letters(count: int) -> str:
    return ", ".join("abc"[:count])


def _filled(form: str, values: Sequence[ast.expr]) -> str:
    """Return the text of an expression of a, b and c with values in their place, or as it is if their counts differ."""
    names = dict(zip("abc", values, strict=False))
    try:
        tree = ast.parse(form, mode="eval")
    except SyntaxError:  # words
        return form
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} & set("abc")
    if used != set(names) or len(values) > 3:
        return form
    return ast.unparse(_Filling(names).visit(tree))


class _Filling(ast.NodeTransformer):
    """Puts expressions in the place of names."""

    def __init__(self, values: Mapping[str, ast.expr]) -> None:
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.values.get(node.id, node)


def instead(function: Any, known: Any, arguments: Sequence[ast.expr], whole: str) -> str:
    """Say what to write in place of a call; `whole` is what to say of functions of whole arrays."""
    name = getattr(function, "__name__", None)
    if known in _INSTEAD:
        return f"write {_filled(_INSTEAD[known], arguments)}"
    module = (getattr(function, "__module__", None) or "").partition(".")[0]
    if inspect.isfunction(function) and module != "numpy":
        return "write it out in the rule's own body"
    if name in FUNCTIONS:
        return f"write {_filled(f'np.{name}({_letters(getattr(np, name).nin)})', arguments)}"
    if name in ("norm", "vector_norm") and whole == ONE_WEIGHT:
        return "take `norm` as a parameter after g, that of the whole gradient, or `layer_norm`, that of the layer's"
    if name in _OF_ARRAYS:
        return whole
    if isinstance(getattr(function, "__self__", None), GENERATORS):
        return "take `noise`, standard normal numbers that the run's seed makes, as a parameter after g"
    if module == "time":
        return "take `t`, the number of the step, as a parameter after g"
    return f"a formula may call np.where, np.clip, abs and, of NumPy, {', '.join(FUNCTIONS)}"


def mend_of(statement: ast.stmt) -> str:
    """Say what is wrong with a statement, and what to write instead."""
    if isinstance(statement, ast.If):
        return "has an `if`; a formula has one text for all numbers: write np.where(condition, this, that)"
    if isinstance(statement, (ast.For, ast.While)):
        return "has a loop; a formula is computed once from top to bottom: write the terms out"
    if isinstance(statement, ast.AugAssign):
        target = ast.unparse(statement.target)
        whole = ast.unparse(ast.BinOp(ast.Name(target), statement.op, statement.value))
        return f"changes {target} in place, which would change the caller's: write {target} = {whole}"
    if isinstance(statement, ast.Return):
        return "returns nothing; it must return the step and the new slots"
    return f"has `{ast.unparse(statement).splitlines()[0]}`, which is neither `name = expression` nor `return`"

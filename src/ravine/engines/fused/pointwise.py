"""From an activation or a loss, written once as mathematics, to the text of a compiled function."""

from __future__ import annotations

import ast
import functools
import hashlib
import re
from dataclasses import dataclass

from ravine.engines.fused.render import Parts, function_text, take_apart
from ravine.formulas.activation import Activation
from ravine.formulas.loss import Loss
from ravine.formulas.source import Body

_HEAD = """from math import erf

import numpy as np

from ravine.engines.fused.kernel.compiled import choose as _choose, plain as _plain, u as _u
from ravine.engines.fused.pointers import like as _like"""
"""The rendered text has names that start with _, which a formula's own names do not."""


@dataclass(frozen=True)
class RenderedPointwise:
    """A function as the text of a module.

    Attributes:
        label: its name in messages, such as "activation tanh".
        entry: the name of the function in the module.
        text: the text of the module.
    """

    label: str
    entry: str
    text: str

    @property
    def digest(self) -> str:
        """Return the hash of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:24]


def render_activation(activation: Activation) -> RenderedPointwise:
    """Return the text of `kernel.activation.activate` for an activation."""
    return _render_activation(activation, activation.formula.text)


@functools.cache
def _render_activation(activation: Activation, text: str) -> RenderedPointwise:
    """Render an activation; its text is a part of the cache's key, since it may change."""
    body = activation.formula.body()
    if activation.off is not None:  # what is listed has the value z and the slope 1
        body = Body((), (ast.parse(activation.off, mode="eval").body,))
    parts = take_apart(body, set(activation.formula.arguments))
    lines = [*_constants(parts, "_z"), *_filled(_GATED if activation.off is not None else _ALL, parts)]
    parameters = ["_z", "_n", "_units", "_values", "_slopes", "_first"]
    module = "\n\n\n".join([_HEAD, function_text("_plain", "activate", parameters, lines)]) + "\n"
    return RenderedPointwise(activation.formula.label, "activate", module)


def render_loss(loss: Loss) -> RenderedPointwise:
    """Return the text of `kernel.loss.loss_of_outputs` for a loss of single outputs."""
    assert loss.formula is not None
    return _render_loss(loss, loss.formula.text)


@functools.cache
def _render_loss(loss: Loss, text: str) -> RenderedPointwise:
    """Render a loss; its text is a part of the cache's key, since it may change."""
    assert loss.formula is not None
    parts = take_apart(loss.formula.body(), set(loss.formula.arguments))
    lines = [*_constants(parts, "_z"), *_filled(_LOSS, parts)]
    parameters = ["_z", "_n", "_y", "_y0", "_d", "_d0", "_m"]
    module = "\n\n\n".join([_HEAD, function_text("_plain", "loss_of_outputs", parameters, lines)]) + "\n"
    return RenderedPointwise(loss.formula.label, "loss_of_outputs", module)


def _filled(form: str, parts: Parts) -> list[str]:
    """Return the lines of a form, with the lines and the results of a formula in their places."""
    texts = {"<loop>": "\n    ".join(map(_scalar, parts.loop))}
    texts |= {f"<result {k}>": _number(result) for k, result in enumerate(parts.results)}
    return re.sub("<(loop|result [01])>", lambda place: texts[place[0]], form).strip().splitlines()


_LOSS = """
_sum, _count = _like(_z, 0), _like(_z, _n)
for _j in range(_n):
    z, y = _z[_j], _y[_y0 + _j]
    <loop>
    _sum += (<result 0>)
    _d[_d0 + _j] = (<result 1>) / _count / _m
return _sum / _count
"""

_GATED = """
_k = _first
for _j in range(_n):
    z = _z[_j]
    <loop>
    _units[_k], _values[_k] = _j, z
    if not (<result 0>):
        _k += _u(1)
return _k - _first
"""
"""A branch on a unit would be predicted badly, and this is compiled without one."""

_ALL = """
_off = False
for _j in range(_n):
    z = _z[_j]
    <loop>
    _value, _slope = <result 0>, <result 1>
    _at = _first + _j
    _units[_at], _values[_at], _slopes[_at] = _j, _value, _slope
    _off |= (_value == _like(_z, 0)) & (_slope == _like(_z, 0))
if not _off:
    return _n
_k = _first
for _at in range(_first, _first + _n):
    _units[_k], _values[_k], _slopes[_k] = _units[_at], _values[_at], _slopes[_at]
    if (_values[_at] != _like(_z, 0)) | (_slopes[_at] != _like(_z, 0)):
        _k += _u(1)
return _k - _first
"""
"""Units that are off are rare here; they are left out afterwards."""


def _constants(parts: Parts, like: str) -> list[str]:
    """Return the lines that compute what does not depend on the numbers, in the dtype of `like`."""
    return [*parts.prelude, *(f"_c{k} = _like({like}, _c{k})" for k in range(parts.constants))]


def _scalar(text: str) -> str:
    """Return a text for one number at a time."""
    return ast.unparse(_Scalar().visit(ast.parse(text)))


class _Scalar(ast.NodeTransformer):
    """Replaces np.where, which would make an array, and turns constants among conditions into conditions."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if ast.unparse(node.func) == "np.where":
            node.func = ast.Name("_choose", ast.Load())
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.BitAnd | ast.BitOr | ast.BitXor):
            node.left, node.right = _condition(node.left), _condition(node.right)
        return node


def _condition(node: ast.expr) -> ast.expr:
    """Return a condition; `take_apart` has made numbers of those that do not depend on an array."""
    constant = isinstance(node, ast.Name) and node.id.startswith("_c")
    return ast.Compare(node, [ast.NotEq()], [ast.Constant(0)]) if constant else node


def _number(result: ast.expr) -> str:
    """Return the text of a result; zero alone is left as it is by `take_apart`, and needs a dtype."""
    return "_like(_z, 0)" if isinstance(result, ast.Constant) else _scalar(ast.unparse(result))

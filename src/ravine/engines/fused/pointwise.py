"""From an activation, written once as mathematics, to the text of a compiled function."""

from __future__ import annotations

import ast
import functools
import hashlib
from dataclasses import dataclass

from ravine.engines.fused.render import Parts, function_text, take_apart
from ravine.formulas.activation import Activation
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
    results = list(map(_number, parts.results))
    form = _GATED if activation.off is not None else _ALL
    for k, result in enumerate(results):
        form = form.replace(f"RESULT_{k}", result)
    loop = "\n    ".join(_scalar(line) for line in parts.loop)
    lines = [*_constants(parts, "_z"), *form.replace("LOOP", loop).strip().splitlines()]
    parameters = ["_z", "_n", "_units", "_values", "_slopes", "_first"]
    module = "\n\n\n".join([_HEAD, function_text("_plain", "activate", parameters, lines)]) + "\n"
    return RenderedPointwise(activation.formula.label, "activate", module)


_GATED = """
_k = _first
for _j in range(_n):
    z = _z[_j]
    LOOP
    _units[_k], _values[_k] = _j, z
    if not (RESULT_0):
        _k += _u(1)
return _k - _first
"""
"""A branch on a unit would be predicted badly, and this is compiled without one."""

_ALL = """
_off = False
for _j in range(_n):
    z = _z[_j]
    LOOP
    _value, _slope = RESULT_0, RESULT_1
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


def _scalar(line: str) -> str:
    """Return a line for one number at a time, of which np.where would make an array."""
    return line.replace("np.where(", "_choose(")


def _number(result: ast.expr) -> str:
    """Return the text of a result; zero alone is left as it is by `take_apart`, and needs a dtype."""
    return "_like(_z, 0)" if isinstance(result, ast.Constant) else _scalar(ast.unparse(result))

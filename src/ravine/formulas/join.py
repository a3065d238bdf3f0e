"""Several formulas, one behind the other, joined into one formula with one text."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ravine.errors import ConfigError
from ravine.formulas.formula import NORM_OF, Formula, Part, norm_of
from ravine.formulas.given import GIVEN
from ravine.formulas.source import Body


def join(label: str, first: str, parts: Sequence[Part], hyper: tuple[str, ...], named: Callable[..., Any]) -> Formula:
    """Return one formula of all parts: the first gets the argument `first`, each later one the result before it.

    It has the name and the docstring of the function `named`.
    """
    lines: list[tuple[str, ast.expr]] = []
    results: dict[str, str] = {}
    value = first
    owners = dict.fromkeys(GIVEN, "what is given") | {name: p.formula.label for p in parts for name in p.formula.hyper}
    for part in parts:
        begin = len(lines)
        value = _append(lines, results, part, value)
        _take_names(owners, part, {name for name, _ in lines[begin:]})
    slots = tuple(results)
    body = Body(tuple(lines), tuple(ast.Name(name, ast.Load()) for name in (value, *results.values())))
    used = {node.id for line in (*(value for _, value in body.assignments), *body.results) for node in _names(line)}
    arguments = (first, *slots, *(name for name in GIVEN if name in used))
    evaluated = [part for part in parts if part.formula.evaluated is not None]
    if len(evaluated) > 1:
        raise ConfigError(
            f"{named.__name__}: more than one of the optimizer and its stages chooses the weights to evaluate; keep "
            "one of them."
        )
    return Formula(
        label,
        _function(named, body, arguments, hyper),
        first,
        arguments,
        slots,
        hyper,
        inert=all(part.formula.inert for part in parts),
        starts={part.slot(slot): start for part in parts for slot, start in part.formula.starts.items()},
        evaluated=evaluated[0].formula.evaluated if evaluated else None,
        joined=body,
        averaging=evaluated[0] if evaluated else None,
    )


def _append(lines: list[tuple[str, ast.expr]], results: dict[str, str], part: Part, value: str) -> str:
    """Append the lines of a part, note the names of its slots' results, and return the name of its own result.

    `value` is the name of what the part gets.
    """
    body, prefix = part.formula.body(), part.name or "rule"
    renamed: dict[str, ast.expr] = {part.formula.first: _name(value)}
    renamed |= {slot: _name(part.slot(slot)) for slot in part.formula.slots}
    if part.ahead:
        renamed["lr"] = ast.Constant(1.0)
    if "step_norm" in part.formula.arguments:
        lines.append((f"{prefix}_step_norm", ast.Call(_name(NORM_OF), [_name(value)], [])))
        renamed["step_norm"] = _name(f"{prefix}_step_norm")
    for name, line in body.assignments:
        # Under its own name it could replace a value that later parts are given, such as w.
        lines.append((f"{prefix}_{name}_", _replaced(line, renamed)))
        renamed = {**renamed, name: _name(f"{prefix}_{name}_")}
    names = [f"{prefix}_{k}" for k in range(len(body.results))]
    lines += [(name, _replaced(line, renamed)) for name, line in zip(names, body.results, strict=True)]
    results.update(zip(map(part.slot, part.formula.slots), names[1:], strict=True))
    return names[0]


def _name(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


def _replaced(line: ast.expr, values: Mapping[str, ast.expr]) -> ast.expr:
    replaced: ast.expr = _Replacing(values).visit(copy.deepcopy(line))
    return replaced


class _Replacing(ast.NodeTransformer):
    def __init__(self, values: Mapping[str, ast.expr]) -> None:
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.values.get(node.id, node)


def _names(line: ast.expr) -> list[ast.Name]:
    return [node for node in ast.walk(line) if isinstance(node, ast.Name)]


def _take_names(owners: dict[str, str], part: Part, assigned: set[str]) -> None:
    """Note in `owners` the names that a part uses, its slots and `assigned`; refuse one that has another owner.

    Otherwise the joined text would use one value for another of the same name, without any error.
    """
    label = part.formula.label
    for name in (*map(part.slot, part.formula.slots), *sorted(assigned)):
        if name in owners:
            raise ConfigError(f"{label} and {owners[name]} both have {name}: choose another name in one of them.")
        owners[name] = label


def _function(
    named: Callable[..., Any], body: Body, arguments: Sequence[str], hyper: Sequence[str]
) -> Callable[..., Any]:
    """Return the text as a Python function, with the name and the docstring of another."""
    lines = "\n".join(f"    {line}" for line in body.text.splitlines())
    parameters = ", ".join([*arguments, *(["*", *hyper] if hyper else [])])
    scope: dict[str, Any] = {"np": np, "__name__": named.__module__, NORM_OF: norm_of}
    exec(f"def {named.__name__}({parameters}):\n{lines}", scope)
    function: Callable[..., Any] = scope[named.__name__]
    function.__doc__ = named.__doc__
    return function

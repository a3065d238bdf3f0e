"""Find in a rule what could make equal runs differ: random numbers of its own, the clock, the order of hashes.

The id of a run stands for one result. A matrix optimizer may use all of Python, so its result may differ from run to
run. This file looks for the causes in its text; `ravine.formulas.repeatable` takes its first steps twice.
"""

from __future__ import annotations

import ast
import builtins
import datetime
import inspect
import os
import random
import secrets
import time
import uuid
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

import numpy as np

from ravine.errors import ConfigError
from ravine.formulas.set_order import followed_sets

INSTEAD = "Ask for `noise`, standard normal numbers that the run's seed makes."

GENERATORS = (random.Random, np.random.RandomState, np.random.Generator, np.random.BitGenerator, np.random.SeedSequence)
_CLOCK = {
    id(found)
    for name, found in vars(time).items()
    if callable(found) and name.endswith(("time", "_ns", "counter", "monotonic")) and name not in ("strptime", "mktime")
} | {id(os.times)}
_OTHERS: dict[int, str] = {
    **{id(found): "the address of an object" for found in (id, os.getpid)},
    id(hash): "the hashes of strings, which differ from process to process",
    **{id(found): "random numbers of the system" for found in (os.urandom, uuid.uuid1, uuid.uuid4)},
    **{id(getattr(secrets, name)): "random numbers of the system" for name in secrets.__all__},
}


def refuse_chance_in(function: Any, tree: ast.AST, imported: Mapping[str, Any]) -> None:
    """Refuse a function whose text draws random numbers of its own, reads the clock or follows the order of a set.

    `imported` is what it imports in its own body, by name.

    Raises:
        ConfigError: it does; the message names the line.
    """
    for node, fault in _faults(function, tree, imported):
        code = function.__code__
        line = code.co_firstlineno + getattr(node, "lineno", 1) - 1
        raise ConfigError(f"{code.co_filename}:{line}: {function.__name__} {fault}")


def _faults(function: Any, tree: ast.AST, imported: Mapping[str, Any]) -> Iterator[tuple[ast.AST, str]]:
    called = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for one in followed_sets(tree, lambda node: _meant(node, function, imported)):
        yield one, "goes through a set, whose order differs from process to process: write sorted(..)."
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _is_of_now(node, _meant(node.func, function, imported)):
            yield node, _reads_clock(ast.unparse(node))
        if not isinstance(node, (ast.Name, ast.Attribute)) or not isinstance(node.ctx, ast.Load):
            continue
        found, text = _meant(node, function, imported), ast.unparse(node)
        fault = fault_of(found, text)
        if fault is not None:
            yield node, fault
        elif _makes_generators(found) and id(node) in called and _is_unseeded(called[id(node)]):
            yield node, f"makes a generator by {text}() without a seed, so each run has other numbers. {INSTEAD}"


def fault_of(found: Any, name: str) -> str | None:
    """Say why a rule may not use an object that it calls by a name, None if it may."""
    owner = getattr(found, "__self__", None)
    if isinstance(found, GENERATORS) or (isinstance(owner, GENERATORS) and not isinstance(found, type)):
        return f"draws random numbers from {name}, which the id of a run does not hold. {INSTEAD}"
    if id(found) in _CLOCK or (_is_date(owner) and getattr(found, "__name__", "") in ("now", "utcnow", "today")):
        return _reads_clock(name)
    if id(found) in _OTHERS:
        return f"uses {name}, {_OTHERS[id(found)]}: a run must be the same each time. {INSTEAD}"
    return None


def _reads_clock(text: str) -> str:
    """Say that a rule reads the clock by an expression."""
    return f"reads the clock by {text}: a run must be the same at any time. Take t, the number of the step."


def _is_of_now(call: ast.Call, found: Any) -> bool:
    """Tell whether a call is such as np.datetime64("now")."""
    first = call.args[0] if call.args else None
    return found is np.datetime64 and isinstance(first, ast.Constant) and first.value in ("now", "today")


def _makes_generators(found: Any) -> bool:
    return found is np.random.default_rng or (isinstance(found, type) and issubclass(found, GENERATORS))


def _is_date(owner: Any) -> bool:
    return isinstance(owner, type) and issubclass(owner, datetime.date)


def _is_unseeded(call: ast.Call) -> bool:
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    return all(isinstance(one, ast.Constant) and one.value is None for one in given)


def _meant(node: ast.expr, function: Any, imported: Mapping[str, Any]) -> Any:
    """Return the object that a name, or an attribute of a module or class, stands for; None if that is not known."""
    if isinstance(node, ast.Attribute):
        owner = _meant(node.value, function, imported)
        return getattr(owner, node.attr, None) if isinstance(owner, (ModuleType, type)) else None
    if not isinstance(node, ast.Name):
        return None
    if node.id in imported:
        return imported[node.id]
    if node.id in function.__code__.co_varnames:
        return None
    cells = inspect.getclosurevars(function).nonlocals
    return cells.get(node.id, function.__globals__.get(node.id, getattr(builtins, node.id, None)))

"""Whatever differs from run to run in a rule: random numbers of its own, the clock, the order of hashes.

The id of a run stands for one result. A rule of whole matrices may use all of Python, and so may break that; it is
found by its text, by the state of the global generators before and after its first steps, and by taking these steps
twice.
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
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from ravine.arrays import Array
from ravine.errors import ConfigError
from ravine.formulas.matrix import AnyRule, WholeRule
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
_SHAPES = ((4, 3), (3,), (3, 2), (2,))
_STEPS = (*range(1, 13), 100, 1000)


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
            yield node, f"makes a generator by {text}() with no seed, another one in each run. {INSTEAD}"


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
    """Return the object that a name, or a name of a module or class, stands for; None if that is not known."""
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


def refuse_chance(rule: AnyRule, hyper: Mapping[str, float]) -> None:
    """Refuse a rule whose first steps differ when they are taken again, or that draws from a global generator.

    Raises:
        ConfigError: it does.
    """
    with_these = rule, tuple(sorted(hyper.items()))
    if isinstance(rule, WholeRule) and with_these not in _passed:
        _take_twice(rule, hyper)
        _passed.add(with_these)


_passed: set[tuple[AnyRule, tuple[tuple[str, float], ...]]] = set()


def _take_twice(rule: WholeRule, hyper: Mapping[str, float]) -> None:
    place = f"{rule.code.co_filename}:{rule.code.co_firstlineno}: rule {rule.name}"
    rng = np.random.default_rng(0)
    weights: list[Array] = [rng.normal(size=shape) for shape in _SHAPES]
    state: dict[str, Array] = {}
    for t in _STEPS:
        gradients = [rng.normal(size=shape) for shape in _SHAPES]
        before = _global_state()
        try:
            # Copies, so that a rule that changes what it is given meets the same twice.
            one, other = (
                rule.step(
                    _copied(gradients), _copied(weights), {n: v.copy() for n, v in state.items()}, t, _bowl, hyper
                )
                for _ in range(2)
            )
        except ConfigError:
            return  # it needs other weights than these, or fails: the run will tell
        if _global_state() != before:
            raise ConfigError(
                f"{place} draws from a global generator, whose state the id of a run does not hold. {INSTEAD}"
            )
        if _bits(*one) != _bits(*other):
            raise ConfigError(
                f"{place} gives other numbers when step {t} is taken again from the same weights and state: a run must "
                f"be the same each time. Keep all that changes in the state. {INSTEAD}"
            )
        steps, state = one
        with np.errstate(all="ignore"):
            weights = [w - step for w, step in zip(weights, steps, strict=True)]


def _copied(arrays: Sequence[Array]) -> list[Array]:
    return [array.copy() for array in arrays]


def _bowl(weights: Sequence[Array]) -> tuple[float, list[Array]]:
    """Return the loss sum(w^2) / 2 and its gradients."""
    with np.errstate(all="ignore"):
        return float(sum((w * w).sum() for w in weights) / 2), [w.copy() for w in weights]


def _global_state() -> tuple[Any, ...]:
    name, key, *rest = np.random.get_state(legacy=True)  # noqa: NPY002  it is what others may draw from
    return random.getstate(), name, np.asarray(key).tobytes(), *rest


def _bits(steps: Sequence[Array], state: Mapping[str, Array]) -> list[tuple[str, bytes]]:
    return [("", step.tobytes()) for step in steps] + [(name, value.tobytes()) for name, value in state.items()]


__all__ = ["GENERATORS", "INSTEAD", "fault_of", "refuse_chance", "refuse_chance_in"]

"""A rule with stages before and behind it, put together as one rule."""

from __future__ import annotations

import ast
import copy
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, overload

import numpy as np

from ravine.errors import ConfigError, unknown
from ravine.formulas.compose_matrix import compose_whole
from ravine.formulas.matrix import AnyRule, WholeRule
from ravine.formulas.rule import GIVEN, Rule
from ravine.formulas.source import Body, read, read_rule
from ravine.formulas.stages import STAGES, Stage, stage_of
from ravine.inputs import folded_keys


@overload
def with_stages(rule: Rule, hyperparameters: Mapping[str, Any]) -> Rule: ...


@overload
def with_stages(rule: AnyRule, hyperparameters: Mapping[str, Any]) -> AnyRule: ...


def with_stages(rule: AnyRule, hyperparameters: Mapping[str, Any]) -> AnyRule:
    """Return the rule with those stages that have hyper-parameters among the given ones.

    A hyper-parameter of the rule itself is the rule's, even if a stage has one of the same name.

    Raises:
        ConfigError: neither the rule nor a stage has a hyper-parameter of that name.

    >>> from ravine.optimizers import adam
    >>> with_stages(adam, {"weight_decay": 0.01}).defaults["weight_decay"] is None
    True
    >>> with_stages(adam, {"beta1": 0.8}) is adam
    True
    """
    hyperparameters = folded_keys(hyperparameters)
    known = allowed(rule)
    for name in hyperparameters:
        if name not in known:
            raise ConfigError(unknown(f"hyper-parameter of {rule.name}", name, known))
    wanted = {stage_of(name) for name in hyperparameters if name not in rule.defaults}
    stages = tuple(name for name, stage in STAGES.items() if stage in wanted)
    if not stages:
        return rule
    return compose_whole(rule, stages) if isinstance(rule, WholeRule) else compose(rule, stages)


def allowed(rule: AnyRule) -> set[str]:
    """Return the hyper-parameters that may be given with a rule: its own and those of stages."""
    return {*rule.defaults, *(name for stage in STAGES.values() for name in stage.defaults)}


def compose(rule: Rule, stages: tuple[str, ...]) -> Rule:
    """Return the rule with these stages, in the order in which stages stand.

    The text of each stage is put before or behind that of the rule, each name with that of its stage before it.
    """
    return _remembered(rule, stages, read_rule(rule).text)


@functools.cache
def _remembered(rule: Rule, stages: tuple[str, ...], text: str) -> Rule:
    """Return the rule with these stages; its text changes with the numbers of its module, and so is part of the key."""
    return _compose(rule, stages, rule.function, {}, {})


def composed(
    rule: Rule, *, torch: str | None = None, optax: str | None = None, **defaults: float
) -> Callable[[Callable[[], None]], Rule]:
    """Make a rule of another one and stages, as a decorator of a function that has a name and a docstring alone.

    `defaults` are those that differ from the other rule's, and those of the stages.
    """
    twins = {library: twin for library, twin in (("torch", torch), ("optax", optax)) if twin}
    wanted = {stage_of(name) for name in defaults if name not in rule.defaults}
    stages = tuple(name for name, stage in STAGES.items() if stage in wanted)
    return lambda function: _compose(rule, stages, function, defaults, twins)


def _compose(
    rule: Rule,
    stages: tuple[str, ...],
    named: Callable[..., Any],
    changed: Mapping[str, float],
    twins: Mapping[str, str],
) -> Rule:
    parts = [STAGES[name] for name in STAGES if name in stages]
    defaults = {
        **rule.defaults,
        **{name: value for stage in parts for name, value in stage.defaults.items()},
        **changed,
    }
    slots = (*rule.slots, *(f"{stage.name}_{slot}" for stage in parts for slot in stage.slots))
    body = _joined(rule, parts)
    _check_names(rule, parts, {name for name, _ in body.assignments})
    used = {node.id for value in (*(v for _, v in body.assignments), *body.results) for node in _names(value)}
    arguments = ("g", *slots, *(name for name in GIVEN if name in used))
    result = Rule(
        rule.name if named is rule.function else named.__name__,
        _function(named, body, arguments, defaults),
        arguments,
        slots,
        defaults,
        {**rule.bounds, **{name: bound for stage in parts for name, bound in stage.bounds.items()}},
        {**rule.kinds, **{name: kind for stage in parts for name, kind in stage.kinds.items()}},
        inert=rule.inert and all(stage.inert for stage in parts),
        twins=twins,
        full_batch=rule.full_batch,
        text=body,
    )
    for form in _evaluated_forms(rule, parts):
        result.evaluated(form)
    return result


def _check_names(rule: Rule, parts: list[Stage], assigned: set[str]) -> None:
    """Refuse slots and hyper-parameters of a rule whose names the composed text needs for something else."""
    stages = {name for stage in parts for name in (*stage.defaults, *(f"{stage.name}_{slot}" for slot in stage.slots))}
    for name in (*rule.slots, *rule.defaults):
        if name in assigned | stages:
            raise ConfigError(
                f"{rule.name} has {name} among its slots and hyper-parameters, a name that goes with the stages "
                f"{', '.join(stage.name for stage in parts)}: choose another one."
            )


def _joined(rule: Rule, parts: list[Stage]) -> Body:
    lines: list[tuple[str, ast.expr]] = []
    kept: dict[str, str] = {}
    gradient = "g"
    for stage in (stage for stage in parts if stage.first == "g"):
        gradient = _append(lines, stage, {"g": gradient}, kept)
    own = read_rule(rule)
    renamed = {"g": gradient}
    for name, value in own.assignments:
        # Under its own name it would take the place of what the stages behind it are given, such as w.
        lines.append((f"rule_{name}_", _rename(value, renamed)))
        renamed = {**renamed, name: f"rule_{name}_"}
    results = [f"rule_{k}" for k in range(len(own.results))]
    lines += [(name, _rename(value, renamed)) for name, value in zip(results, own.results, strict=True)]
    kept.update(zip(rule.slots, results[1:], strict=True))
    step = results[0]
    for stage in (stage for stage in parts if stage.first == "step"):
        step = _append(lines, stage, {"step": step}, kept)
    slots = [*rule.slots, *(f"{stage.name}_{slot}" for stage in parts for slot in stage.slots)]
    return Body(tuple(lines), tuple(ast.Name(name, ast.Load()) for name in (step, *(kept[slot] for slot in slots))))


def _append(lines: list[tuple[str, ast.expr]], stage: Stage, renamed: dict[str, str], kept: dict[str, str]) -> str:
    """Append the lines of a stage, note in `kept` where its slots are after them, and return its result's name."""
    body = read(
        stage.function, f"stage {stage.name}", stage.slots, stage.defaults, ("g", "step", "w", "layer_norm", "noise")
    )
    renamed = {**renamed, **{slot: f"{stage.name}_{slot}" for slot in stage.slots}}
    for name, value in body.assignments:
        lines.append((f"{stage.name}_{name}_", _rename(value, renamed)))
        renamed = {**renamed, name: f"{stage.name}_{name}_"}
    results = [f"{stage.name}_{k}" for k in range(len(body.results))]
    lines += [(name, _rename(value, renamed)) for name, value in zip(results, body.results, strict=True)]
    kept.update({f"{stage.name}_{slot}": name for slot, name in zip(stage.slots, results[1:], strict=True)})
    return results[0]


def _rename(value: ast.expr, names: Mapping[str, str]) -> ast.expr:
    value = copy.deepcopy(value)
    for node in _names(value):
        node.id = names.get(node.id, node.id)
    return value


def _names(value: ast.expr) -> list[ast.Name]:
    return [node for node in ast.walk(value) if isinstance(node, ast.Name)]


def _function(
    named: Callable[..., Any], body: Body, arguments: tuple[str, ...], defaults: Mapping[str, Any]
) -> Callable[..., Any]:
    """Return the body as a Python function, for the reference engine, with the name and the docstring of another."""
    lines = "\n".join(f"    {line}" for line in body.text.splitlines())
    scope: dict[str, Any] = {"np": np, "__name__": named.__module__}
    exec(f"def {named.__name__}({', '.join(arguments)}, *, {', '.join(defaults)}):\n{lines}", scope)
    function: Callable[..., Any] = scope[named.__name__]
    function.__doc__ = named.__doc__
    return function


def _evaluated_forms(rule: Rule, parts: list[Stage]) -> list[Callable[..., Any]]:
    """Return the one form of evaluated weights, the stage's with its slots under their new names."""
    forms = [rule.evaluated_form] if rule.evaluated_form else []
    for stage in parts:
        if stage.evaluated_form is not None:
            forms.append(_with_slots_of(stage, stage.evaluated_form))
    if len(forms) > 1:
        raise ConfigError(f"{rule.name} evaluates other weights than it trains already; leave out the second average.")
    return forms


def _with_slots_of(stage: Stage, form: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(form)
    names = {slot: f"{stage.name}_{slot}" for slot in stage.slots}

    def evaluated(*arguments: Any, **hyper: Any) -> Any:
        return form(*arguments, **hyper)

    evaluated.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[p.replace(name=names.get(p.name, p.name)) for p in signature.parameters.values()]
    )
    return evaluated

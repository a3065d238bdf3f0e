"""Optimizers, one a file. A new file in this folder that declares a rule is found by itself."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

from ravine.errors import ConfigError, shortened, unknown
from ravine.formulas import loading
from ravine.formulas.matrix import AnyRule, WholeRule, whole_rule
from ravine.formulas.rule import Rule, rule

RULES: dict[str, Rule] = {}
"""Every element-wise rule by name."""

WHOLE_RULES: dict[str, WholeRule] = {}
"""Every rule of whole matrices by name."""

for _module in pkgutil.iter_modules(__path__):
    for _value in vars(importlib.import_module(f"{__name__}.{_module.name}")).values():
        if isinstance(_value, Rule):
            RULES[_value.name] = _value
        elif isinstance(_value, WholeRule):
            WHOLE_RULES[_value.name] = _value
        if isinstance(_value, AnyRule):
            # The rule takes the place of the module of the same name: ravine.optimizers.sgd is the optimizer.
            globals()[_value.function.__name__] = _value


def find_rule(name: str) -> AnyRule:
    """Return a rule by its name, or by the file that declares it, as FILE.py:RULE; the file is run.

    Names are those of ravine's own rules and of installed packages, where ravine's own go before. A name that does not
    exist is a `ConfigError` that suggests the nearest.
    """
    given = loading.given(name)
    if given is not None:
        return given
    name = loading.spelled(name)
    if loading.names_file(name):
        return loading.from_file(name)
    own = RULES.get(name) or WHOLE_RULES.get(name)
    if own is not None:
        return own
    others = loading.installed()
    if name in others:
        return loading.from_package(others[name])
    known = {*RULES, *WHOLE_RULES, *others}
    raise ConfigError(f"{unknown('optimizer', name, known)} Or give a file, as my_rule.py:my_rule.")


def declared_rule(given: object) -> AnyRule:
    """Return a rule; of what is none, say how it becomes one."""
    if not isinstance(given, AnyRule):
        kind = f"the function {given.__name__}" if inspect.isfunction(given) else shortened(given)
        raise ConfigError(
            f"an optimizer is one name, a file as my_rule.py:my_rule, or a rule, and this is {kind}; a function "
            "becomes a rule under @ravine.rule or @ravine.whole_rule."
        )
    return given


def reference(rule: AnyRule | str) -> str:
    """Return the name by which `find_rule` finds a rule; that of a file has the whole path.

    A file is run as it stands now, and `settled` keeps to what it gave.
    """
    if isinstance(rule, AnyRule):
        own = rule in (RULES.get(rule.name), WHOLE_RULES.get(rule.name))
        return rule.name if own else loading.refer(rule)
    rule = loading.spelled(rule)
    if rule in RULES or rule in WHOLE_RULES or loading.given(rule) is not None:
        return rule
    if loading.names_file(rule):
        return loading.keep(*loading.locate(rule))
    return loading.keep(rule, find_rule(rule))


def settled(name: str) -> AnyRule:
    """Return the rule that `reference` named, as it was then; of another name, what `find_rule` finds."""
    return loading.recall(name) or find_rule(name)


__all__ = [
    "RULES",
    "WHOLE_RULES",
    "AnyRule",
    "Rule",
    "WholeRule",
    "declared_rule",
    "find_rule",
    "reference",
    "rule",
    "settled",
    "whole_rule",
]

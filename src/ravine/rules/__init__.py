"""Optimizers, one a file. A new file in this folder that declares a rule is found by itself."""

from __future__ import annotations

import importlib
import pkgutil

from ravine.errors import ConfigError, unknown
from ravine.rules.rule import Rule, rule

RULES: dict[str, Rule] = {}
"""Every rule by name."""

for _module in pkgutil.iter_modules(__path__):
    for _value in vars(importlib.import_module(f"{__name__}.{_module.name}")).values():
        if isinstance(_value, Rule):
            RULES[_value.name] = _value
            # The rule takes the place of the module of the same name: ravine.rules.sgd is the optimizer.
            globals()[_value.function.__name__] = _value


def find_rule(name: str) -> Rule:
    """Return the rule called `name`; a name that does not exist is a `ConfigError` that suggests the nearest."""
    if name not in RULES:
        raise ConfigError(unknown("optimizer", name, RULES))
    return RULES[name]


__all__ = ["RULES", "Rule", "find_rule", "rule"]

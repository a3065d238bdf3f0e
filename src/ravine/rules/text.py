"""The text of a rule, as far as it decides what the rule computes."""

from __future__ import annotations

from ravine.rules.source import read_idle_form, read_rule
from ravine.rules.whole import AnyRule, WholeRule, function_text, read_whole


def texts(rule: AnyRule) -> list[str]:
    """Return the texts of a rule's functions without names of places, comments or docstrings."""
    if isinstance(rule, WholeRule):
        return [read_whole(rule)]
    bodies = [body.text for body in (read_rule(rule), read_idle_form(rule)) if body is not None]
    return bodies if rule.evaluated_form is None else [*bodies, function_text(rule.evaluated_form)]

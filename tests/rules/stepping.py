"""One step of a rule, from its declaration."""

from __future__ import annotations

from typing import Any

from ravine.rules import Rule


def step(rule: Rule, g: Any, w: Any, t: int, slots: dict[str, Any], hyper: dict[str, float]) -> tuple[Any, dict]:
    """Return what to subtract from w, and the slots afterwards."""
    known = {"g": g, "w": w, "t": t, **slots}
    result = rule(*(known[name] for name in rule.arguments), **hyper)
    change, *new = result if isinstance(result, tuple) else (result,)
    return change, dict(zip(rule.slots, new, strict=True))

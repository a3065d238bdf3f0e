"""Is a rule what it says it is? The checks that ravine's own rules pass, for any rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from ravine.conformance import declared, trained, whole
from ravine.conformance.finding import Finding, Outcome, failed, left_out
from ravine.conformance.twins import twin
from ravine.errors import ConfigError
from ravine.rules import AnyRule, Rule, WholeRule

Check = Callable[[Rule], Finding]

DECLARED: dict[str, Check] = {
    "hyper-parameters": declared.bounds,
    "shapes and dtypes": declared.shapes,
    "zero gradient": declared.zero_gradient,
    "idle form": declared.idle_form,
    "finite": declared.finite,
    "descent": declared.descent,
}
"""Checks of a rule's function alone."""

TRAINED: dict[str, Check] = {
    "engines agree, float64": trained.same_in_double,
    "engines agree, float32": trained.same_in_single,
    "repeatable": trained.repeated,
    "resume": trained.resumed,
}
"""Checks that train with it; the first of each dtype compiles it."""

LIBRARIES = ("torch", "optax")

WHOLE: dict[str, Callable[[WholeRule], Finding]] = {
    "text": whole.text,
    "hyper-parameters": declared.bounds,
    "shapes and dtypes": whole.shapes,
    "inputs": whole.inputs,
    "finite": whole.finite,
    "descent": whole.descent,
}
"""Checks of the function of a rule of whole matrices."""

WHOLE_TRAINED: dict[str, Callable[[WholeRule], Finding]] = {"repeatable": whole.repeated, "resume": whole.resumed}
"""Checks that train with it, on the one engine that there is."""


def check_rule(rule: AnyRule, speed: bool = True) -> Iterator[Finding]:
    """Check a rule, and yield each finding as soon as it is there.

    A rule whose text cannot be read is checked no further.

    >>> from ravine.rules import sgd
    >>> next(check_rule(sgd)).detail
    '1 line, 0 slots'
    """
    if isinstance(rule, WholeRule):
        yield from _check(rule, WHOLE, WHOLE_TRAINED, whole.speed if speed else None)
        return
    first = declared.text(rule)
    yield first
    if first.outcome != "failed":
        yield from _check(rule, DECLARED, TRAINED, trained.speed if speed else None)


R = TypeVar("R", Rule, WholeRule)


def _check(
    rule: R,
    alone: Mapping[str, Callable[[R], Finding]],
    training: Mapping[str, Callable[[R], Finding]],
    speed: Callable[[R], Finding] | None,
) -> Iterator[Finding]:
    sound = True
    for name, check in alone.items():
        finding = _guarded(name, check, rule)
        sound = sound and finding.outcome != "failed"
        yield finding
    for library in LIBRARIES:
        yield twin(rule, library)
    for name, check in training.items():
        yield _guarded(name, check, rule) if sound else left_out(name, "mend the failures above first")
    if speed is not None and sound:
        yield _guarded("speed", speed, rule)


def _guarded(name: str, check: Callable[[R], Finding], rule: R) -> Finding:
    """Make a check; whatever the rule's own code raises is its failure."""
    try:
        return check(rule)
    except ConfigError as error:
        return failed(name, str(error), "Change what it names.")
    except Exception as error:
        fault = str(error).strip().partition("\n")[0]
        return failed(name, f"{type(error).__name__}: {fault}", f"Look at {rule.function.__name__} in its file.")


__all__ = ["DECLARED", "LIBRARIES", "TRAINED", "WHOLE", "WHOLE_TRAINED", "Finding", "Outcome", "check_rule"]

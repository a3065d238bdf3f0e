"""Is a rule what it says it is? The checks that ravine's own rules pass, for any rule."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from ravine.conformance import declared, trained, whole
from ravine.conformance.conformance import Conformance
from ravine.conformance.finding import Finding, Outcome, failed, left_out, read_anew
from ravine.conformance.twins import twin
from ravine.errors import ConfigError
from ravine.optimizers import AnyRule, Rule, WholeRule, declared_rule, find_rule

Check = Callable[[Rule], Finding]

DECLARED: dict[str, Check] = {
    "hyper-parameters": declared.bounds,
    "shapes and dtypes": declared.shapes,
    "zero gradient": declared.zero_gradient,
    "idle form": declared.idle_form,
    "evaluated weights": declared.evaluated,
    "finite": declared.finite,
    "descent": declared.descent,
}
"""Checks of a rule's function alone."""

TRAINED: dict[str, Check] = {
    "numbers of the step": trained.same_numbers,
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
    "layers": whole.layers,
    "finite": whole.finite,
    "descent": whole.descent,
}
"""Checks of the function of a rule of whole matrices."""

WHOLE_TRAINED: dict[str, Callable[[WholeRule], Finding]] = {"repeatable": whole.repeated, "resume": whole.resumed}
"""Checks that train with it, on the one engine that there is."""


def check_rule(rule: AnyRule, speed: bool = True) -> Iterator[Finding]:
    """Check a rule, and yield each finding as soon as it is there.

    A rule whose text cannot be read is checked no further.

    >>> from ravine.optimizers import sgd
    >>> next(check_rule(sgd)).detail
    '1 line, 0 slots'
    """
    read_anew()
    if isinstance(rule, WholeRule):
        yield from _check(rule, WHOLE, WHOLE_TRAINED, whole.speed if speed else None)
        return
    first = declared.text(rule)
    yield first
    if first.outcome != "failed":
        yield from _check(rule, DECLARED, TRAINED, trained.speed if speed else None)


def check_optimizer(optimizer: str | AnyRule, *, speed: bool = True) -> Conformance:
    """Check an optimizer by the tests that ravine's own pass: `ravine check-optimizer` in Python.

    Args:
        optimizer: a rule, a name, or a file as "my_rule.py:my_rule", which is run.
        speed: whether to time its steps beside those of sgd.

    >>> check_optimizer("signsgd", speed=False).passed
    True
    """
    rule = find_rule(optimizer) if isinstance(optimizer, str) else declared_rule(optimizer)
    return Conformance(rule.name, rule.summary, tuple(check_rule(rule, speed)))


R = TypeVar("R", Rule, WholeRule)


def _check(
    rule: R,
    alone: Mapping[str, Callable[[R], Finding]],
    training: Mapping[str, Callable[[R], Finding]],
    speed: Callable[[R], Finding] | None,
) -> Iterator[Finding]:
    sound = runs = True
    for name, check in alone.items():
        try:
            finding = check(rule) if runs else left_out(name, "mend the fault above first")
        except ConfigError as error:
            finding, runs = _fault(name, error), False
        sound = sound and finding.outcome != "failed"
        # What is not finite would fail all that follows, too.
        runs = runs and not (name == "finite" and finding.outcome == "failed")
        yield finding
    for library in LIBRARIES:
        if runs:
            yield _guarded(f"same as in {library}", functools.partial(twin, library=library), rule)
    for name, check in training.items():
        yield _guarded(name, check, rule) if sound else left_out(name, "mend the failures above first")
    if speed is not None and sound:
        yield _guarded("speed", speed, rule)


def _guarded(name: str, check: Callable[[R], Finding], rule: R) -> Finding:
    try:
        return check(rule)
    except ConfigError as error:
        return _fault(name, error)


def _fault(check: str, error: ConfigError) -> Finding:
    """Return the failure of a check in which the rule's own code raised."""
    mend = (
        "A rule must take any finite gradients, weights and state, at every step."
        if error.__cause__
        else "Do as it says."
    )
    return failed(check, str(error), mend)


__all__ = [
    "DECLARED",
    "LIBRARIES",
    "TRAINED",
    "WHOLE",
    "WHOLE_TRAINED",
    "Conformance",
    "Finding",
    "Outcome",
    "check_optimizer",
    "check_rule",
]

"""Is an optimizer what it says it is? The checks that ravine's own optimizers pass, for any optimizer."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence

from ravine.conformance import comparable, declared, matrices, trained
from ravine.conformance.conformance import Conformance
from ravine.conformance.finding import Finding, Outcome, failed, left_out
from ravine.conformance.references import same_as
from ravine.errors import ConfigError
from ravine.formulas.compose import with_stages
from ravine.formulas.optimizer import Optimizer
from ravine.formulas.shelves import OPTIMIZERS, STAGES
from ravine.formulas.stage import Stage

Check = Callable[[Optimizer], Finding]

COMPARED: dict[str, Check] = {"search space": comparable.search_space, "contains": comparable.contains}
"""Checks of what a comparison relies on."""

DECLARED: dict[str, Check] = {
    "hyper-parameters": declared.bounds,
    "shapes and dtypes": declared.shapes,
    "zero gradient": declared.zero_gradient,
    "lazy update": declared.lazy_update,
    "evaluated weights": declared.evaluated,
    "finite": declared.finite,
    "descent": declared.descent,
}
"""Checks of a formula alone."""

TRAINED: dict[str, Check] = {
    "numbers of the step": trained.same_numbers,
    "engines agree, float64": trained.same_in_double,
    "engines agree, float32": trained.same_in_single,
    "repeatable": trained.repeated,
    "resume": trained.resumed,
    **COMPARED,
}
"""Checks that train with it; the first of each dtype compiles it."""

LIBRARIES = ("torch", "optax")

MATRIX: dict[str, Check] = {
    "text": matrices.text,
    "hyper-parameters": declared.bounds,
    "shapes and dtypes": matrices.shapes,
    "inputs": matrices.inputs,
    "layers": matrices.layers,
    "finite": matrices.finite,
    "descent": matrices.descent,
}
"""Checks of the function of a matrix optimizer."""

MATRIX_TRAINED: dict[str, Check] = {"repeatable": matrices.repeated, "resume": matrices.resumed, **COMPARED}
"""Checks that train with it; its steps are the same in both engines."""


def findings_of(optimizer: Optimizer, speed: bool = True) -> Iterator[Finding]:
    """Check an optimizer, and yield each finding as soon as it is there.

    If the text of the optimizer cannot be read, this is the only finding.

    >>> from ravine.optimizers.sgd import sgd
    >>> next(findings_of(sgd)).detail
    '1 line, 0 slots'
    """
    if optimizer.formula is None:
        yield from _check(optimizer, MATRIX, MATRIX_TRAINED, matrices.speed if speed else None)
        return
    first = declared.text(optimizer)
    yield first
    if first.outcome != "failed":
        timed = trained.speed if optimizer.formula.compiles else matrices.speed
        yield from _check(optimizer, DECLARED, TRAINED, timed if speed else None)


def check_optimizer(
    optimizer: str | Optimizer, *, stages: Sequence[str | Stage] = (), speed: bool = True
) -> Conformance:
    """Put an optimizer through the checks that ravine's own pass: `ravine check-optimizer` in Python.

    Args:
        optimizer: an optimizer, a name, or a file such as "my_rule.py:my_rule", which ravine runs.
        stages: stages, names or files. They are checked with the optimizer, as one.
        speed: whether to time its steps beside those of sgd.

    >>> check_optimizer("signsgd", speed=False).passed
    True
    >>> check_optimizer("sgd", stages=["clip_value"], speed=False).name
    'sgd with clip_value'
    """
    name, summary, found = checked(optimizer, stages)
    return Conformance(name, summary, tuple(findings_of(found, speed)))


def checked(optimizer: str | Optimizer, stages: Sequence[str | Stage] = ()) -> tuple[str, str, Optimizer]:
    """Return the name and the summary that a table of findings has, and the optimizer with the stages."""
    base, found = OPTIMIZERS.find(optimizer), [STAGES.find(stage) for stage in stages]
    if not found:
        return base.name, base.summary, base
    names = ", ".join(stage.name for stage in found)
    return f"{base.name} with {names}", " ".join(stage.summary for stage in found), with_stages(base, {}, found)


def _check(
    optimizer: Optimizer,
    alone: Mapping[str, Check],
    training: Mapping[str, Check],
    speed: Check | None,
) -> Iterator[Finding]:
    sound = runs = True
    for name, check in alone.items():
        try:
            finding = check(optimizer) if runs else left_out(name, "correct the failure above first")
        except ConfigError as error:
            finding, runs = _fault(name, error), False
        sound = sound and finding.outcome != "failed"
        # Numbers that are not finite would fail all later checks, too.
        runs = runs and not (name == "finite" and finding.outcome == "failed")
        yield finding
    for library in LIBRARIES:
        if runs:
            yield _guarded(f"same as in {library}", functools.partial(same_as, library=library), optimizer)
    for name, check in training.items():
        yield _guarded(name, check, optimizer) if sound else left_out(name, "correct the failures above first")
    if speed is not None and sound:
        yield _guarded("speed", speed, optimizer)


def _guarded(name: str, check: Check, optimizer: Optimizer) -> Finding:
    try:
        return check(optimizer)
    except ConfigError as error:
        return _fault(name, error)


def _fault(check: str, error: ConfigError) -> Finding:
    """Return the failure of a check in which the optimizer's own code raised."""
    mend = (
        "An optimizer must take any finite gradients, weights and state, at every step."
        if error.__cause__
        else "Do as it says."
    )
    return failed(check, str(error), mend)


__all__ = [
    "COMPARED",
    "DECLARED",
    "LIBRARIES",
    "MATRIX",
    "MATRIX_TRAINED",
    "TRAINED",
    "Conformance",
    "Finding",
    "Outcome",
    "check_optimizer",
    "checked",
    "findings_of",
]

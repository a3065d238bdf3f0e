"""Checks of a formula alone: what it declares must be true, and what it computes must be usable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ravine.arrays import Array
from ravine.conformance.finding import (
    GUARD,
    Finding,
    State,
    advance,
    at_ends,
    failed,
    left_out,
    passed,
    settings,
    started,
    step,
)
from ravine.errors import ConfigError
from ravine.formulas.formula import Formula
from ravine.formulas.intervals import contains, ends
from ravine.formulas.not_finite import fault_of_numbers
from ravine.formulas.optimizer import Optimizer
from ravine.formulas.precision import check_precision
from ravine.spec import check_names
from ravine.words import several

COUNT = 64
MISSED = (1, 2, 3, 17, 1500)
STEPS = 1000
LATE = (100, 10_000, 1_000_000)
"""Steps late in a run, at which numbers that depend on the step alone, such as beta**t, must be finite too."""


def formula_of(optimizer: Optimizer) -> Formula:
    """Return the formula of an optimizer that has one."""
    assert optimizer.formula is not None
    return optimizer.formula


def text(optimizer: Optimizer) -> Finding:
    """Check that the text is of the form that both engines can run."""
    formula = formula_of(optimizer)
    try:
        body = formula.body()
        formula.lazy_body()
    except ConfigError as error:
        return failed("text", str(error), "Change that line as it says.")
    lines = len(body.assignments) + 1
    return passed("text", f"{several(lines, 'line')}, {several(len(formula.slots), 'slot')}")


def bounds(optimizer: Optimizer) -> Finding:
    """Check that both dtypes have the defaults, and that values beyond each bound, and infinite ones, are refused."""
    check = "hyper-parameters"
    check_names(optimizer)
    given = settings(optimizer)
    for name in optimizer.defaults:
        interval = optimizer.bounds.get(name, "(-inf, inf)")
        low, high = ends(interval)
        beyond = [low - 1, high + 1, *([low] if interval[0] == "(" else []), *([high] if interval[-1] == ")" else [])]
        for value in [*beyond, np.nan, np.inf, -np.inf]:
            if _accepts(optimizer, {**given, name: float(value)}):
                return failed(
                    check, f"{name} = {value:g} is accepted", f"Declare its interval in bounds={{'{name}': ...}}."
                )
    for dtype in ("float32", "float64"):
        try:
            check_precision(optimizer, given, dtype)
        except ConfigError as error:
            return failed(check, str(error), f"Give it a default that {dtype} has.")
    free = [name for name in optimizer.defaults if name not in optimizer.bounds and optimizer.kinds[name] != "flag"]
    told = f"; without bounds: {', '.join(free)}" if free else ""
    return passed(check, f"{len(optimizer.defaults)}, refused beyond their bounds{told}")


def _accepts(optimizer: Optimizer, hyper: Mapping[str, float]) -> bool:
    try:
        optimizer.hyperparameters(hyper)
    except ConfigError:
        return False
    return True


def shapes(optimizer: Optimizer) -> Finding:
    """Check that the step and the slots are numbers in the shape of the weights, in single and double precision."""
    check, formula = "shapes and dtypes", formula_of(optimizer)
    for dtype in (np.float32, np.float64):
        g, w, state = _state(optimizer, dtype, settings(optimizer))
        slots = {slot: state[f"{slot}.0"] for slot in formula.slots}
        one = dtype(1)
        given = {"g": g, "w": w, "t": 3.0, "noise": np.zeros_like(w), **slots}
        given |= dict.fromkeys(("norm", "layer_norm", "weight_norm"), one)
        change, after = formula.taker()(given, settings(optimizer))
        for name, value in {"the step": change, **after}.items():
            found = np.asarray(value)
            if found.shape not in (w.shape, ()):
                return failed(check, f"{name} has shape {found.shape} for weights of shape {w.shape}", "Use no sums.")
            if found.dtype.kind not in "fiu":
                return failed(
                    check,
                    f"{name} is {found.dtype} and not a number",
                    "Write np.where(condition, 1.0, 0.0) for the number of a condition.",
                )
    return passed(check, "numbers in the shape of the weights, in float32 and float64")


def evaluated(optimizer: Optimizer) -> Finding:
    """Check that the evaluated weights are finite numbers in the shape of the weights, at any step."""
    check, hyper = "evaluated weights", settings(optimizer)
    if not optimizer.evaluates_others:
        return left_out(check, "the trained weights are evaluated")
    for dtype in (np.float32, np.float64):
        w: Array = np.random.default_rng(7).normal(size=COUNT).astype(dtype)
        state, start = started(optimizer, w, hyper), w
        for t in range(21):
            if t:
                w, state = advance(optimizer, (0.1 * w).astype(dtype), w, t, state, hyper)
            seen = optimizer.evaluate([w], state, t, [hyper])[0]
            if not np.isfinite(seen).all():
                return failed(check, f"they are not finite after {t} steps", "Guard each division; t is 0 at first.")
            if t == 0 and not np.array_equal(seen, start):
                return failed(check, "before the first step they are not the initial weights", "Return w where t is 0.")
    return passed(check, "finite and in the shape of the weights, before the first step and after each of 20")


def zero_gradient(optimizer: Optimizer) -> Finding:
    """Check the claim of `inert`; if the optimizer does not make it but could, say so."""
    check, formula = "zero gradient", formula_of(optimizer)
    for hyper in _corners(optimizer):
        _, w, state = _state(optimizer, np.float64, hyper)
        for t in range(1, 1001):
            change, after = step(optimizer, np.zeros(COUNT), w, t, state, hyper)
            moved = [slot for slot in formula.slots if not np.array_equal(after[f"{slot}.0"], state[f"{slot}.0"])]
            moved += ["w"] if np.any(np.asarray(change) != 0) else []
            if moved and formula.inert:
                return failed(
                    check,
                    f"inert=True, but a zero gradient changes {', '.join(moved)} at step {t}",
                    "Leave out inert=True, or declare a lazy update.",
                )
            if moved:
                kind = "a lazy update says how" if formula.lazy else "so every weight is visited at every step"
                return passed(check, f"changes {', '.join(moved)}; {kind}")
    if formula.inert or formula.lazy:
        return passed(check, "changes nothing")
    return passed(check, "changes nothing: declare inert=True, and rows without a gradient are skipped")


def lazy_update(optimizer: Optimizer) -> Finding:
    """Check that the lazy update of n steps is the same as n real steps with zero gradient."""
    check, formula = "lazy update", formula_of(optimizer)
    if formula.lazy is None:
        return left_out(check, "none declared")
    worst = 0.0
    for hyper in _corners(optimizer):
        _, w, state = _state(optimizer, np.float64, hyper)
        total, after = np.zeros(COUNT), state
        for t in range(1, max(MISSED) + 1):
            change, after = step(optimizer, np.zeros(COUNT), w - total, t, after, hyper)
            total = total + change
            if t not in MISSED:
                continue
            closed, slots = formula.closed(w, {slot: state[f"{slot}.0"] for slot in formula.slots}, t, hyper)
            pairs = {"step": (closed, total), **{slot: (slots[slot], after[f"{slot}.0"]) for slot in formula.slots}}
            for name, (one, other) in pairs.items():
                # A step far smaller than the round-off of the weight is lost when it is subtracted.
                error = _difference(np.broadcast_to(one, COUNT), other, 1e-3 * np.abs(w) if name == "step" else 0.0)
                worst = max(worst, error)
                if not error < 1e-9:
                    chosen = ", ".join(f"{key}={value:g}" for key, value in hyper.items())
                    return failed(
                        check,
                        f"after {t} steps with zero gradient {name} is off by {error:.1e} of itself (with {chosen})",
                        "The function lazy= must return the sum of the n steps, then the slots after them.",
                    )
    return passed(check, f"{', '.join(map(str, MISSED))} steps; largest difference {worst:.0e}")


def finite(optimizer: Optimizer) -> Finding:
    """Check that zero, tiny and huge gradients leave the weights finite, early in a run and late.

    Zero gradients must do so at the ends of each hyper-parameter's bounds too.
    """
    check = "finite"
    for dtype, sizes in ((np.float32, (0.0, 1e-30, 1e15)), (np.float64, (0.0, 1e-200, 1e120))):
        for size in sizes:
            g = np.linspace(-size, size, COUNT).astype(dtype)
            w = np.linspace(-1, 1, COUNT).astype(dtype)
            state = started(optimizer, w, settings(optimizer))
            for t in [*range(1, 21), *LATE]:
                w, state = advance(optimizer, g, w, t, state, settings(optimizer))
                if not np.isfinite(w).all():
                    told = f"gradients up to {size:g} in {np.dtype(dtype)} give weights that are not finite at step {t}"
                    usual = (told, GUARD)
                    return failed(check, *(fault_of_numbers(formula_of(optimizer), t, settings(optimizer)) or usual))
    zeros, start = np.zeros(COUNT), np.linspace(-1, 1, COUNT)
    for place, hyper in at_ends(optimizer):
        w, state = start, started(optimizer, start, hyper)
        for t in range(1, 9):
            w, state = advance(optimizer, zeros, w, t, state, hyper)
        if not np.isfinite(w).all():
            usual = ("gradients of zero give weights that are not finite", GUARD)
            told, mend = fault_of_numbers(formula_of(optimizer), t, hyper) or usual
            return failed(check, f"at {place}, which its bounds allow, {told}", f"{mend} Or narrow the bounds.")
    late = ", ".join(f"{t:,}" for t in LATE)
    return passed(check, f"after 20 steps with zero, tiny and huge gradients, and at steps {late}")


def descent(optimizer: Optimizer) -> Finding:
    """Check that it descends on a convex quadratic at some learning rate."""
    check = "descent"
    given, own = settings(optimizer), settings(optimizer)["lr"]
    still = _quadratic(optimizer, {**given, "lr": 0.0}, 5)
    if not np.isfinite(still):
        return failed(check, "at lr = 0 the weights are not finite", GUARD)
    if still != _quadratic(optimizer, given, 0):
        return failed(check, "it moves at lr = 0", "Multiply the step by lr.")
    rates = sorted({own, *(10.0**k for k in np.arange(-4.0, 1.01, 0.5))})
    allowed = [rate for rate in rates if contains(optimizer.bounds["lr"], rate)]
    start = _quadratic(optimizer, given, 0)
    final = {rate: _quadratic(optimizer, {**given, "lr": rate}, STEPS) for rate in allowed}
    best = min(final, key=lambda rate: final[rate])
    share = final[best] / start
    if not share < 0.01:
        return failed(
            check,
            f"{STEPS} steps on a convex quadratic leave {share:.0%} of the loss at the best of {len(allowed)} rates",
            "ravine subtracts the step: it must not be 0, and must point along the gradient and not against it.",
        )
    return passed(check, f"{STEPS} steps on a quadratic leave {share:.0e} of the loss at lr {best:g}")


def _quadratic(optimizer: Optimizer, hyper: Mapping[str, float], steps: int) -> float:
    """Return the loss sum(h w^2) / 2, h from 0.1 to 1, after some steps without noise; infinity if it is not finite."""
    h: Array = np.geomspace(0.1, 1, COUNT)
    w: Array = np.linspace(-1, 1, COUNT)
    state = started(optimizer, w, hyper)
    for t in range(1, steps + 1):
        w, state = advance(optimizer, h * w, w, t, state, hyper, noisy=False)
    with np.errstate(all="ignore"):
        loss = float((h * w**2).sum() / 2)
    return loss if np.isfinite(loss) else np.inf


def _state(optimizer: Optimizer, dtype: Any, hyper: Mapping[str, float]) -> tuple[Array, Array, State]:
    """Return a gradient, weights and a state as they are after some steps."""
    rng = np.random.default_rng(7)
    w = rng.normal(size=COUNT).astype(dtype)
    state = started(optimizer, w, hyper)
    for t in range(1, 4):
        w, state = advance(optimizer, rng.normal(size=COUNT).astype(dtype), w, t, state, hyper)
    return rng.normal(size=COUNT).astype(dtype), w, state


def _corners(optimizer: Optimizer) -> list[dict[str, float]]:
    """Return the defaults, and for each bounded hyper-parameter its ends, or near them where they are open."""
    first = settings(optimizer)
    cases = [first, *({**first, name: 1 - first[name]} for name, kind in optimizer.kinds.items() if kind == "flag")]
    for name, interval in optimizer.bounds.items():
        low, high = ends(interval)
        above, below = (1, 1) if optimizer.kinds[name] == "whole number" else (1e-6, 1e-3)
        if np.isfinite(low):
            cases.append({**first, name: low if interval[0] == "[" else low + above})
        if np.isfinite(high):
            cases.append({**first, name: high if interval[-1] == "]" else high - below})
    return cases


def _difference(one: Array, other: Array, least: Any) -> float:
    """Return the largest |one - other| relative to |other|, `least` or a share of the largest |other|."""
    scale = np.maximum(np.maximum(np.abs(other), least), 1e-300 + 1e-12 * np.abs(other).max(initial=0))
    return float((np.abs(one - other) / scale).max(initial=0))

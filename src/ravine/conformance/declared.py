"""Checks of a rule's function alone: what it declares must be true, and what it computes must be usable."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from ravine.arrays import Array
from ravine.conformance.finding import GUARD, Finding, Slots, advance, at_rest, failed, left_out, passed, settings, step
from ravine.engines.engine import in_evaluated_form
from ravine.errors import ConfigError, several
from ravine.formulas.intervals import contains, ends
from ravine.formulas.precision import check_precision
from ravine.formulas.source import read_idle_form, read_rule
from ravine.formulas.stepping import as_ieee, fault_of_numbers
from ravine.optimizers import AnyRule, Rule
from ravine.spec import check_names

COUNT = 64
IDLE = (1, 2, 3, 17, 1500)
STEPS = 1000
LATE = (100, 10_000, 1_000_000)
"""Steps late in a run, at which numbers of the step alone, such as beta**t, must be sound too."""


def text(rule: Rule) -> Finding:
    """Check that the rule's text is of the form that both engines can run."""
    try:
        body = read_rule(rule)
        read_idle_form(rule)
    except ConfigError as error:
        return failed("text", str(error), "Change that line as it says.")
    lines = len(body.assignments) + 1
    return passed("text", f"{several(lines, 'line')}, {several(len(rule.slots), 'slot')}")


def bounds(rule: AnyRule) -> Finding:
    """Check that both dtypes have the defaults, and that values beyond each bound, and infinite ones, are refused."""
    check = "hyper-parameters"
    check_names(rule)
    given = settings(rule)
    for name in rule.defaults:
        interval = rule.bounds.get(name, "(-inf, inf)")
        low, high = ends(interval)
        beyond = [low - 1, high + 1, *([low] if interval[0] == "(" else []), *([high] if interval[-1] == ")" else [])]
        for value in [*beyond, np.nan, np.inf, -np.inf]:
            if _accepts(rule, {**given, name: float(value)}):
                return failed(
                    check, f"{name} = {value:g} is accepted", f"Declare its interval in bounds={{'{name}': ...}}."
                )
    for dtype in ("float32", "float64"):
        try:
            check_precision(rule, given, dtype)
        except ConfigError as error:
            return failed(check, str(error), f"Give it a default that {dtype} has.")
    free = [name for name in rule.defaults if name not in rule.bounds and rule.kinds[name] != "flag"]
    told = f"; without bounds: {', '.join(free)}" if free else ""
    return passed(check, f"{len(rule.defaults)}, refused beyond their bounds{told}")


def _accepts(rule: AnyRule, hyper: Mapping[str, float]) -> bool:
    try:
        rule.hyperparameters(hyper)
    except ConfigError:
        return False
    return True


def shapes(rule: Rule) -> Finding:
    """Check that the step and the slots are numbers in the shape of the weights, in single and double precision."""
    check = "shapes and dtypes"
    for dtype in (np.float32, np.float64):
        g, w, slots = _state(rule, dtype, settings(rule))
        change, after = step(rule, g, w, 3, slots, settings(rule))
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


def evaluated(rule: Rule) -> Finding:
    """Check that the weights which are evaluated are finite numbers in the shape of the weights, at any time."""
    check = "evaluated weights"
    if rule.evaluated_form is None:
        return left_out(check, "those that are trained")
    for dtype in (np.float32, np.float64):
        w: Array = np.random.default_rng(7).normal(size=COUNT).astype(dtype)
        slots, start = at_rest(rule, w), w
        for t in range(21):
            if t:
                w, slots = advance(rule, (0.1 * w).astype(dtype), w, t, slots, settings(rule))
            seen = in_evaluated_form(rule, w, slots, t, settings(rule))
            if not np.isfinite(seen).all():
                return failed(check, f"they are not finite after {t} steps", "Guard each division; t is 0 at first.")
            if t == 0 and not np.array_equal(seen, start):
                return failed(check, "before the first step they are others than the start", "Return w where t is 0.")
    return passed(check, "finite and in the shape of the weights, before the first step and after each of 20")


def zero_gradient(rule: Rule) -> Finding:
    """Check the claim of `inert`, and tell where it could be made."""
    check = "zero gradient"
    for hyper in _corners(rule):
        _, w, slots = _state(rule, np.float64, hyper)
        for t in range(1, 1001):
            change, after = step(rule, np.zeros(COUNT), w, t, slots, hyper)
            moved = [name for name in rule.slots if not np.array_equal(after[name], slots[name])]
            moved += ["w"] if np.any(np.asarray(change) != 0) else []
            if moved and rule.inert:
                return failed(
                    check,
                    f"inert=True, but a zero gradient changes {', '.join(moved)} at step {t}",
                    "Leave out inert=True, or declare the closed form of idle steps.",
                )
            if moved:
                kind = "an idle form says how" if rule.idle_form else "so every weight is visited at every step"
                return passed(check, f"changes {', '.join(moved)}; {kind}")
    if rule.inert or rule.idle_form:
        return passed(check, "changes nothing")
    return passed(check, "changes nothing: declare inert=True, and rows without a gradient are skipped")


def idle_form(rule: Rule) -> Finding:
    """Check that the closed form of n idle steps is n real steps without a gradient."""
    check = "idle form"
    form = rule.idle_form
    if form is None:
        return left_out(check, "none declared")
    keywords = [p.name for p in inspect.signature(form).parameters.values() if p.kind is p.KEYWORD_ONLY]
    positional = [name for name in inspect.signature(form).parameters if name not in keywords]
    worst = 0.0
    for hyper in _corners(rule):
        _, w, slots = _state(rule, np.float64, hyper)
        total, after = np.zeros(COUNT), slots
        for t in range(1, max(IDLE) + 1):
            change, after = step(rule, np.zeros(COUNT), w - total, t, after, hyper)
            total = total + change
            if t not in IDLE:
                continue
            known = {"w": w, "n": t, **slots}
            with np.errstate(all="ignore"), rule.telling_faults():
                closed = as_ieee(form)(
                    *(known[name] for name in positional), **{name: hyper[name] for name in keywords}
                )
            closed = closed if isinstance(closed, tuple) else (closed,)
            for name, one, other in zip(("step", *rule.slots), closed, (total, *after.values()), strict=True):
                # A step far smaller than the round-off of the weight is lost when it is subtracted.
                error = _difference(np.broadcast_to(one, COUNT), other, 1e-3 * np.abs(w) if name == "step" else 0.0)
                worst = max(worst, error)
                if not error < 1e-9:
                    chosen = ", ".join(f"{key}={value:g}" for key, value in hyper.items())
                    return failed(
                        check,
                        f"after {t} idle steps {name} is off by {error:.1e} of itself (with {chosen})",
                        f"@{rule.name}.idle must return the sum of the n steps, then the slots after them.",
                    )
    return passed(check, f"{', '.join(map(str, IDLE))} steps; largest difference {worst:.0e}")


def finite(rule: Rule) -> Finding:
    """Check that zero, tiny and huge gradients leave the weights finite, early in a run and late."""
    check = "finite"
    for dtype, sizes in ((np.float32, (0.0, 1e-30, 1e15)), (np.float64, (0.0, 1e-200, 1e120))):
        for size in sizes:
            g = np.linspace(-size, size, COUNT).astype(dtype)
            w = np.linspace(-1, 1, COUNT).astype(dtype)
            slots = at_rest(rule, w)
            for t in [*range(1, 21), *LATE]:
                w, slots = advance(rule, g, w, t, slots, settings(rule))
                if not np.isfinite(w).all():
                    told = f"gradients up to {size:g} in {np.dtype(dtype)} give weights that are not finite at step {t}"
                    usual = (told, GUARD)
                    return failed(check, *(fault_of_numbers(rule, t, settings(rule)) or usual))
    late = ", ".join(f"{t:,}" for t in LATE)
    return passed(check, f"after 20 steps with zero, tiny and huge gradients, and at steps {late}")


def descent(rule: Rule) -> Finding:
    """Check that the rule comes down a convex quadratic at some learning rate."""
    check = "descent"
    given, own = settings(rule), settings(rule)["lr"]
    still = _quadratic(rule, {**given, "lr": 0.0}, 5)
    if not np.isfinite(still):
        return failed(check, "at lr = 0 the weights are not finite", GUARD)
    if still != _quadratic(rule, given, 0):
        return failed(check, "it moves at lr = 0", "Multiply the step by lr.")
    rates = sorted({own, *(10.0**k for k in np.arange(-4.0, 1.01, 0.5))})
    allowed = [rate for rate in rates if contains(rule.bounds["lr"], rate)]
    start = _quadratic(rule, given, 0)
    final = {rate: _quadratic(rule, {**given, "lr": rate}, STEPS) for rate in allowed}
    best = min(final, key=lambda rate: final[rate])
    share = final[best] / start
    if not share < 0.01:
        return failed(
            check,
            f"{STEPS} steps on a convex quadratic leave {share:.0%} of the loss at the best of {len(allowed)} rates",
            "The step is what is subtracted: it must not be 0, and point along the gradient and not against it.",
        )
    return passed(check, f"{STEPS} steps on a quadratic leave {share:.0e} of the loss at lr {best:g}")


def _quadratic(rule: Rule, hyper: Mapping[str, float], steps: int) -> float:
    """Return the loss sum(h w^2) / 2, h from 0.1 to 1, after some steps without noise; infinity if it is not finite."""
    h: Array = np.geomspace(0.1, 1, COUNT)
    w: Array = np.linspace(-1, 1, COUNT)
    slots = at_rest(rule, w)
    for t in range(1, steps + 1):
        w, slots = advance(rule, h * w, w, t, slots, hyper, noisy=False)
    with np.errstate(all="ignore"):
        loss = float((h * w**2).sum() / 2)
    return loss if np.isfinite(loss) else np.inf


def _state(rule: Rule, dtype: Any, hyper: Mapping[str, float]) -> tuple[Array, Array, Slots]:
    """Return a gradient, weights and slots as they are after some steps."""
    rng = np.random.default_rng(7)
    w = rng.normal(size=COUNT).astype(dtype)
    slots = at_rest(rule, w)
    for t in range(1, 4):
        w, slots = advance(rule, rng.normal(size=COUNT).astype(dtype), w, t, slots, hyper)
    w = w.astype(dtype)
    slots = {name: np.broadcast_to(value, w.shape).astype(dtype) for name, value in slots.items()}
    return rng.normal(size=COUNT).astype(dtype), w, slots


def _corners(rule: Rule) -> list[dict[str, float]]:
    """Return the defaults, and for each bounded hyper-parameter its ends, or near them where they are open."""
    first = settings(rule)
    cases = [first, *({**first, name: 1 - first[name]} for name, kind in rule.kinds.items() if kind == "flag")]
    for name, interval in rule.bounds.items():
        low, high = ends(interval)
        above, below = (1, 1) if rule.kinds[name] == "whole number" else (1e-6, 1e-3)
        if np.isfinite(low):
            cases.append({**first, name: low if interval[0] == "[" else low + above})
        if np.isfinite(high):
            cases.append({**first, name: high if interval[-1] == "]" else high - below})
    return cases


def _difference(one: Array, other: Array, least: Any) -> float:
    """Return the largest |one - other| relative to |other|, `least` or a share of the largest |other|."""
    scale = np.maximum(np.maximum(np.abs(other), least), 1e-300 + 1e-12 * np.abs(other).max(initial=0))
    return float((np.abs(one - other) / scale).max(initial=0))

"""What a check of a rule found."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ravine.arrays import Array
from ravine.formulas.intervals import contains, ends
from ravine.formulas.kinds import Kind
from ravine.formulas.noise import noise_for
from ravine.formulas.stepping import stepper
from ravine.optimizers import AnyRule, Rule

Outcome = Literal["passed", "failed", "left out"]


@dataclass(frozen=True)
class Finding:
    """The outcome of one check.

    Attributes:
        check: what was asked.
        outcome: "passed", "failed" or "left out".
        detail: what was seen, or why it was left out.
        mend: what to do about a failure.
    """

    check: str
    outcome: Outcome
    detail: str
    mend: str = ""

    def __str__(self) -> str:
        line = f"  {self.outcome:<8}  {self.check:<22}  {self.detail}"
        return f"{line}\n  {'':<8}  {'':<22}  {self.mend}" if self.mend else line


def passed(check: str, detail: str) -> Finding:
    """Return a finding that is good."""
    return Finding(check, "passed", detail)


def failed(check: str, detail: str, mend: str) -> Finding:
    """Return a finding with what to do about it."""
    return Finding(check, "failed", detail, mend)


def left_out(check: str, why: str) -> Finding:
    """Return the finding of a check that does not concern the rule, or cannot be made here."""
    return Finding(check, "left out", why)


GUARD = "Guard each division and root, as / (np.sqrt(v) + eps)."
"""What to do about weights that are not finite."""

Slots = dict[str, Array]


def step(
    rule: Rule, g: Array, w: Array, t: int, slots: Slots, hyper: Mapping[str, float], noisy: bool = True
) -> tuple[Any, Slots]:
    """Take a step as the reference engine does, or without its noise; return the step and the new slots."""
    with np.errstate(all="ignore"):
        norm = g.dtype.type(np.linalg.norm(g.astype(np.float64)))
    noise = noise_for([g], 0, t)()[0] if noisy and "noise" in rule.arguments else np.zeros_like(g)
    known = {"g": g, "w": w, "t": float(t), "norm": norm, "layer_norm": np.full_like(g, norm), "noise": noise, **slots}
    return _stepper(rule)(known, hyper)


_stepper = functools.lru_cache(maxsize=1)(stepper)
"""A check takes thousands of steps of one rule; `read_anew` forgets the last one's text."""
read_anew = _stepper.cache_clear


def advance(
    rule: Rule, g: Array, w: Array, t: int, slots: Slots, hyper: Mapping[str, float], noisy: bool = True
) -> tuple[Array, Slots]:
    """Return the weights and the slots after a step, with or without its noise."""
    change, after = step(rule, g, w, t, slots, hyper, noisy)
    with np.errstate(all="ignore"):
        return w - change, after


def at_rest(rule: Rule, like: Array) -> Slots:
    """Return the slots before the first step."""
    return {name: np.zeros_like(like) for name in rule.slots}


def settings(rule: AnyRule) -> dict[str, float]:
    """Return the rule's hyper-parameters: its defaults, and for those without one a small value that is allowed."""
    return rule.hyperparameters(
        {name: rule.example(name) for name, default in rule.defaults.items() if default is None}
    )


def moved(rule: AnyRule) -> dict[str, float]:
    """Return hyper-parameters that all differ from the defaults, within their bounds.

    An eps becomes so large that it matters where it stands. A whole number becomes the next one, and a flag its
    opposite.
    """
    return rule.hyperparameters(
        {
            name: _moved(value, rule.bounds.get(name, "(-inf, inf)"), rule.kinds[name])
            for name, value in settings(rule).items()
        }
    )


def _moved(default: float, interval: str, kind: Kind) -> float:
    if kind == "flag":
        return 1 - default
    if kind == "whole number":
        return default + 1 if contains(interval, default + 1) else max(default - 1, ends(interval)[0])
    low, high = ends(interval)
    if np.isfinite(high):
        middle = (low + high) / 2
        return (default + high) / 2 if default == middle else default + 0.2 * (middle - default)
    if np.isinf(low):
        return 0.7 * default + 0.1
    return low + 0.9 * float(np.sqrt(default - low)) if default > low else low + 0.1

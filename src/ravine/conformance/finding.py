"""Findings of checks, and helpers that several checks share."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ravine.arrays import Array
from ravine.formulas.intervals import contains, ends
from ravine.formulas.kinds import Kind
from ravine.formulas.optimizer import Optimizer

_BESIDE = 1e-3
"""How far from an end that is not allowed a hyper-parameter is tried."""

Outcome = Literal["passed", "failed", "left out"]


@dataclass(frozen=True)
class Finding:
    """The outcome of one check.

    Attributes:
        check: the name of the check.
        outcome: "passed", "failed" or "left out".
        detail: what the check saw, or why it was left out.
        mend: what to do about a failure.
    """

    check: str
    outcome: Outcome
    detail: str
    mend: str = ""

    @property
    def label(self) -> str:
        """The columns before the detail, when findings are printed below each other."""
        return f"  {self.outcome:<8}  {self.check:<22}  "

    def __str__(self) -> str:
        line = f"{self.label}{self.detail}"
        return f"{line}\n{' ' * len(self.label)}{self.mend}" if self.mend else line


def passed(check: str, detail: str) -> Finding:
    """Return the finding of a check that passed."""
    return Finding(check, "passed", detail)


def failed(check: str, detail: str, mend: str) -> Finding:
    """Return the finding of a check that failed, with what to do about it."""
    return Finding(check, "failed", detail, mend)


def left_out(check: str, why: str) -> Finding:
    """Return the finding of a check that does not concern the optimizer, or cannot be made here."""
    return Finding(check, "left out", why)


GUARD = "Guard each division and root, as / (np.sqrt(v) + eps)."
"""What to do about weights that are not finite."""

State = dict[str, Array]


def started(optimizer: Optimizer, w: Array, hyper: Mapping[str, float]) -> State:
    """Return the state before the first step, at weights of one layer, (n,)."""
    return optimizer.start([w], [hyper])


def step(
    optimizer: Optimizer, g: Array, w: Array, t: int, state: State, hyper: Mapping[str, float], noisy: bool = True
) -> tuple[Array, State]:
    """Return the step of one layer, (n,), with or without its noise, and the state after it."""
    noise = None if noisy else lambda draw=0: [np.zeros_like(w)]
    steps, after = optimizer.step([g], [w], state, t, [hyper], noise=noise)
    return steps[0], after


def advance(
    optimizer: Optimizer, g: Array, w: Array, t: int, state: State, hyper: Mapping[str, float], noisy: bool = True
) -> tuple[Array, State]:
    """Return the weights and the state after a step, with or without its noise."""
    change, after = step(optimizer, g, w, t, state, hyper, noisy)
    with np.errstate(all="ignore"):
        return w - change, after


def settings(optimizer: Optimizer) -> dict[str, float]:
    """Return hyper-parameters: the defaults, and for those without one a small value that is allowed."""
    return optimizer.hyperparameters(
        {name: optimizer.example(name) for name, default in optimizer.defaults.items() if default is None}
    )


def at_ends(optimizer: Optimizer) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield settings in which one hyper-parameter is at an end of its bounds, or just inside an end that is open.

    Each comes with the name and the value of that hyper-parameter as text.
    """
    for name, interval in optimizer.bounds.items():
        low, high = ends(interval)
        inner = [low if interval[0] == "[" else low + _BESIDE, high if interval[-1] == "]" else high - _BESIDE]
        number = [end for end in inner if math.isfinite(end) and optimizer.kinds[name] == "number"]
        for end in number:
            if contains(interval, end):
                yield f"{name} = {end:g}", {**settings(optimizer), name: end}


def moved(optimizer: Optimizer) -> dict[str, float]:
    """Return hyper-parameters that all differ from the defaults, within their bounds.

    An eps becomes so large that it matters where it stands. A whole number becomes the next one, and a flag its
    opposite.
    """
    return optimizer.hyperparameters(
        {
            name: _moved(value, optimizer.bounds.get(name, "(-inf, inf)"), optimizer.kinds[name])
            for name, value in settings(optimizer).items()
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

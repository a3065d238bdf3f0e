"""The runs of a comparison: which optimizer, at which point of which stage, with which seed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from ravine.comparison.plan import Entry, Protocol
from ravine.comparison.points import points
from ravine.formulas.optimizer import Optimizer
from ravine.search import Axis, Choice, OneMinusLog
from ravine.spec import ResolvedRun, from_settings
from ravine.spec.problem import Problem

Stage = Literal["search", "extension", "default", "seeds", "control", "final"]

SCHEDULES: Mapping[str, Mapping[str, Any]] = {
    "constant": {"schedule": "constant"},
    "linear": {"schedule": "linear", "final_lr": 0.0, "schedule_by": "step"},
    "cosine": {"schedule": "cosine", "schedule_by": "step"},
}
"""The forms of a schedule that may be an axis of the space: all of them end at zero but the constant one."""

SHARED = ("schedule", "batch_size")
"""The axes that are the same for every optimizer."""

SEEDS = 1000
"""The distance between the seeds of two comparisons whose `Protocol.seed` differ by 1."""

FIRST_FINAL = 100
"""The first seed of the finals; tuning has the seeds below."""

FRESH = 400
"""The number of the first final run if an earlier comparison tuned some of the optimizers.

These may stand there because their finals were good in that comparison, so that its seeds were lucky ones for them.
"""

Settings = Mapping[str, Any]
"""The values of the axes, by name."""


@dataclass(frozen=True, eq=False)
class Entrant:
    """An optimizer that takes part in a problem.

    Attributes:
        entry: what the plan says of it.
        problem: the problem.
        optimizer: the optimizer, which is not looked up again.
    """

    entry: Entry
    problem: Problem
    optimizer: Optimizer

    @property
    def label(self) -> str:
        """Its name in the comparison."""
        return self.entry.label

    @cached_property
    def bases(self) -> dict[str, ResolvedRun]:
        """By the form of the schedule, the run of which its trials are variations."""
        held_out = {"validation": self.problem.validation, "test": "never"}
        lr = self.entry.space["lr"].at(0.5)
        return {
            form: from_settings(
                {
                    **self.problem.settings,
                    **held_out,
                    **settings,
                    **self.entry.settings,
                    "optimizer": self.optimizer,
                    "lr": lr,
                }
            ).replaced(optimizer=self.entry.optimizer)
            for form, settings in SCHEDULES.items()
            if form == "constant" or "schedule" in self.entry.space
        }

    def run(self, settings: Settings, seed: int, *, final: bool) -> ResolvedRun:
        """Return the run at a point: tuned on the validation split, or the final one on the whole training set."""
        base = self.bases[settings.get("schedule", "constant")]
        own = {name: value for name, value in settings.items() if name not in ("lr", *SHARED)}
        changes: dict[str, Any] = {"hyperparameters": {**base.spec.hyperparameters, **own}, "seed": seed}
        changes |= {name: settings[name] for name in ("lr", "batch_size") if name in settings}
        if final:
            changes |= {"validation": 0, "test": "end"}
        return base.replaced(**changes)


@dataclass(frozen=True, eq=False)
class Trial:
    """One run of a comparison.

    Attributes:
        problem, optimizer: the names of both.
        stage: what it is for.
        number: which point of the stage it is; for further seeds and finals, that of the trial whose settings it has.
        settings: the values of the axes; the learning rate alone for the optimizer's defaults.
        run: the run.
        near: for a control, the optimizer near which it lies.
    """

    problem: str
    optimizer: str
    stage: Stage
    number: int
    settings: Settings
    run: ResolvedRun
    near: str = ""

    @property
    def id(self) -> str:
        """The id of the run."""
        return self.run.id

    @property
    def seed(self) -> int:
        """The seed of the run."""
        return self.run.spec.seed


def tuning_seed(protocol: Protocol, number: int) -> int:
    """Return the seed of a trial, or of a contender's further run, counted from 0."""
    return SEEDS * protocol.seed + number


def final_seed(protocol: Protocol, number: int) -> int:
    """Return the seed of a final run, counted from 0; no trial has it."""
    return SEEDS * protocol.seed + FIRST_FINAL + number


def first_number(entries: Sequence[Entry]) -> int:
    """Return the number of the first final run, which no earlier comparison has had."""
    return FRESH if any(entry.tuned for entry in entries) else 0


def at_point(
    entrant: Entrant, axes: Mapping[str, Axis], number: int, protocol: Protocol, stage: Stage, near: str = ""
) -> Trial:
    """Return trial `number` of a search over some axes."""
    coordinates = points(entrant.problem, protocol.seed)[number]
    settings = {name: _rounded(axis, axis.at(u)) for (name, axis), u in zip(axes.items(), coordinates, strict=False)}
    run = entrant.run(settings, tuning_seed(protocol, 0), final=False)
    return Trial(entrant.problem.name, entrant.label, stage, number, settings, run, near)


def tuned_before(entrant: Entrant, protocol: Protocol) -> Trial:
    """Return the trial with the settings that an earlier comparison found; it is not run while tuning."""
    settings = entrant.entry.tuned[entrant.problem.name]
    run = entrant.run(settings, tuning_seed(protocol, 0), final=False)
    return Trial(entrant.problem.name, entrant.label, "search", 0, settings, run)


def at_settings(entrant: Entrant, trial: Trial, seed: int, stage: Stage, *, final: bool = False) -> Trial:
    """Return the run with the settings of a trial and another seed."""
    run = entrant.run(trial.settings, seed, final=final)
    return Trial(trial.problem, trial.optimizer, stage, trial.number, trial.settings, run, trial.near)


def _rounded(axis: Axis, value: Any) -> Any:
    """Return a value with six digits, which a person can type again.

    They are those of its distance from the nearest one of 0 and 1, or of the width of a narrower axis.
    """
    if isinstance(axis, Choice):
        return value
    low, high = axis.ends
    scale = min(abs(value) or math.inf, abs(1 - value) or math.inf if isinstance(axis, OneMinusLog) else math.inf)
    scale = min(scale, high - low)
    return min(max(round(value, 5 - math.floor(math.log10(scale))), low), high)

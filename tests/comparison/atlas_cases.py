"""An atlas of made-up results, written with the code that writes a comparison's own files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from comparison_cases import TOY, noise, result_of

from ravine.comparison.compare import follow
from ravine.comparison.course import course
from ravine.comparison.folder import Made
from ravine.comparison.outcome import Outcome, outcome_of
from ravine.comparison.plan import Plan, Protocol
from ravine.comparison.planning import make_plan
from ravine.comparison.prepare import entrants_of
from ravine.comparison.rows import leaderboard_rows
from ravine.comparison.trials import Trial
from ravine.storage.tidy import to_csv

WIDE = msgspec.structs.replace(TOY, name="wide", layers=(784, 50, 10))
SLOW = msgspec.structs.replace(TOY, name="slow", epochs=3, batch_size=20)
PROBLEMS = (TOY, WIDE, SLOW)

PROTOCOL = Protocol(
    trials=8, contenders=2, tuning_seeds=2, extensions=0, controls=2, margin=0.003, level=0.04, power=0.7, finals=4,
    pairs="best", seed=3,
)  # fmt: skip

LABELS = ("sgd", "momentum", "adam", "lion")

TOP = {
    "toy": {"sgd": 0.90, "momentum": 0.92, "adam": 0.97, "lion": 0.93},
    "wide": {"sgd": 0.96, "momentum": 0.92, "adam": 0.91, "lion": 0.93},
    "slow": {"sgd": 0.90, "momentum": 0.92, "adam": 0.98, "lion": 0.93},
}
"""By problem, what each optimizer reaches: adam is the best one on the first and on the last, sgd on the second."""


def score(trial: Trial) -> float:
    distance = abs(math.log10(trial.settings["lr"] / 0.01))
    return TOP[trial.problem][trial.optimizer] - 0.01 * distance + noise(trial, 0.0005)


def made_up(optimizers: Sequence[Any] = LABELS, score: Any = score, **more: Any) -> Outcome:
    """Return the outcome of a comparison of some optimizers on three problems."""
    plan, found = make_plan(optimizers, PROBLEMS, PROTOCOL, **more)
    entrants = entrants_of(plan, found)

    def train(trials: Sequence[Trial]) -> dict[str, Any]:
        return {trial.id: result_of(trial, score(trial)) for trial in trials}

    courses, results = follow({name: course(own, PROTOCOL) for name, own in entrants.items()}, train)
    return outcome_of(plan, "0123456789abcdef", entrants, courses, results, {})


def write_atlas(folder: Path, outcome: Outcome) -> Path:
    """Write a comparison as the package has its atlas."""
    return write_parts(folder, outcome.plan, to_csv(rows := leaderboard_rows(outcome), list(rows[0])))


def write_parts(folder: Path, plan: Plan, leaderboard: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    made = Made(id="0123456789abcdef", time="2026-01-01T00:00:00+00:00", plan=plan)
    (folder / "plan.json").write_bytes(msgspec.json.encode(made))
    (folder / "leaderboard.csv").write_text(leaderboard)
    return folder

"""The outcome of a comparison, as plain values: what the page, the files and `--json` are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import msgspec

from ravine.comparison import facts
from ravine.comparison.controls import contained, under_tuned
from ravine.comparison.course import Course
from ravine.comparison.finals import seen
from ravine.comparison.plan import Plan, Protocol
from ravine.comparison.scores import Results, means, score, scores
from ravine.comparison.trials import Entrant, Trial
from ravine.comparison.verdicts import Pair
from ravine.spec.problem import Problem
from ravine.statistics.means import mean


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One optimizer on one problem.

    Attributes:
        problem, optimizer: their names.
        score: its mean score in the finals; more is better, so a loss has its sign turned round.
        interval: the 95 % interval of that mean.
        rank: the best and the worst rank that the verdicts leave open.
        settings: what its search chose.
        validation: the mean score of these settings while tuning.
        default: the mean score of the optimizer's defaults while tuning; None if it has no default rate.
        train_loss: the mean training loss of the finals, None if one diverged.
        finals: the number of final runs.
        diverged: the share of its search's trials that diverged.
        edges: ends of axes at which its best trials lie, as "lr, high".
        under_tuned: the optimizers that it contains and does worse than.
        decades: how many decades of the learning rate lie within the margin of the best trial; see `facts.decades`.
        tuning_seconds: what its search cost, in seconds of one core.
        run_seconds: how long one of its final runs trains, in seconds of one core.
    """

    problem: str
    optimizer: str
    score: float
    interval: tuple[float, float]
    rank: tuple[int, int]
    settings: dict[str, Any]
    validation: float
    default: float | None
    train_loss: float | None
    finals: int
    diverged: float
    edges: tuple[str, ...]
    under_tuned: tuple[str, ...]
    decades: float
    tuning_seconds: float
    run_seconds: float

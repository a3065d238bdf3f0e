"""The score of a run: what is compared, as a number of which more is better."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from ravine.comparison.plan import Objective
from ravine.comparison.trials import Trial
from ravine.storage.record import Result

Results = Mapping[str, Result]
"""The results of runs, by id."""


def score(result: Result, objective: Objective) -> float:
    """Return what a run reached at the horizon: on the validation split, or in a final run on the test set.

    It is an accuracy, or a loss with its sign turned round. A run that diverged scores as chance, 1 / K or -ln K, and
    no run scores less: one that diverged must not be better than one that did not.
    """
    classes = result.spec.layers[-1]
    if objective == "accuracy":
        chance, found = 1 / classes, result.test_accuracy if result.tested else result.validation_accuracy
    else:
        loss = result.test_loss if result.tested else result.validation_loss
        chance, found = -math.log(classes), None if loss is None else -loss
    return chance if result.status != "done" or found is None else max(chance, found)


def scores(trials: Iterable[Trial], results: Results, objective: Objective) -> list[float]:
    """Return the scores of some runs."""
    return [score(results[trial.id], objective) for trial in trials]


def ranked(trials: Sequence[Trial], results: Results, objective: Objective) -> list[Trial]:
    """Return trials, best first; of equal ones the earlier comes first."""
    return sorted(trials, key=lambda trial: -score(results[trial.id], objective))


def means(trials: Iterable[Trial], results: Results, objective: Objective) -> dict[int, float]:
    """Return the mean score of each group of runs that have one number."""
    groups: dict[int, list[float]] = {}
    for trial in trials:
        groups.setdefault(trial.number, []).append(score(results[trial.id], objective))
    return {number: fmean(values) for number, values in groups.items()}

"""What the tests of verdicts and figures share: results and gradient checks made up number by number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ravine.gradients.answers import Answer, GradientVerdict
from ravine.gradients.errors import HISTOGRAM_EDGES, Errors
from ravine.gradients.networks.agreement import Agreement, MethodAgreement
from ravine.gradients.networks.check import NetworkCheck
from ravine.gradients.networks.digits import ManyDigits
from ravine.gradients.networks.vcurve import VCurve
from ravine.report.stored_study import StoredStudy
from ravine.storage.record import DeadNetwork, Epoch, NonFinite, Result, Seconds
from ravine.studies import Planned

DEAD = DeadNetwork(epoch=1, layer=1, loss=2.3, logits_equal=True, message="dead")
NAN = NonFinite(epoch=1, step=3, layer=5, where="softmax", message="nan")

SPREAD = (-1, -1, 0, 1, 1)
"""Five seeds around a mean: times k, their standard deviation is k."""
T4 = 2.776
"""Student's two-sided 95 % point for four degrees of freedom, as it is printed."""


def epochs(accuracies: Sequence[float], losses: Sequence[float] | None = None) -> list[Epoch]:
    """Return a history; losses that are not given fall from 1 as 1 / epoch, and test losses are a tenth above them."""
    losses = [1 / (k + 1) for k in range(len(accuracies))] if losses is None else losses
    pairs = enumerate(zip(accuracies, losses, strict=True), start=1)
    return [Epoch(k, 6000 * k, 0.1, 10, loss, loss + 0.1, accuracy, 0.5) for k, (accuracy, loss) in pairs]


def result(
    run: Planned,
    accuracy: float = 0.97,
    loss: float = 0.02,
    *,
    history: Sequence[Epoch] | None = None,
    cause: DeadNetwork | NonFinite | None = None,
    **changes: Any,
) -> Result:
    """Return a result of a run; with a history, its last epoch has the numbers of the run."""
    history = epochs([accuracy] * run.spec.epochs, [loss] * run.spec.epochs) if history is None else list(history)
    last = history[-1] if history else None
    plain = {
        "status": "done" if cause is None else "diverged",
        "cause": cause,
        "id": run.id,
        "parameters": 276_200,
        "train_loss": None if last is None or isinstance(cause, NonFinite) else last.train_loss,
        "test_loss": None if last is None else last.test_loss,
        "test_accuracy": 0.1 if last is None else last.test_accuracy,
        "seconds": Seconds(train=1.5, evaluate=0.5, total=2.0),
        "history": history,
        "spec": run.spec,
    }
    return Result(**{**plain, **changes})


def study_of(
    planned: Sequence[Planned], rows: dict[str, Sequence[Result | None]], quick: bool = False, **changes: Any
) -> StoredStudy:
    """Return a stored study of the results of rows, in the order of their seeds; None is a run that is not stored."""
    return StoredStudy(
        planned, {r.id: r for found in rows.values() for r in found if r is not None}, {}, quick, **changes
    )


def around(mean: float, deviation: float) -> list[float]:
    """Return five values of this mean and this standard deviation."""
    return [mean + deviation * step for step in SPREAD]


def errors_of(mean: float, p99: float | None = None, median: float | None = None) -> Errors:
    return Errors(
        compared=100,
        both_zero=5,
        kinks=0,
        mean_relative_error=mean,
        median_relative_error=mean if median is None else median,
        p99_relative_error=10 * mean if p99 is None else p99,
        max_relative_error=100 * mean,
        max_absolute_error=mean,
    )


def check_of(
    forward: float = 3e-6,
    backward: float = 4e-6,
    central: float = 1e-6,
    complex_step: float = 1e-16,
    *,
    p99: dict[str, float] | None = None,
    digits: float | None = 1e-44,
    best_step: float = 1e-5,
    seconds: float = 0.1,
    answer: Answer = "passes",
) -> NetworkCheck:
    """Return a gradient check with these mean relative errors."""
    means = {"forward": forward, "backward": backward, "central": central, "complex": complex_step}
    bins = len(HISTOGRAM_EDGES) - 1
    methods = {
        name: MethodAgreement(
            h=1e-8,
            errors=errors_of(mean, (p99 or {}).get(name)),
            verdict=GradientVerdict("passes", 276_200, 0, 0),
            worst=[],
            layers=[],
            histogram=[10 if k == 2 * round(math.log10(mean) + 20) else 0 for k in range(bins)],
            seconds=seconds,
        )
        for name, mean in means.items()
    }
    names = ("forward", "backward", "central")
    return NetworkCheck(
        agreement=Agreement(276_200, 276_200, 1, 0.5, "float64", methods, GradientVerdict(answer, 276_200, 0, 0)),
        curve=VCurve(
            steps=[1e-8, best_step, 1e-2],
            median={name: [1e-6, 1e-9, 1e-4] for name in names},
            mean={name: [1e-6, 1e-9, 1e-4] for name in names},
            best_step=dict.fromkeys(names, best_step),
            best_median=dict.fromkeys(names, 1e-9),
            predicted_step=dict.fromkeys(names, 1e-5),
        ),
        digits=None if digits is None else ManyDigits(60, 1e-35, 200, 0, 0, digits, digits, digits, 1.0),
    )

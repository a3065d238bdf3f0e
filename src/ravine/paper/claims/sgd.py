"""The claims on the network and on plain SGD: sections 1.2 and 2.1."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations
from statistics import fmean

from ravine.paper.claims.common import (
    accuracy_above,
    constant,
    dies_with_naive_softmax,
    diverged,
    naive_softmax,
    nan,
    unstable,
)
from ravine.paper.measures import (
    ACCURACY,
    GAP,
    LOSS,
    ZIGZAG,
    accuracies,
    accuracy_at,
    accuracy_rises,
    loss_on_test_at,
    losses_fall,
    zigzag_over,
)
from ravine.report.claims import Cause, Claim
from ravine.report.findings import (
    Measured,
    Test,
    every,
    finding,
    grows,
    higher,
    like_published,
    lower,
    mean_at_least,
    no_gain,
)
from ravine.report.stored_study import NotRunError, StoredStudy
from ravine.storage.record import Result


def _parameters(study: StoredStudy) -> Measured:
    counts = {result.parameters for run in study.planned if (result := study.results.get(run.id))}
    if not counts:
        raise NotRunError("any row")
    return ", ".join(f"{count:,}" for count in sorted(counts)), counts == {276_200}


def _most_in_first(start: float, values: list[float]) -> bool:
    """Tell whether values that fall from a start do so by more than half in the first epoch."""
    return bool(values) and start - values[0] > (start - values[-1]) / 2


def _loss_falls_first(result: Result) -> bool:
    return _most_in_first(math.log(10), [epoch.train_loss for epoch in result.history])


def _accuracy_jumps_first(result: Result) -> bool:
    return _most_in_first(-0.1, [-accuracy for accuracy in accuracies(result)])


def _zigzag_below(bound: float) -> Callable[[Result], bool]:
    def holds(result: Result) -> bool:
        value = ZIGZAG.read(result)
        return value is not None and value < bound

    return holds


def _still(result: Result) -> bool:
    """Tell whether the accuracy falls in some epoch, but zig-zags by less than half a point."""
    return not accuracy_rises(result) and _zigzag_below(0.005)(result)


def _curve_distance(study: StoredStudy, row: str, other: str) -> float:
    """Return the mean distance over the epochs of two rows' mean test accuracies."""
    curves = [
        [fmean(epoch) for epoch in zip(*map(accuracies, results), strict=True)]
        for results in (study.of(row), study.of(other))
    ]
    return fmean(abs(a - b) for a, b in zip(*curves, strict=True))


def _largest_distance(study: StoredStudy, *groups: tuple[str, ...]) -> float:
    pairs = [pair for group in groups for pair in combinations(group, 2)]
    return max(_curve_distance(study, *pair) for pair in pairs)


_EQUAL_QUOTIENT = (("table1:2", "table1:4"), ("table1:3", "table1:5", "table1:7"), ("table1:6", "table1:8"))

_EQUAL_PRODUCT = (("table1:2", "table1:6"), ("table1:4", "table1:8"), ("table1:5", "table1:9"))


def curves_agree(quantity: str, groups: tuple[tuple[str, ...], ...]) -> Test:
    """Test that the mean accuracy curves of the rows of each group lie within a point of each other."""

    def judge(study: StoredStudy) -> Measured:
        if any(diverged(result) for group in groups for row in group for result in study.of(row)):
            return "a run diverged", False
        distance = _largest_distance(study, *groups)
        return f"up to {100 * distance:.2f} points apart", distance < 0.01

    return finding(lambda _: f"curves of equal {quantity} within a point of each other, on average over epochs", judge)


CLAIMS = (
    Claim(
        "parameters", "Section 1.2",
        "The network has 276,200 weights to train.",
        (finding(lambda _: "weights of the network", _parameters, whole=False),),
        note="784 x 300 + 300 x 100 + 100 x 100 + 100 x 10: there are no biases.",
    ),
    Claim(
        "first-epoch", "Section 2.1",
        "At rate 0.1 in batches of 10 the loss falls, and the accuracy jumps, most of all in the "
        "first epoch.",
        (every("more than half of the fall of the loss from ln 10", "table1:2", _loss_falls_first),
         every("more than half of the rise of the accuracy from 10 %", "table1:2", _accuracy_jumps_first)),
    ),
    Claim(
        "monotone-loss", "Section 2.1",
        "At rate 0.1 in batches of 10 the training loss falls in every epoch.",
        (every("the loss falls from each epoch to the next", "table1:2",
               lambda r: not diverged(r) and losses_fall(r)),),
    ),
    Claim(
        "accuracy-rises", "Section 2.1",
        "At rate 0.1 in batches of 10 the test accuracy rises in every epoch.",
        (every("the accuracy rises from each epoch to the next", "table1:2", accuracy_rises),),
        note="The paper says a paragraph later that the same curve zig-zags.",
    ),
    Claim(
        "no-overfitting", "Section 2.1",
        "At rate 0.1 in batches of 10 the network does not overfit.",
        (no_gain(loss_on_test_at(10), "table1:2", loss_on_test_at(5), "table1:2"),),
        note="A test loss that rises in the second half would say that it does.",
    ),
    Claim(
        "98-percent", "Section 2.1",
        "At rate 0.1 in batches of 10 the test accuracy is 98 % at the tenth epoch.",
        (mean_at_least(ACCURACY, "table1:2", 0.975), like_published(ACCURACY, "table1:2", 0.977, 0.001)),
        note="Table 1 of the paper has 97.7 %, which rounds to 98.",
    ),
    Claim(
        "small-zigzag", "Section 2.1",
        "At rate 0.1 in batches of 10 the accuracy zig-zags, but not by much.",
        (every("the accuracy falls at least once, and its zig-zag is below half a point", "table1:2", _still),),
    ),
    Claim(
        "20-epochs", "Section 2.1",
        "At rate 0.1 in batches of 10 ten more epochs do not improve the test accuracy.",
        (no_gain(accuracy_at(20), "further:20 epochs", accuracy_at(10), "further:20 epochs"),),
    ),
    Claim(
        "20-epochs-zigzag", "Section 2.1",
        "At rate 0.1 in batches of 10 the zig-zag is stronger from the tenth to the twentieth epoch.",
        (grows("further:20 epochs", ZIGZAG, zigzag_over(11, 20)),),
    ),
    Claim(
        "step-too-large", "Section 2.1",
        "At rate 0.1 in batches of 10 the size of the step keeps the run from the optimum.",
        (lower(LOSS, "table2:2", "further:20 epochs"), higher(ACCURACY, "table2:2", "further:20 epochs")),
        note="Ten epochs with decay are set against twenty without.",
    ),
    Claim(
        "unstable-online", "Section 2.1",
        "Rate 0.1 with single samples is unstable: the loss becomes nan and the accuracy "
        "stays at that of random guessing, 0.098.",
        (unstable("table1:1"), nan("table1:1"), every("accuracy 0.098", "table1:1", constant)),
        (naive_softmax("further:SGD, naive softmax", "table1:1"),
         dies_with_naive_softmax("further:decay, naive softmax", "the first row of Table 2")),
        note="0.098 is no random guess: it is the share of the digit 0, and the answer of a network whose outputs are "
        "all equal or all nan. ravine keeps the last weights that gave finite numbers, which may still know something.",
    ),
    Claim(
        "stable-again", "Section 2.1",
        "Either a rate of 0.01 or batches of 10 make it stable, at 95 % or more.",
        (accuracy_above(0.95, "table1:2", "table1:4"),),
    ),
    Claim(
        "batches-average", "Section 2.1",
        "Larger batches make training more stable, because they average.",
        (lower(ZIGZAG, "table1:3", "table1:2"), lower(ZIGZAG, "table1:5", "table1:4"),
         lower(ZIGZAG, "table1:6", "table1:5")),
    ),
    Claim(
        "slow-large-batches", "Section 2.1",
        "At rate 0.001 convergence is slow in batches of 10 and slower in batches of 100.",
        (lower(ACCURACY, "table1:8", "table1:7"), lower(ACCURACY, "table1:9", "table1:8"),
         grows("table1:9", accuracy_at(9), accuracy_at(10))),
    ),
    Claim(
        "sharp-minima", "Section 2.1",
        "What these two runs lack is generalization: large batches end in sharp minima.",
        (higher(GAP, "table1:8", "table1:7"), higher(GAP, "table1:9", "table1:7")),
        (Cause("They are not trained to the end: their training loss is as high as their test loss",
               every("test loss within 0.02 of the training loss, or below", ("table1:8", "table1:9"),
                     lambda r: (gap := GAP.read(r)) is not None and gap < 0.02)),),
        note="The training loss is the mean over the last epoch, so that it lies above that of the last weights.",
    ),
    Claim(
        "small-rates", "Section 2.1",
        "A smaller rate needs more epochs.",
        (lower(ACCURACY, "table1:6", "table1:3"), lower(ACCURACY, "table1:9", "table1:6"),
         lower(ACCURACY, "table1:8", "table1:5")),
    ),
    Claim(
        "balance", "Section 2.1",
        "Rate 0.1 in batches of 100, 0.01 in batches of 10 and 0.001 with single samples go well "
        "together: low loss and high accuracy.",
        (accuracy_above(0.97, "table1:3", "table1:5", "table1:7"),
         every("training loss below 0.03", ("table1:3", "table1:5", "table1:7"),
               lambda r: (r.train_loss or math.inf) < 0.03)),
        note="All three have the same quotient of rate and batch size.",
    ),
    Claim(
        "inverse", "Section 2.1",
        "The best rate and the batch size are inversely related.",
        (curves_agree("product of rate and batch size", _EQUAL_PRODUCT),),
        (Cause("The relation is a direct one: what counts is the quotient of the two",
               curves_agree("quotient of rate and batch size", _EQUAL_QUOTIENT)),),
    ),
)  # fmt: skip

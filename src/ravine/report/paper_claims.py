"""The paper's claims, in our own words, each with the checks that it is put to.

Rows are those of `ravine/studies/paper.toml`. The wording states what the paper says, right or wrong; what was found
comes from the checks alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations
from statistics import fmean

from ravine.report.claims import Cause, Claim
from ravine.report.evidence import Evidence, NotRunError
from ravine.report.findings import (
    Check,
    Measured,
    every,
    finding,
    grows,
    higher,
    like_published,
    lower,
    mean_at_least,
    more_often,
    no_gain,
    none_above,
    some,
)
from ravine.report.gradient_claims import (
    a_second_each,
    below_double_precision,
    central_in_doubles,
    central_is_closest,
    central_is_narrowest,
    gradient_finding,
    gradient_is_right,
    impossible,
    in_many_digits,
    truncation_decides,
)
from ravine.report.measures import (
    ACCURACY,
    GAP,
    LOSS,
    SECONDS,
    ZIGZAG,
    accuracy_at,
    accuracy_rises,
    largest_drop,
    loss_on_test_at,
    losses_fall,
    zigzag_over,
)
from ravine.training import DeadNetwork, NonFinite, Result

CLASS_0 = 0.098
"""Share of test images that show a 0: the accuracy of the constant answer 0."""

ADAGRAD = [f"table5:{row}" for row in range(1, 7)]
MOMENTUM = [f"table3:{row}" for row in range(1, 9)]


def diverged(result: Result) -> bool:
    """Tell whether a run diverged."""
    return result.status == "diverged"


def ended_in_nan(result: Result) -> bool:
    """Tell whether a run met a number that is not finite."""
    return isinstance(result.cause, NonFinite)


def died(result: Result) -> bool:
    """Tell whether a run ended with a dead network."""
    return isinstance(result.cause, DeadNetwork)


def unstable(row: str) -> Check:
    """Check that a row diverges with every seed."""
    return every("the run diverges", row, diverged)


def nan(row: str) -> Check:
    """Check that a row ends in numbers that are not finite with every seed."""
    return every("the loss becomes nan", row, ended_in_nan)


def explains_nan(statement: str, row: str, unchanged: str) -> Cause:
    """Suspect what a row of further runs changes, if more of them end in numbers that are not finite."""
    return Cause(statement, more_often("the loss becomes nan", row, unchanged, ended_in_nan))


def naive_softmax(row: str, unchanged: str) -> Cause:
    """Suspect a softmax that exponentiates logits as they are."""
    return explains_nan("A softmax that does not subtract the largest logit first overflows", row, unchanged)


def dies_with_naive_softmax(row: str, place: str) -> Cause:
    """Ask whether a naive softmax leaves a loss of 2.30 where the paper has one."""
    statement = f"With that softmax the loss is 2.30, not nan, in {place}, as the paper has it"
    return Cause(statement, some("the network dies, and the loss stays finite", row, died))


def accuracy_above(bound: float, *rows: str) -> Check:
    """Check that every run of some rows is at least so accurate."""
    return every(
        f"test accuracy at least {bound:.0%}", rows, lambda r: r.test_accuracy is not None and r.test_accuracy >= bound
    )


def _parameters(evidence: Evidence) -> Measured:
    counts = {result.parameters for run in evidence.planned if (result := evidence.results.get(run.id))}
    if not counts:
        raise NotRunError("any row")
    return ", ".join(f"{count:,}" for count in sorted(counts)), counts == {276_200}


def _most_in_first(start: float, values: list[float]) -> bool:
    """Tell whether values that fall from a start do so by more than half in the first epoch."""
    return bool(values) and start - values[0] > (start - values[-1]) / 2


def _loss_falls_first(result: Result) -> bool:
    return _most_in_first(math.log(10), [epoch.train_loss for epoch in result.history])


def _accuracy_jumps_first(result: Result) -> bool:
    return _most_in_first(-0.1, [-epoch.test_accuracy for epoch in result.history])


def _zigzag_below(bound: float) -> Callable[[Result], bool]:
    def holds(result: Result) -> bool:
        value = ZIGZAG.read(result)
        return value is not None and value < bound

    return holds


def _still(result: Result) -> bool:
    """Tell whether the accuracy falls in some epoch, but zig-zags by less than half a point."""
    return not accuracy_rises(result) and _zigzag_below(0.005)(result)


def _constant(result: Result) -> bool:
    return result.test_accuracy == CLASS_0


def _curve_distance(evidence: Evidence, row: str, other: str) -> float:
    """Return the mean distance over the epochs of two rows' mean test accuracies."""
    curves = [
        [fmean(e.test_accuracy for e in epochs) for epochs in zip(*(r.history for r in results), strict=True)]
        for results in (evidence.of(row), evidence.of(other))
    ]
    return fmean(abs(a - b) for a, b in zip(*curves, strict=True))


def _largest_distance(evidence: Evidence, *groups: tuple[str, ...]) -> float:
    pairs = [pair for group in groups for pair in combinations(group, 2)]
    return max(_curve_distance(evidence, *pair) for pair in pairs)


_EQUAL_QUOTIENT = (("table1:2", "table1:4"), ("table1:3", "table1:5", "table1:7"), ("table1:6", "table1:8"))
_EQUAL_PRODUCT = (("table1:2", "table1:6"), ("table1:4", "table1:8"), ("table1:5", "table1:9"))


def curves_agree(quantity: str, groups: tuple[tuple[str, ...], ...]) -> Check:
    """Check that the mean accuracy curves of the rows of each group lie within a point of each other."""

    def judge(evidence: Evidence) -> Measured:
        if any(diverged(result) for group in groups for row in group for result in evidence.of(row)):
            return "a run diverged", False
        distance = _largest_distance(evidence, *groups)
        return f"up to {100 * distance:.2f} points apart", distance < 0.01

    return finding(lambda _: f"curves of equal {quantity} within a point of each other, on average over epochs", judge)


def _seconds_of_a_run(evidence: Evidence) -> Measured:
    rows = [f"table1:{row}" for row in range(2, 10)]
    seconds = [result.seconds.total for row in rows for result in evidence.of(row)]
    average = fmean(seconds)
    return f"{average:.1f} s on average, {3300 / average:.0f} times faster", all(1650 <= s <= 6600 for s in seconds)


def _smooth_end(result: Result) -> bool:
    left = zigzag_over(8, 10).read(result)
    return left is not None and left < 0.0005


def _late_nan(result: Result) -> bool:
    return isinstance(result.cause, NonFinite) and result.cause.epoch > 1


def _drops(result: Result) -> bool:
    return largest_drop(result) >= 0.002


_SQRT = (
    "A rate sqrt(m) times larger follows if G takes the mean over the batch of the squares of the samples' gradients, "
    "and the step their sum. Only the rate was tested."
)


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
        "There the test accuracy rises in every epoch.",
        (every("the accuracy rises from each epoch to the next", "table1:2", accuracy_rises),),
        note="The paper says a paragraph later that the same curve zig-zags.",
    ),
    Claim(
        "no-overfitting", "Section 2.1",
        "There nothing overfits.",
        (no_gain(loss_on_test_at(10), "table1:2", loss_on_test_at(5), "table1:2"),),
        note="A test loss that rises in the second half would say that it does.",
    ),
    Claim(
        "98-percent", "Section 2.1",
        "There the test accuracy is 98 % at the tenth epoch.",
        (mean_at_least(ACCURACY, "table1:2", 0.975), like_published(ACCURACY, "table1:2", 0.977, 0.001)),
        note="Table 1 of the paper has 97.7 %, which rounds to 98.",
    ),
    Claim(
        "small-zigzag", "Section 2.1",
        "There the accuracy zig-zags, but not by much.",
        (every("the accuracy falls at least once, and its zig-zag is below half a point", "table1:2", _still),),
    ),
    Claim(
        "20-epochs", "Section 2.1",
        "There ten more epochs do not improve the test accuracy.",
        (no_gain(accuracy_at(20), "further:20 epochs", accuracy_at(10), "further:20 epochs"),),
    ),
    Claim(
        "20-epochs-zigzag", "Section 2.1",
        "There the zig-zag is stronger from the tenth to the twentieth epoch.",
        (grows("further:20 epochs", ZIGZAG, zigzag_over(11, 20)),),
    ),
    Claim(
        "step-too-large", "Section 2.1",
        "What keeps that run from the optimum is the size of its step.",
        (lower(LOSS, "table2:2", "further:20 epochs"), higher(ACCURACY, "table2:2", "further:20 epochs")),
        note="Ten epochs with decay are set against twenty without.",
    ),
    Claim(
        "unstable-online", "Section 2.1",
        "Rate 0.1 with single samples is unstable: the loss becomes nan and the accuracy "
        "stays at that of random guessing, 0.098.",
        (unstable("table1:1"), nan("table1:1"), every("accuracy 0.098", "table1:1", _constant)),
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
        note="Of these three the quotient of rate and batch size is the same.",
    ),
    Claim(
        "inverse", "Section 2.1",
        "The best rate and the batch size are inversely related.",
        (curves_agree("product of rate and batch size", _EQUAL_PRODUCT),),
        (Cause("The relation is a direct one: what counts is the quotient of the two",
               curves_agree("quotient of rate and batch size", _EQUAL_QUOTIENT)),),
    ),
    Claim(
        "second-each", "Section 2.2",
        "Each finite difference over all weights takes about a second a sample.",
        (gradient_finding("half a second to two seconds", a_second_each),),
        note="Seconds depend on the machine and on the method: moving one weight needs no whole forward pass.",
    ),
    Claim(
        "gradient-error", "Section 2.2",
        "Analytic gradient and central difference with h = 1e-8 differ by less than 3e-40 % "
        "on average.",
        (gradient_finding("mean relative error of the central difference, doubles", central_in_doubles),
         impossible("what double precision can tell apart", below_double_precision)),
        (Cause("It takes more digits than double precision has, and a smaller step",
               gradient_finding("mean relative error of the central difference", in_many_digits)),),
    ),
    Claim(
        "gradient-right", "Section 2.2",
        "The analytic gradient is right.",
        (gradient_finding("every weight, against differences and the complex step", gradient_is_right),),
    ),
    Claim(
        "central-better", "Section 2.2",
        "The central difference has a lower mean relative error, and a narrower distribution, "
        "than the forward and the backward one.",
        (gradient_finding("lowest mean relative error", central_is_closest),
         gradient_finding("lowest 99th percentile of the relative errors", central_is_narrowest)),
    ),
    Claim(
        "central-order", "Section 2.2",
        "That is because its truncation error is of second order.",
        (gradient_finding("at h = 1e-8 truncation decides, so that the best step is no larger", truncation_decides),),
        note="Round-off grows as 1 / h, and the central difference divides it by 2 h.",
    ),
    Claim(
        "decay-helps", "Section 3.1",
        "In batches of 10 decay improves the last loss and the test accuracy.",
        (lower(LOSS, "table2:2", "table1:2"), higher(ACCURACY, "table2:2", "table1:2")),
    ),
    Claim(
        "final-rate", "Section 3.1",
        "A lower final rate converges better.",
        (lower(LOSS, "table2:4", "table2:2"), higher(ACCURACY, "table2:4", "table2:2")),
    ),
    Claim(
        "decay-zigzag", "Section 3.1",
        "Decay weakens the zig-zag in batches of 10.",
        (lower(ZIGZAG, "table2:2", "table1:2"), lower(ZIGZAG, "table2:4", "table1:2")),
    ),
    Claim(
        "decay-no-zigzag", "Section 3.1",
        "With a final rate of 0.0001, or 0.00001 as the text has it, no zig-zag is left towards the end.",
        tuple(every("zig-zag over the last three epochs below five images of 10,000", row, _smooth_end)
              for row in ("table2:4", "further:decay to 0.00001")),
        note="The caption of Figure 7 and Table 2 have 0.0001, the text 0.00001; both were run.",
    ),
    Claim(
        "decay-best-accuracy", "Section 3.1",
        "Decay from 0.1 to 0.0001 reaches 98.4 %.",
        (like_published(ACCURACY, "table2:4", 0.984, 0.001),),
    ),
    Claim(
        "large-initial-rate", "Section 3.1",
        "A large rate at the beginning pays.",
        (lower(LOSS, "table2:2", "table2:5"), higher(ACCURACY, "table2:2", "table2:5")),
        note="From 0.1 to 0.001 is set against from 0.01 to 0.001, both in batches of 10.",
    ),
    Claim(
        "decay-online", "Section 3.1",
        "Decay does not help against the instability of single samples.",
        (unstable("table2:1"), every("accuracy 0.098", "table2:1", _constant)),
    ),
    Claim(
        "momentum-97.8", "Section 3.2",
        "With momentum the test accuracy reaches 97.8 % and no more.",
        (like_published(ACCURACY, "table3:6", 0.978, 0.001), like_published(ACCURACY, "table3:7", 0.978, 0.001),
         none_above(ACCURACY, MOMENTUM, 0.9785)),
    ),
    Claim(
        "momentum-unstable", "Section 3.2 and Table 3",
        "Momentum diverges where steps are large: nan at rate 0.1 with single samples, and a loss of 2.30 with "
        "accuracy 0.098 at rate 0.1 in batches of 10 and at 0.01 with single samples.",
        (unstable("table3:1"), nan("table3:1"),
         every("accuracy 0.098", ("table3:2", "table3:4"), _constant)),
        (naive_softmax("further:momentum, naive softmax", "table3:1"),
         dies_with_naive_softmax("further:momentum m 10, naive softmax", "the second row of Table 3"),
         dies_with_naive_softmax("further:momentum 0.01, naive softmax", "the fourth row of Table 3")),
    ),
    Claim(
        "momentum-zigzag", "Section 3.2",
        "With momentum training does not settle: it goes on oscillating.",
        (higher(ZIGZAG, "table3:7", "table2:4"), higher(ZIGZAG, "table3:5", "table2:4")),
    ),
    Claim(
        "momentum-smoother", "Section 3.2",
        "Momentum 0.5 gives a smoother accuracy curve than 0.9.",
        (lower(ZIGZAG, "table3:8", "table3:7"),),
    ),
    Claim(
        "momentum-cost", "Section 3.2",
        "That smoothness costs some accuracy: 96.2 %.",
        (lower(ACCURACY, "table3:8", "table3:7"), like_published(ACCURACY, "table3:8", 0.962, 0.001)),
    ),
    Claim(
        "combined-unstable", "Section 3.3",
        "Momentum and decay together are unstable with single samples and in batches of "
        "10: the loss becomes nan.",
        (unstable("table4:1"), unstable("table4:2"), nan("table4:1"), nan("table4:2")),
        (naive_softmax("further:combined m 1, naive softmax", "table4:1"),
         naive_softmax("further:combined m 10, naive softmax", "table4:2")),
    ),
    Claim(
        "combined-good", "Section 3.3",
        "In batches of 100 they reach a good 97.8 %.",
        (accuracy_above(0.97, "table4:3"), like_published(ACCURACY, "table4:3", 0.978, 0.001),
         like_published(LOSS, "table4:3", 0.027, 0.001)),
        (Cause("The decay was not in effect: the same run at a constant rate has the paper's accuracy",
               like_published(ACCURACY, "table3:3", 0.978, 0.001)),
         Cause("The decay was not in effect: the same run at a constant rate has the paper's loss",
               like_published(LOSS, "table3:3", 0.027, 0.001))),
    ),
    Claim(
        "combined-erratic", "Section 3.3",
        "There the accuracy curve is erratic, with sudden drops.",
        (higher(ZIGZAG, "table4:3", "table2:2"),
         every("a drop of 0.2 points or more from one epoch to the next", "table4:3", _drops)),
        (Cause("The decay was not in effect: the same run at a constant rate drops",
               some("a drop of 0.2 points or more from one epoch to the next", "table3:3", _drops)),),
    ),
    Claim(
        "adagrad-98", "Section 4",
        "AdaGrad reaches 98 % at most.",
        (none_above(ACCURACY, ADAGRAD, 0.985),),
        note="98 % is taken as rounded; the paper's own Table 5 has 98.2 %.",
    ),
    Claim(
        "adagrad-better", "Section 4",
        "AdaGrad reaches higher test accuracies than SGD, whatever the rate and the batch size.",
        tuple(higher(ACCURACY, f"table5:{row}", f"table1:{other}")
              for row, other in zip(range(1, 7), (7, 8, 9, 4, 5, 6), strict=True)),
        note="At rate 0.001 with single samples the paper's own tables have it the other way: 95.1 % against 97.8 %.",
    ),
    Claim(
        "adagrad-oscillates", "Section 4",
        "AdaGrad's loss oscillates.",
        (some("the training loss rises in some epoch", ADAGRAD, lambda r: r.status == "done" and not losses_fall(r)),),
        note="The loss is the mean over an epoch, as in the paper's figures; within an epoch every loss oscillates.",
    ),
    Claim(
        "adagrad-batches", "Table 5",
        "At rate 0.001 AdaGrad's loss falls and its accuracy rises with the batch size, to "
        "0.06 and 97.1 % at 10 and to 0.02 and 98.2 % at 100 (Table 5).",
        (like_published(LOSS, "table5:2", 0.06, 0.01), like_published(ACCURACY, "table5:2", 0.971, 0.001),
         like_published(LOSS, "table5:3", 0.02, 0.01), like_published(ACCURACY, "table5:3", 0.982, 0.001)),
        (Cause("Gradients were summed over the batch, not averaged",
               like_published(LOSS, "further:AdaGrad of sums, m 100", 0.02, 0.01)),
         Cause("Steps were sqrt(m) times larger than written",
               like_published(LOSS, "further:AdaGrad 0.001 x sqrt 10", 0.06, 0.01)),
         Cause("Steps were sqrt(m) times larger than written",
               like_published(ACCURACY, "further:AdaGrad 0.001 x sqrt 10", 0.971, 0.001)),
         Cause("Steps were sqrt(m) times larger than written", like_published(LOSS, "table5:6", 0.02, 0.01)),
         Cause("Steps were sqrt(m) times larger than written", like_published(ACCURACY, "table5:6", 0.982, 0.001)),
         Cause("Steps were sqrt(m) times larger than written: the paper's 0.003 at rate 0.01 in batches of 10",
               like_published(LOSS, "further:AdaGrad 0.01 x sqrt 10", 0.003, 0.001))),
        note=_SQRT,
    ),
    Claim(
        "adagrad-nan", "Section 4",
        "At rate 0.01 in batches of 100 AdaGrad's loss becomes nan after the first epoch.",
        (nan("table5:6"),),
        (naive_softmax("further:AdaGrad 0.01, naive softmax", "table5:6"),
         explains_nan("Gradients were summed over the batch, and softmax was naive",
                      "further:AdaGrad 0.01 of sums, naive softmax", "table5:6"),
         explains_nan("Double precision behaves otherwise", "further:AdaGrad 0.01, float64", "table5:6"),
         explains_nan("Larger initial weights (He) overflow", "further:AdaGrad 0.01, He-normal", "table5:6"),
         explains_nan("Steps were sqrt(m) times larger than written", "further:AdaGrad 0.01 x sqrt 100", "table5:6"),
         explains_nan("Steps were sqrt(m) times larger than written, and softmax was naive",
                      "further:AdaGrad 0.01 x sqrt 100, naive softmax", "table5:6")),
        note=_SQRT,
    ),
    Claim(
        "adagrad-nan-cause", "Section 4",
        "That nan may come from AdaGrad's rates falling too fast.",
        (every("nan comes after an epoch or more, when rates have fallen",
               "further:AdaGrad 0.01 x sqrt 100, naive softmax", _late_nan),),
        note="The one kind of run in which nan was met at these settings is looked at.",
    ),
    Claim(
        "decay-wins", "Sections 4 and 5",
        "Of the five methods SGD with decay has the lowest loss and the highest accuracy.",
        tuple(compare(measure, "table6:3", f"table6:{other}")
              for other in (1, 2, 4, 5) for compare, measure in ((lower, LOSS), (higher, ACCURACY))),
    ),
    Claim(
        "momentum-no-use", "Section 4",
        "At rate 0.01 in batches of 10 momentum gains nothing over plain SGD.",
        (no_gain(ACCURACY, "table6:4", ACCURACY, "table6:2"),),
    ),
    Claim(
        "3300-seconds", "Tables 1 and 6",
        "Ten epochs take about 3300 s, whatever the rate and the batch size.",
        (finding(lambda _: "1650 s to 6600 s, every stable run of Table 1", _seconds_of_a_run),),
        note="Seconds depend on the machine, the program and what else runs: the paper had a laptop of 1.7 GHz.",
    ),
    Claim(
        "combined-slowest", "Section 4",
        "Momentum and decay together take longest of the five methods.",
        tuple(higher(SECONDS, "table6:5", f"table6:{other}") for other in (1, 2, 3, 4)),
        note="Seconds depend on the machine, the program and what else runs.",
    ),
    Claim(
        "online-slower", "Section 2 and Table 1",
        "Single samples take more time than batches of 100.",
        (higher(SECONDS, "table1:4", "table1:6"), higher(SECONDS, "table1:7", "table1:9")),
        note="Seconds depend on the machine, the program and what else runs.",
    ),
)  # fmt: skip

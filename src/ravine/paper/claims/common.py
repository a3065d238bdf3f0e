"""Tests for claims of several sections: whether runs diverge, and how, and whether they are accurate."""

from __future__ import annotations

from ravine.report.claims import Cause
from ravine.report.findings import Test, every, more_often, some
from ravine.storage.record import DeadNetwork, NonFinite, Result

CLASS_0 = 0.098
"""Share of test images that show a 0: the accuracy of the constant answer 0."""


def diverged(result: Result) -> bool:
    """Tell whether a run diverged."""
    return result.status == "diverged"


def ended_in_nan(result: Result) -> bool:
    """Tell whether a run met a number that is not finite."""
    return isinstance(result.cause, NonFinite)


def died(result: Result) -> bool:
    """Tell whether a run ended with a dead network."""
    return isinstance(result.cause, DeadNetwork)


def constant(result: Result) -> bool:
    """Tell whether the answer is the same for every image."""
    return result.test_accuracy == CLASS_0


def unstable(row: str) -> Test:
    """Test that a row diverges with every seed."""
    return every("the run diverges", row, diverged)


def nan(row: str) -> Test:
    """Test that a row ends in numbers that are not finite with every seed."""
    return every("the loss becomes nan", row, ended_in_nan)


def explains_nan(statement: str, row: str, unchanged: str) -> Cause:
    """Return a cause that a row of further runs tests: it holds if more of them end in nan than unchanged runs."""
    return Cause(statement, more_often("the loss becomes nan", row, unchanged, ended_in_nan))


def naive_softmax(row: str, unchanged: str) -> Cause:
    """Return the cause that softmax exponentiates the logits as they are."""
    return explains_nan("A softmax that does not subtract the largest logit first overflows", row, unchanged)


def dies_with_naive_softmax(row: str, place: str) -> Cause:
    """Return the cause that with a naive softmax the loss is 2.30, in a place where the paper has that loss."""
    statement = f"With that softmax the loss is 2.30, not nan, in {place}, as the paper has it"
    return Cause(statement, some("the network dies, and the loss stays finite", row, died))


def accuracy_above(bound: float, *rows: str) -> Test:
    """Test that the test accuracy of every run of some rows is at least `bound`."""
    return every(
        f"test accuracy at least {bound:.0%}", rows, lambda r: r.test_accuracy is not None and r.test_accuracy >= bound
    )

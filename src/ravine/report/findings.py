"""The tests of claims: each reads the stored study and returns a finding.

A comparison of two rows is paired by seed, since the same seed gives both the same initial weights and the same order
of the samples, and rests on Student's interval of the mean difference: it holds if the interval lies on the claimed
side of zero, fails if no difference that matters is left on that side, and otherwise wants more seeds. The interval has
confidence 95 % if the study is judged once; `StoredStudy.level` has it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from statistics import fmean

from ravine.report.measure import Measure
from ravine.report.stored_study import NotRunError, StoredStudy
from ravine.report.verdicts import ClaimFinding, Undecided
from ravine.statistics.means import Mean, binomial_error, mean, prediction_half_width
from ravine.storage.record import Result
from ravine.words import several

Test = Callable[[StoredStudy], ClaimFinding]
"""A test of a claim."""

MOST_NAMED = 3
"""The largest number of rows that a finding names one by one."""

Measured = tuple[str, bool | Undecided]
"""The measured numbers, as text, and whether they are as the claim needs them, or why that cannot be told."""


def finding(
    quantity: Callable[[StoredStudy], str], judge: Callable[[StoredStudy], Measured], whole: bool = True
) -> Test:
    """Make a test from a quantity and the function that judges it.

    Args:
        quantity: says what is measured.
        judge: measures it.
        whole: whether it needs runs that were not cut short.
    """

    def test(study: StoredStudy) -> ClaimFinding:
        text = quantity(study)
        if whole and study.quick:
            return ClaimFinding(text, "-", None, "quick look")
        try:
            measured, holds = judge(study)
        except NotRunError:
            return ClaimFinding(text, "-", None, "not run")
        if isinstance(holds, bool):
            return ClaimFinding(text, measured, holds)
        return ClaimFinding(text, measured, None, holds)

    return test


def higher(measure: Measure, row: str, other: str) -> Test:
    """Test that a row is above another."""
    return _compared(measure, row, measure, other, 1)


def lower(measure: Measure, row: str, other: str) -> Test:
    """Test that a row is below another."""
    return _compared(measure, row, measure, other, -1)


def grows(row: str, early: Measure, late: Measure) -> Test:
    """Test that a row's later measure is above its earlier one."""
    return _compared(late, row, early, row, 1)


def no_gain(late: Measure, row: str, early: Measure, other: str) -> Test:
    """Test that `late` of a row is not above `early` of the other row by more than the margin."""

    def judge(study: StoredStudy) -> Measured:
        gain, text = _difference(late, study.of(row), early, study.of(other), study.level)
        if gain is None:
            return text, False
        if gain.half_width is None:
            return text, "one seed"
        if gain.value + gain.half_width <= late.margin:
            return text, True
        return text, False if gain.value > gain.half_width else "too few seeds"

    return finding(lambda e: _versus("is not above", late, e.name(row), early, e.name(other)), judge)


def every(quantity: str, rows: Sequence[str] | str, holds: Callable[[Result], bool]) -> Test:
    """Test that something holds for every seed of every row."""
    return _counted(quantity, "every run of", rows, holds, all)


def some(quantity: str, rows: Sequence[str] | str, holds: Callable[[Result], bool]) -> Test:
    """Test that something holds for some seed of some row."""
    return _counted(quantity, "some run of", rows, holds, any)


def more_often(quantity: str, row: str, other: str, holds: Callable[[Result], bool]) -> Test:
    """Test that something holds for more seeds of a row than of another."""

    def judge(study: StoredStudy) -> Measured:
        held, others = (sum(map(holds, study.of(name))) for name in (row, other))
        return (
            f"{held} of {several(len(study.of(row)), 'run')}, {others} of {len(study.of(other))} as written",
            held > others,
        )

    return finding(lambda e: f"{quantity}: more runs of {e.name(row)} than of {e.name(other)}", judge)


def _counted(
    quantity: str,
    which: str,
    rows: Sequence[str] | str,
    holds: Callable[[Result], bool],
    enough: Callable[[Iterable[bool]], bool],
) -> Test:
    names = [rows] if isinstance(rows, str) else list(rows)

    def judge(study: StoredStudy) -> Measured:
        held = [holds(result) for row in names for result in study.of(row)]
        return f"{sum(held)} of {several(len(held), 'run')}", enough(held)

    def asked(study: StoredStudy) -> str:
        where = "; ".join(map(study.name, names)) if len(names) <= MOST_NAMED else f"{len(names)} rows"
        return f"{quantity}: {which} {where}"

    return finding(asked, judge)


def like_published(measure: Measure, row: str, published: float, last_digit: float) -> Test:
    """Test that a published number could be one more seed of ours: it lies in the prediction interval.

    `last_digit` is the unit of the last digit that was published. The interval is widened by half of it, since the
    published number was rounded. An interval so wide that it would admit nearly every number decides nothing.
    """

    def judge(study: StoredStudy) -> Measured:
        values = _read(measure, study.of(row))
        if not values:
            return "every run diverged", False
        center, half = fmean(values), prediction_half_width(values, study.level)
        if half is None:
            return f"{measure.show(center)}{_one_seed(measure, center)}", "one seed"
        text = f"another seed would lie in {measure.show(center - half)} to {measure.show(center + half)}"
        if abs(published - center) > half + last_digit / 2:
            return text, False
        return text, "too few seeds" if half > max(measure.loose, 0 if measure.images else published) else True

    return finding(lambda e: f"{measure.name} {measure.show(published)} could be one more seed of {e.name(row)}", judge)


def none_above(measure: Measure, rows: Sequence[str], bound: float) -> Test:
    """Test that no row is above a bound, nor the upper end of the interval of its mean."""

    def judge(study: StoredStudy) -> Measured:
        found = [(row, mean(_read(measure, study.of(row)), study.level)) for row in rows]
        means = [(row, m) for row, m in found if m is not None]
        if not means:
            return "every run diverged", False
        row, best = max(means, key=lambda pair: pair[1].value)
        text = f"best {measure.show(best.value)}"
        if best.half_width is None:
            return f"{text}{_one_seed(measure, best.value)}: {study.name(row)}", "one seed"
        text = f"{text} ± {measure.show(best.half_width)}: {study.name(row)}"
        # If only one seed of a row has a value, the spread over the seeds is not known.
        widths = [(m.value, math.inf if m.half_width is None else m.half_width) for _, m in means]
        if any(value - half > bound for value, half in widths):
            return text, False
        return text, True if all(value + half <= bound for value, half in widths) else "too few seeds"

    none = f"none of {several(len(rows), 'row')}"
    return finding(lambda _: f"{none} has a {measure.name} above {measure.show(bound)}", judge)


def mean_at_least(measure: Measure, row: str, bound: float) -> Test:
    """Test that the mean over the seeds is not below a bound."""

    def judge(study: StoredStudy) -> Measured:
        values = _read(measure, study.of(row))
        if not values:
            return "every run diverged", False
        return measure.show(fmean(values)), fmean(values) >= bound

    return finding(lambda e: f"mean {measure.name} of {e.name(row)} is at least {measure.show(bound)}", judge)


def _compared(measure: Measure, row: str, other_measure: Measure, other: str, sign: int) -> Test:
    relation = "is above" if sign > 0 else "is below"

    def judge(study: StoredStudy) -> Measured:
        difference, text = _difference(measure, study.of(row), other_measure, study.of(other), study.level)
        if difference is None:
            return text, False
        if difference.half_width is None:
            return text, "one seed"
        if sign * difference.value > difference.half_width:
            return text, True
        return text, False if sign * difference.value + difference.half_width <= measure.margin else "too few seeds"

    return finding(lambda e: _versus(relation, measure, e.name(row), other_measure, e.name(other)), judge)


def _difference(
    measure: Measure, ours: Sequence[Result], other_measure: Measure, theirs: Sequence[Result], level: float
) -> tuple[Mean | None, str]:
    """Return the mean difference, paired by seed, and the same as text; None if no seed has both numbers."""
    pairs = [
        (a, b)
        for a, b in ((measure.read(x), other_measure.read(y)) for x, y in zip(ours, theirs, strict=True))
        if a is not None and b is not None
    ]
    difference = mean([a - b for a, b in pairs], level)
    if difference is None:
        return None, "no seed gives both numbers: the runs diverged"
    first, second = fmean(a for a, _ in pairs), fmean(b for _, b in pairs)
    text = f"{measure.show(first)} against {measure.show(second)}: "
    text += measure.show_difference(difference.value, difference.half_width)
    if len(pairs) < len(ours):
        text += f" (of {several(len(pairs), 'seed')}; the others diverged)"
    return difference, text + (_one_seed(measure, first) if len(pairs) == 1 else "")


def _read(measure: Measure, results: Sequence[Result]) -> list[float]:
    return [value for value in map(measure.read, results) if value is not None]


def _versus(relation: str, measure: Measure, row: str, other_measure: Measure, other: str) -> str:
    """Say what is compared: two rows in one measure, or two measures of one row."""
    if row == other:
        return f"{measure.name} {relation} {other_measure.name}: {row}"
    return f"{measure.name} of {row} {relation} that of {other}"


def _one_seed(measure: Measure, value: float) -> str:
    if measure.images is not None:
        return f" (one seed; binomial error of an accuracy {100 * binomial_error(value, measure.images):.2f} points)"
    return " (one seed)"

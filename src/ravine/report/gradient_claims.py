"""What the gradient check after the first epoch says of the paper's section 2.2."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from ravine.gradients.errors import Errors
from ravine.gradients.methods import PAPER_CLAIM
from ravine.report.evidence import Evidence, NotRunError
from ravine.report.findings import Check, Measured, finding

CHECKED = "further:1 epoch"
DIFFERENCES = ("forward", "backward", "central")


def gradient_finding(quantity: str, judge: Callable[[Evidence], Measured]) -> Check:
    """Make a check of the gradients after the first epoch, which a quick look has too."""
    return finding(lambda _: quantity, judge, whole=False)


def impossible(quantity: str, judge: Callable[[Evidence], Measured]) -> Check:
    """Make a check that no measurement can pass."""
    inner = gradient_finding(quantity, judge)
    return lambda evidence: msgspec.structs.replace(inner(evidence), impossible=True)


def central_is_closest(evidence: Evidence) -> Measured:
    """Tell whether the central difference has the lowest mean relative error."""
    return _central_is_lowest(evidence, lambda errors: errors.mean_relative_error)


def central_is_narrowest(evidence: Evidence) -> Measured:
    """Tell whether the central difference has the lowest 99th percentile of relative errors."""
    return _central_is_lowest(evidence, lambda errors: errors.p99_relative_error)


def _central_is_lowest(evidence: Evidence, read: Callable[[Errors], float]) -> Measured:
    methods = [check.report.methods for check in evidence.checks_of(CHECKED)]
    errors = [[read(found[name].errors) for name in DIFFERENCES] for found in methods]
    held = sum(central < min(forward, backward) for forward, backward, central in errors)
    first = ", ".join(f"{name} {value:.1e}" for name, value in zip(DIFFERENCES, errors[0], strict=True))
    return f"{first}; lowest with {held} of {len(errors)} seeds", held == len(errors)


def truncation_decides(evidence: Evidence) -> Measured:
    """Tell whether the central difference is at its best at h = 1e-8 or below."""
    curve = evidence.checks_of(CHECKED)[0].curve
    best = curve.best_step["central"]
    return f"best step {best:.1e}, where the median error is {curve.best_median['central']:.1e}", best <= 1e-8


def central_in_doubles(evidence: Evidence) -> Measured:
    """Tell whether the central difference reaches 3e-40 % in double precision."""
    errors = [check.report.methods["central"].errors.mean_relative_error for check in evidence.checks_of(CHECKED)]
    return f"{100 * min(errors):.1e} % to {100 * max(errors):.1e} %", max(errors) < PAPER_CLAIM


def below_double_precision(evidence: Evidence) -> Measured:
    """Say how far double precision goes."""
    return f"numbers near 1 are {100 * 2.0**-52:.1e} % apart in double precision", False


def in_many_digits(evidence: Evidence) -> Measured:
    """Tell whether 60 digits reach 3e-40 %."""
    digits = evidence.checks_of(CHECKED)[0].digits
    if digits is None:
        raise NotRunError(CHECKED)
    return (
        f"{100 * digits.mean_relative_error:.1e} % in {digits.digits} digits with h = {digits.h:.0e}",
        digits.mean_relative_error < PAPER_CLAIM,
    )


def gradient_is_right(evidence: Evidence) -> Measured:
    """Tell whether the gradient passes with every seed; undecided if no check fails and some cannot tell."""
    reports = [check.report for check in evidence.checks_of(CHECKED)]
    worst = max(report.methods["complex"].errors.median_relative_error for report in reports)
    passed = sum(report.passed for report in reports)
    text = f"passes with {passed} of {len(reports)} seeds; median error of the complex step {worst:.1e}"
    if worst >= 1e-13 or any(report.verdict.answer == "fails" for report in reports):
        return text, False
    return text, True if passed == len(reports) else "the check cannot tell"


def a_second_each(evidence: Evidence) -> Measured:
    """Tell whether each difference takes about a second."""
    methods = evidence.checks_of(CHECKED)[0].report.methods
    seconds = {name: methods[name].seconds for name in DIFFERENCES}
    text = ", ".join(f"{name} {value:.2f} s" for name, value in seconds.items())
    return text, all(0.5 <= value <= 2 for value in seconds.values())

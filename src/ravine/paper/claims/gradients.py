"""The claims on the gradient, section 2.2, tested by the gradient check after the first epoch."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from ravine.gradients.errors import Errors
from ravine.report.claims import Cause, Claim
from ravine.report.findings import Measured, Test, finding
from ravine.report.stored_study import NotRunError, StoredStudy
from ravine.words import several

CHECKED = "further:1 epoch"
"""The row whose gradients are checked."""

PUBLISHED_ERROR = 3e-42
"""The mean relative error of the central difference, 3e-40 %, as a share."""

DIFFERENCES = ("forward", "backward", "central")


def gradient_finding(quantity: str, judge: Callable[[StoredStudy], Measured]) -> Test:
    """Make a test of the gradients after the first epoch, which a quick look has too."""
    return finding(lambda _: quantity, judge, whole=False)


def impossible(quantity: str, judge: Callable[[StoredStudy], Measured]) -> Test:
    """Make a test that no measurement can pass."""
    inner = gradient_finding(quantity, judge)
    return lambda study: msgspec.structs.replace(inner(study), impossible=True)


def central_is_closest(study: StoredStudy) -> Measured:
    """Tell whether the central difference has the lowest mean relative error."""
    return _central_is_lowest(study, lambda errors: errors.mean_relative_error)


def central_is_narrowest(study: StoredStudy) -> Measured:
    """Tell whether the central difference has the lowest 99th percentile of relative errors."""
    return _central_is_lowest(study, lambda errors: errors.p99_relative_error)


def _central_is_lowest(study: StoredStudy, read: Callable[[Errors], float]) -> Measured:
    methods = [check.agreement.methods for check in study.checks_of(CHECKED)]
    errors = [[read(found[name].errors) for name in DIFFERENCES] for found in methods]
    held = sum(central < min(forward, backward) for forward, backward, central in errors)
    first = ", ".join(f"{name} {value:.1e}" for name, value in zip(DIFFERENCES, errors[0], strict=True))
    return f"{first}; lowest with {held} of {several(len(errors), 'seed')}", held == len(errors)


def truncation_decides(study: StoredStudy) -> Measured:
    """Tell whether the central difference is at its best at h = 1e-8 or below."""
    curve = study.checks_of(CHECKED)[0].curve
    best = curve.best_step["central"]
    return f"best step {best:.1e}, where the median error is {curve.best_median['central']:.1e}", best <= 1e-8


def central_in_doubles(study: StoredStudy) -> Measured:
    """Tell whether the central difference reaches 3e-40 % in double precision."""
    errors = [check.agreement.methods["central"].errors.mean_relative_error for check in study.checks_of(CHECKED)]
    return f"{100 * min(errors):.1e} % to {100 * max(errors):.1e} %", max(errors) < PUBLISHED_ERROR


def below_double_precision(study: StoredStudy) -> Measured:
    """Say how far double precision goes."""
    return f"numbers near 1 are {100 * 2.0**-52:.1e} % apart in double precision", False


def in_many_digits(study: StoredStudy) -> Measured:
    """Tell whether 60 digits reach 3e-40 %."""
    digits = study.checks_of(CHECKED)[0].digits
    if digits is None:
        raise NotRunError(CHECKED)
    return (
        f"{100 * digits.mean_relative_error:.1e} % in {digits.digits} digits with h = {digits.h:.0e}",
        digits.mean_relative_error < PUBLISHED_ERROR,
    )


def gradient_is_right(study: StoredStudy) -> Measured:
    """Tell whether the gradient passes with every seed; undecided if no check fails and some cannot tell."""
    found = [check.agreement for check in study.checks_of(CHECKED)]
    worst = max(each.methods["complex"].errors.median_relative_error for each in found)
    passed = sum(each.passed for each in found)
    text = f"passes with {passed} of {several(len(found), 'seed')}; median error of the complex step {worst:.1e}"
    if worst >= 1e-13 or any(each.verdict.answer == "fails" for each in found):
        return text, False
    return text, True if passed == len(found) else "the check cannot tell"


def a_second_each(study: StoredStudy) -> Measured:
    """Tell whether each difference takes about a second."""
    methods = study.checks_of(CHECKED)[0].agreement.methods
    seconds = {name: methods[name].seconds for name in DIFFERENCES}
    text = ", ".join(f"{name} {value:.2f} s" for name, value in seconds.items())
    return text, all(0.5 <= value <= 2 for value in seconds.values())


CLAIMS = (
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
)  # fmt: skip

"""The three answers of a gradient check, and the rule by which they are given.

A method gives evidence: for each of k components a numerical derivative n, and a bound e on |a - n| if the analytic
derivative a has no error. The bound covers round-off and truncation of n, and round-off of a. With
the tolerance t = rtol max(|a|, |n|), a component is

    wrong     if |a - n| > t + 4 e, or if a is not finite where n is
    right     if |a - n| <= t + e, and both a (1 + r) and a (1 - r) would have been called wrong
    not seen  otherwise

with the resolution r, the relative error that must be noticed. A derivative that is zero has no relative error: it is
right if both are zero and the method has seen that f does not change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

import msgspec
import numpy as np

from ravine.arrays import Array
from ravine.errors import ConfigError

Answer = Literal["passes", "fails", "cannot tell"]

RESOLUTION = 1e-3
"""The relative error of a component that a check must notice before it may answer "passes"."""

RIGHT, UNSEEN, WRONG = 1, 0, -1
"""The results of a check for one component."""

_MARGIN = 4
"""A difference above this many bounds is an error. Bounds are estimates, and a right gradient must not fail."""


class Blindness(IntEnum):
    """Why a method does not see a component; the words are in `REASONS`."""

    NONE = 0
    LOST = 1
    ROUND_OFF = 2
    TRUNCATION = 3
    KINK = 4
    NOT_FINITE = 5
    GRADIENT_NOISE = 6
    NOT_COMPLEX = 7
    REAL_OUTPUT = 8
    NOT_ANALYTIC = 9
    ZERO = 10
    BORDER = 11
    CONTRADICTION = 12


REASONS: dict[Blindness, tuple[str, str]] = {
    Blindness.LOST: (
        "the step is lost in x: x + h rounds to x, or nearly so",
        "Take a longer h, or float64, or the complex step.",
    ),
    Blindness.ROUND_OFF: (
        "the difference is no larger than the round-off of f",
        "Take another h or leave h out, or take float64, the complex step as a second method, or a point where f is "
        "smaller.",
    ),
    Blindness.TRUNCATION: (
        "f bends within the step, so that the difference is not the derivative",
        "Take a shorter h or leave h out; if you gave no h, take float64, the complex step, or another point.",
    ),
    Blindness.KINK: (
        "f has a kink or a jump there: differences to either side disagree",
        "Check at another point.",
    ),
    Blindness.NOT_FINITE: ("f is not finite beside x", "Check at a point around which f is finite."),
    Blindness.GRADIENT_NOISE: (
        "the gradient itself has too few digits there: it changes with the last digits of x, or if x has more digits",
        "Use float64, or sum so that less cancels; a gradient that draws random numbers needs a fixed seed.",
    ),
    Blindness.NOT_COMPLEX: (
        "f does not take complex numbers, which the complex step needs",
        'Take the method "central".',
    ),
    Blindness.REAL_OUTPUT: (
        "f returns a real number for a complex x, so it is not analytic (abs, norm, real?)",
        'Take the method "central", or write f without what drops the imaginary part.',
    ),
    Blindness.NOT_ANALYTIC: (
        "the complex step is not confirmed by a real difference, so f may not be analytic (abs, norm, conj?)",
        'Take the method "central", or write f without what drops the imaginary part.',
    ),
    Blindness.ZERO: (
        "a derivative of zero cannot be told from one that round-off hides",
        "Check at another point, where it is not zero, or give an f that takes complex numbers.",
    ),
    Blindness.BORDER: (
        "the two derivatives differ by about as much as the method can be wrong",
        "Take another h, float64, or another method beside this one.",
    ),
    Blindness.CONTRADICTION: (
        "one method finds the derivative right and another finds it wrong",
        "Check at another point, or with another h.",
    ),
}
"""By the kind of blindness, the words for the user: the cause, and what to do."""


@dataclass(frozen=True)
class Evidence:
    """The measurements of one method for k components.

    Attributes:
        values: numerical derivatives, (k,) floats; nan where there is none.
        bounds: how far an analytic derivative may be from the numerical one without an error, (k,) floats; inf if
            that is not known.
        zero: whether f was seen not to depend on the component, (k,) booleans.
        blindness: why a large bound is large, (k,) integers of `Blindness`.
    """

    values: Array
    bounds: Array
    zero: Array
    blindness: Array


class GradientVerdict(msgspec.Struct, frozen=True):
    """An answer, how many components it rests on, and if it is "cannot tell" the cause and what to do."""

    answer: Answer
    right: int
    wrong: int
    unseen: int
    cause: str = ""
    mend: str = ""


def require_tolerance(rtol: float) -> None:
    """Refuse a tolerance that is no share of the component, or that would let everything pass."""
    if not 0 <= rtol <= 0.05:
        raise ConfigError(
            f"rtol is {rtol:g}; it must be from 0 to 0.05, a relative error that a right gradient may have."
        )


def resolution(rtol: float) -> float:
    """Return the relative error that must be noticed: ten tolerances, and at least `RESOLUTION`."""
    return max(RESOLUTION, 10 * rtol)


def judge(analytic: Array, evidence: Evidence, rtol: float) -> Array:
    """Return `RIGHT`, `WRONG` or `UNSEEN` for each component, shape (k,)."""
    with np.errstate(over="ignore", invalid="ignore"):
        gap, allowed = _gap(analytic, evidence.values, rtol)
        wrong = _is_wrong(analytic, evidence, rtol)
        r = resolution(rtol)
        noticed = _is_wrong(analytic * (1 + r), evidence, rtol) & _is_wrong(analytic * (1 - r), evidence, rtol)
        right = noticed & (gap <= allowed + evidence.bounds)
        right |= evidence.zero & (analytic == 0) & ~wrong
    return np.where(wrong, WRONG, np.where(right, RIGHT, UNSEEN)).astype(np.int8)


def _is_wrong(analytic: Array, evidence: Evidence, rtol: float) -> Array:
    gap, allowed = _gap(analytic, evidence.values, rtol)
    beyond: Array = (gap > allowed + _MARGIN * evidence.bounds) | (
        ~np.isfinite(analytic) & np.isfinite(evidence.values)
    )
    return beyond


def _gap(analytic: Array, numerical: Array, rtol: float) -> tuple[Array, Array]:
    return np.abs(analytic - numerical), rtol * np.maximum(np.abs(analytic), np.abs(numerical))


def reasons(analytic: Array, evidence: Evidence, judged: Array, rtol: float) -> Array:
    """Return why each component is not seen, (k,) integers of `Blindness`; 0 where it is."""
    with np.errstate(over="ignore", invalid="ignore"):
        r = resolution(rtol)
        sharp = _is_wrong(analytic * (1 + r), evidence, rtol) | _is_wrong(analytic * (1 - r), evidence, rtol)
    found = np.where(sharp, Blindness.BORDER, evidence.blindness)
    plain = np.isin(found, (Blindness.NONE, Blindness.ROUND_OFF, Blindness.TRUNCATION))
    found = np.where((analytic == 0) & plain, Blindness.ZERO, found)
    return np.where(judged == UNSEEN, found, Blindness.NONE).astype(np.int8)


def combine(judged: Mapping[str, Array]) -> Array:
    """Return the joint result of several methods for each component, shape (k,).

    A component is right if some method finds it right, wrong if some method finds it wrong, and not seen if methods
    contradict one another.
    """
    every = np.stack(list(judged.values()))
    right, wrong = (every == RIGHT).any(axis=0), (every == WRONG).any(axis=0)
    return np.where(right & ~wrong, RIGHT, np.where(wrong & ~right, WRONG, UNSEEN)).astype(np.int8)


@dataclass(frozen=True)
class Answers:
    """The results of all methods: for the whole gradient, for each method alone, and for each component.

    Attributes:
        whole: the answer of all methods together.
        methods: the answer of each method alone.
        components: by the name of a method, its result for each component, (k,) of `RIGHT`, `UNSEEN`, `WRONG`.
        together: the joint result of all methods for each component, in the same form.
        sharpest: for each component, the number of the method with the least bound, (k,).
    """

    whole: GradientVerdict
    methods: dict[str, GradientVerdict]
    components: dict[str, Array]
    together: Array
    sharpest: Array


def answer_all(analytic: Array, evidence: Mapping[str, Evidence], rtol: float) -> Answers:
    """Give the answers for an analytic gradient of shape (k,)."""
    components = {name: judge(analytic, each, rtol) for name, each in evidence.items()}
    why = {name: reasons(analytic, each, components[name], rtol) for name, each in evidence.items()}
    together = combine(components)
    sharpest = np.argmin([each.bounds for each in evidence.values()], axis=0)
    reason = np.take_along_axis(np.stack(list(why.values())), sharpest[None], axis=0)[0]
    convicted = np.any([each == WRONG for each in components.values()], axis=0)
    reason = np.where(convicted, Blindness.CONTRADICTION, reason)
    live = {name: _live(analytic, each) for name, each in evidence.items()}
    whole = _verdict(together, reason, np.any(list(live.values()), axis=0))
    if whole.answer == "passes" and not _control(analytic, evidence, rtol):
        whole = cannot_tell(whole, "the check did not notice an error that was planted to test it", _OTHER_METHOD)
    return Answers(
        whole=whole,
        methods={name: _verdict(components[name], why[name], live[name]) for name in evidence},
        components=components,
        together=together,
        sharpest=sharpest,
    )


def cannot_tell(verdict: GradientVerdict, cause: str, mend: str) -> GradientVerdict:
    """Return the verdict with the answer "cannot tell", its cause, and what to do."""
    return msgspec.structs.replace(verdict, answer="cannot tell", cause=cause, mend=mend)


def worst_first(analytic: Array, evidence: Evidence, judged: Array) -> Array:
    """Return the components in the order in which a reader wants them, (k,): wrong, not seen, right.

    The wrong ones are sorted by their error, the others by their relative error.
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        gap, size = _gap(analytic, evidence.values, 1.0)
        rank = np.where(judged == WRONG, gap, np.where(gap == 0, 0.0, gap / size))
    order: Array = np.lexsort((-np.nan_to_num(rank, nan=np.inf), judged))
    return order


def _live(analytic: Array, evidence: Evidence) -> Array:
    """Tell which derivatives are not zero, by either gradient."""
    live: Array = (analytic != 0) | (np.abs(evidence.values) > evidence.bounds)
    return live


def _verdict(judged: Array, why: Array, live: Array) -> GradientVerdict:
    """Give the answer: "fails" if a component is wrong; "cannot tell" if one is not seen, or if all are zero."""
    right, wrong, unseen = (int((judged == each).sum()) for each in (RIGHT, WRONG, UNSEEN))
    counted = GradientVerdict("fails" if wrong else "passes", right, wrong, unseen)
    if wrong:
        return counted
    if unseen:
        codes, counts = np.unique(why[judged == UNSEEN], return_counts=True)
        return cannot_tell(counted, *REASONS[Blindness(int(codes[counts.argmax()]))])
    if not live.any():
        return cannot_tell(counted, *ALL_ZERO)
    return counted


ALL_ZERO = (
    "every derivative is zero here, and a check at such a point notices no error",
    "Check at another point, where f changes.",
)

_OTHER_METHOD = "Take another method, or another h."


def _control(analytic: Array, evidence: Mapping[str, Evidence], rtol: float) -> bool:
    """Tell whether two planted errors are noticed: a factor 1 + r and a sign, in components drawn by a seed."""
    rng = np.random.default_rng(0)
    live = np.flatnonzero(analytic)
    for factor in (1 + resolution(rtol), -1.0):
        planted = analytic.copy()
        planted[rng.choice(live)] *= factor
        if not (combine({name: judge(planted, each, rtol) for name, each in evidence.items()}) == WRONG).any():
            return False
    return True

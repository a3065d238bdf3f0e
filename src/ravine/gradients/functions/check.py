"""The check of a user's own function and gradient: plain callables, one answer for each component."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from ravine.arrays import Array
from ravine.errors import ConfigError, shortened
from ravine.gradients.answers import (
    Answer,
    Blindness,
    Evidence,
    GradientVerdict,
    answer_all,
    cannot_tell,
    require_tolerance,
    worst_first,
)
from ravine.gradients.errors import Errors, measure
from ravine.gradients.functions.evidence import Gradient, gradient_of, methods_evidence
from ravine.gradients.functions.function import Function, quietly
from ravine.gradients.functions.returned import in_words, table_in_words
from ravine.gradients.methods import require_methods
from ravine.gradients.views import VERDICT_HEAD, verdict_row
from ravine.html import heading, table
from ravine.inputs import convert, plain

_NAMED = 5
"""The number of components that a check names."""


class Component(msgspec.Struct, frozen=True):
    """One component's two derivatives, and by how much they may differ without an error; `index` into the array x."""

    index: tuple[int, ...]
    analytic: float
    numerical: float
    bound: float
    h: float


class MethodCheck(msgspec.Struct, frozen=True):
    """The result of one method: its verdict, its errors, and the components with the largest excess over the bound."""

    verdict: GradientVerdict
    errors: Errors
    worst: list[Component]


class GradientCheck(msgspec.Struct, frozen=True):
    """The result of a gradient check; its truth value is true only if the gradient passes.

    Attributes:
        answer: "passes", "fails" or "cannot tell".
        cause, mend: why the check cannot tell, and what to do; empty for the other two answers.
        methods: the result of each method.
        errors: the errors, for each component by the method with the least bound.
        worst: the components that decide the answer: the wrong ones; if there are none, those that are not seen; if
            there are none either, those with the largest relative error.
    """

    answer: Answer
    cause: str
    mend: str
    methods: dict[str, MethodCheck]
    errors: Errors
    worst: list[Component]

    @property
    def passed(self) -> bool:
        """Whether the answer is "passes"."""
        return self.answer == "passes"

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        if self.answer == "fails":
            worst = self.worst[0]
            place = f"component {worst.index}"
            within = f", within {worst.bound:.1g}" if np.isfinite(worst.bound) else ""
            return f"fails: {place} is {worst.analytic:g} and must be {worst.numerical:g}{within}"
        return f"{self.answer}: {self.cause}. {self.mend}" if self.cause else self.answer

    def __repr__(self) -> str:
        return f"GradientCheck({self})"

    def _repr_html_(self) -> str:
        rows = [verdict_row(name, method.verdict, method.errors) for name, method in self.methods.items()]
        worst = [
            (str(c.index), f"{c.analytic:.6g}", f"{c.numerical:.6g}", f"{c.bound:.1g}", f"{c.h:.1g}")
            for c in self.worst
        ]
        head = ("component", "analytic", "numerical", "may differ by", "step h")
        return heading("Gradient check", str(self)) + table(VERDICT_HEAD, rows) + table(head, worst)


def check_gradient(
    f: Callable[[Array], Any],
    grad: Callable[[Array], ArrayLike],
    x: ArrayLike,
    *,
    method: str | Sequence[str] = "central",
    h: float | None = None,
    rtol: float = 1e-5,
) -> GradientCheck:
    """Compare `grad(x)` with a numerical gradient of the scalar function `f` at `x`.

    The answer is "passes" if an error of 1e-3 in any component would have been noticed and there is none, "fails" if a
    component differs by more than the method and the round-off of f and of the gradient can explain, and otherwise
    "cannot tell", with the cause and what to do. `ravine.gradients.answers` has the rule,
    `ravine.gradients.functions.line` the bounds.

    Args:
        f: a function that takes an array of the shape of x and returns one number.
        grad: a function that takes the same array and returns an array of its shape.
        x: the point of the check, an array of any shape, real; whole numbers become float64.
        method: "central", "forward", "backward" or "complex", or several: then each component must be seen, and found
            right, by at least one. For "complex" f must be analytic and take complex arrays.
        h: the step of every method; by default each component gets the step at which its error is least.
        rtol: the relative error that a right component may have, at most 0.05. Errors of ten times as much, and of no
            less than 1e-3, must be noticed.

    Raises:
        ConfigError: f or grad is no function or fails at x, x or a returned value is not what it must be, or a setting
            is not allowed.

    >>> check = check_gradient(lambda x: (x**3).sum(), lambda x: 3 * x**2, [1.0, 2.0])
    >>> check.answer, check.passed
    ('passes', True)
    >>> wrong = check_gradient(lambda x: (x**3).sum(), lambda x: 2 * x**2, [1.0, 2.0])
    >>> wrong.answer, wrong.worst[0].index
    ('fails', (1,))
    >>> print(check_gradient(lambda x: 1e20 + x.sum(), np.ones_like, [1.0, 2.0]))
    cannot tell: the difference is no larger than the round-off of f. Take another h or leave h out, or take float64, \
the complex step as a second method, or a point where f is smaller.
    """
    names = convert(plain([method] if isinstance(method, str) else method), tuple[str, ...], "method")
    require_methods(names)
    rtol, h = convert(plain(rtol), float, "rtol"), convert(plain(h), float | None, "h")
    require_tolerance(rtol)
    for name, given in (("f", f), ("grad", grad)):
        if not callable(given):
            raise ConfigError(f"{name} is {shortened(given)}; give a function of x.")
    if h is not None and not 0 < h < np.inf:
        raise ConfigError(f"h is {h:g}; the step of a difference must be above 0 and finite, for example 1e-5.")
    point = _point(x)
    with quietly():
        gradient, function = gradient_of(grad, point), Function(f, point)
        return _check(function, gradient, names, h, rtol)


_ONE_ARRAY = "x must be one array of real numbers: join several with np.concatenate, and part them in f and grad"


def _point(x: ArrayLike) -> Array:
    if isinstance(x, Mapping):
        raise ConfigError(f"x is {table_in_words(x)}; {_ONE_ARRAY}.")
    try:
        given = np.asarray(x)
    except (ValueError, TypeError, OverflowError):
        raise ConfigError(f"x is not an array, but {in_words(x)}; {_ONE_ARRAY}.") from None
    if given.dtype.kind not in "biuf" or given.size == 0:
        raise ConfigError(f"x has dtype {given.dtype} and shape {given.shape}; give real numbers, at least one.")
    if not np.isfinite(given).all():
        raise ConfigError("x has numbers that are not finite; a gradient is checked at finite numbers.")
    return given.astype(np.result_type(given.dtype, np.float32) if given.dtype.kind == "f" else float)


def _check(
    function: Function, gradient: Gradient, methods: Sequence[str], h: float | None, rtol: float
) -> GradientCheck:
    a = gradient.values
    if np.isfinite(function.value):
        evidence, steps = methods_evidence(function, gradient, methods, h)
    else:
        evidence, steps = _nothing(methods, len(a)), dict.fromkeys(methods, [np.nan] * len(a))
    # Where f is not finite there is no gradient, so that none is wrong.
    judgment = answer_all(a if np.isfinite(function.value) else np.zeros_like(a), evidence, rtol)
    whole = judgment.whole
    if not np.isfinite(function.value):
        whole = cannot_tell(whole, f"f(x) is {function.value}", "Check at a point where f is finite.")
    elif whole.answer == "cannot tell" and not function.is_steady:
        whole = cannot_tell(whole, *_UNSTEADY)
    sharpest = _sharpest(evidence, judgment.sharpest)

    def components(order: Array, of: Sequence[str]) -> list[Component]:
        return [_component(function, k, a, evidence[of[k]], steps[of[k]][k]) for k in map(int, order[:_NAMED])]

    names = [list(evidence)[number] for number in judgment.sharpest]
    return GradientCheck(
        answer=whole.answer,
        cause=whole.cause,
        mend=whole.mend,
        methods={
            name: MethodCheck(
                verdict=judgment.methods[name],
                errors=_errors(a, each.values),
                worst=components(worst_first(a, each, judgment.components[name]), [name] * len(a)),
            )
            for name, each in evidence.items()
        },
        errors=_errors(a, sharpest.values),
        worst=components(worst_first(a, sharpest, judgment.together), names),
    )


_UNSTEADY = (
    "f returns another number each time it is called, and the differences are no larger than that",
    "Fix the seed of the random numbers that f draws.",
)


def _nothing(methods: Sequence[str], k: int) -> dict[str, Evidence]:
    nothing = Evidence(np.full(k, np.nan), np.full(k, np.inf), np.zeros(k, bool), np.full(k, Blindness.NOT_FINITE))
    return dict.fromkeys(methods, nothing)


def _sharpest(evidence: Mapping[str, Evidence], sharpest: Array) -> Evidence:
    """Return for each component the evidence with the least bound."""

    def picked(of: str) -> Array:
        found: Array = np.stack([getattr(each, of) for each in evidence.values()])[sharpest, np.arange(len(sharpest))]
        return found

    return Evidence(picked("values"), picked("bounds"), picked("zero"), picked("blindness"))


def _component(function: Function, k: int, a: Array, evidence: Evidence, h: float) -> Component:
    index = tuple(int(i) for i in np.unravel_index(k, function.x.shape))
    return Component(index, float(a[k]), float(evidence.values[k]), float(evidence.bounds[k]), float(h))


def _errors(a: Array, numerical: Array) -> Errors:
    known = np.isfinite(numerical)
    return measure(a[known], numerical[known], np.zeros(known.sum(), bool))

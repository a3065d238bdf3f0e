"""Is a surface what it says it is? The checks that ravine's own surfaces pass, for any surface."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ravine.arrays import Array
from ravine.conformance.conformance import Conformance
from ravine.conformance.finding import Finding, failed, left_out, passed
from ravine.errors import ConfigError
from ravine.formulas.shelves import SURFACES
from ravine.formulas.surface import Surface
from ravine.gradients import check_gradient

_POINTS = 20
"""The number of points of the view at which the gradient is checked."""

_NEAR = 1e-6
"""The largest height above `lowest` that a minimum may have, as a share of the usual height in the view.

The gradient there may be ten times this share of its usual size.
"""


def check_surface(surface: str | Surface) -> Conformance:
    """Put a surface through the checks that ravine's own pass.

    Args:
        surface: a surface, a name, or a file such as "my_file.py:bowl", which ravine runs.

    >>> print(check_surface("saddle"))
    saddle: x^2 - y^2 with a bottom: the saddle at (0, 0) holds an optimizer that comes along its ridge.
      passed    finite                  at the start and at 961 points of the view
      passed    arrays                  961 points at once give what each gives alone
      passed    same twice              the same loss and gradient
      passed    gradient                that of finite differences at 20 points of the view
      passed    minima                  2, and nothing in the view is lower than -1
    5 of 5 checks passed.
    """
    found = SURFACES.find(surface)
    return Conformance(found.name, found.summary, tuple(_findings(found)))


def require_sound(surface: Surface) -> None:
    """Refuse a surface that fails one of its checks.

    Raises:
        ConfigError: the first failure, in one sentence with what to do.
    """
    for finding in _findings(surface):
        if finding.outcome == "failed":
            raise ConfigError(f"surface {surface.name} cannot be drawn: {finding.detail}. {finding.mend}")


def _findings(surface: Surface) -> Iterator[Finding]:
    """Check a surface, and yield each finding; after the first failure the others would only repeat it."""
    for name, check in CHECKS.items():
        try:
            with np.errstate(all="ignore"):
                finding = check(surface)
        except ConfigError as error:
            finding = failed(name, str(error).rstrip("."), "Correct the surface.")
        yield finding
        if finding.outcome == "failed":
            return


def _finite(surface: Surface) -> Finding:
    x, y = _grid(surface)
    for px, py in [surface.start, *zip(x.ravel().tolist(), y.ravel().tolist(), strict=True)]:
        value = surface.f(np.float64(px), np.float64(py))
        if not np.isfinite(value):
            return failed(
                "finite",
                f"f is {value} at ({px:g}, {py:g})",
                "Choose a view in which it is finite, or change the formula so that it is.",
            )
    return passed("finite", f"at the start and at {x.size} points of the view")


def _arrays(surface: Surface) -> Finding:
    x, y = _grid(surface)
    at_once = _values(surface, x, y)
    alone = np.array([_values(surface, np.float64(a), np.float64(b)) for a, b in zip(x.flat, y.flat, strict=True)])
    for at_once_part, alone_part, what in zip(at_once, alone.T, ("f", "df/dx", "df/dy"), strict=True):
        size = np.abs(alone_part).max()
        if not np.allclose(at_once_part.ravel(), alone_part, rtol=1e-10, atol=1e-12 * size):
            return failed(
                "arrays",
                f"{what} of many points at once is not what each gives alone",
                "Compute with x and y element by element, without sums over them.",
            )
    return passed("arrays", f"{x.size} points at once give what each gives alone")


def _repeated(surface: Surface) -> Finding:
    x, y = _grid(surface)
    if not np.array_equal(_values(surface, x, y), _values(surface, x, y), equal_nan=True):
        return failed(
            "same twice", "f or its gradient is not the same when it is computed again", "Leave random numbers out."
        )
    return passed("same twice", "the same loss and gradient")


def _gradient(surface: Surface) -> Finding:
    rng = np.random.default_rng(0)
    seen = 0
    for _ in range(_POINTS):
        point = np.array([rng.uniform(low, high) for low, high in surface.view])
        check = check_gradient(lambda p: surface.f(p[0], p[1]), lambda p: np.array(surface.gradient(p[0], p[1])), point)
        if check.answer == "fails":
            worst = check.worst[0]
            letter = "xy"[worst.index[0]]
            whose = "the complex step" if surface.given_gradient is None else "the gradient"
            mend = (
                "Give the gradient as a second function: the formula has something that is not analytic, such as abs."
                if surface.given_gradient is None
                else "Correct the function that gives the gradient, or leave it out, and the complex step finds it."
            )
            return failed(
                "gradient",
                f"df/d{letter} at ({point[0]:.4g}, {point[1]:.4g}) is {worst.analytic:g} by {whose}, and "
                f"{worst.numerical:g} by finite differences",
                mend,
            )
        seen += check.passed
    if not seen:
        return left_out("gradient", "finite differences cannot tell at any point: f is too steep, flat or rough")
    others = "" if seen == _POINTS else f"; at {_POINTS - seen} others they cannot tell"
    return passed("gradient", f"that of finite differences at {seen} points of the view{others}")


def _minima(surface: Surface) -> Finding:
    if surface.lowest is None:
        return left_out("minima", "none are declared")
    grid = _grid(surface)
    values, *slopes = _values(surface, *grid)
    usual = float(np.median(values)) - surface.lowest
    steep = float(np.median(np.hypot(*slopes)))
    for x, y in surface.minima:
        value, *slope = _values(surface, np.float64(x), np.float64(y))
        at = f"at the minimum ({x:.7g}, {y:.7g})"
        digits = "Declare the minimum to seven digits or more, or leave minima and lowest out."
        if not abs(value - surface.lowest) <= _NEAR * usual:
            return failed("minima", f"{at} f is {value:g}, and lowest is {surface.lowest:g}", digits)
        if not np.hypot(*slope) <= 10 * _NEAR * steep:
            return failed("minima", f"{at} the gradient is ({slope[0]:.2g}, {slope[1]:.2g}), and must be zero", digits)
        if (_around(surface, (x, y)) - value < -(_NEAR**2) * usual).any():
            return failed("minima", f"beside {at.removeprefix('at ')} f is lower", digits)
    if values.min() - surface.lowest < -_NEAR * abs(usual):
        return failed(
            "minima",
            f"lowest is {surface.lowest:g}, and f is {values.min():g} within the view",
            "Declare the lowest minima, or leave minima and lowest out.",
        )
    if not surface.minima:
        return passed("minima", f"none are declared, and nothing in the view is lower than {surface.lowest:g}")
    return passed("minima", f"{len(surface.minima)}, and nothing in the view is lower than {surface.lowest:g}")


def _around(surface: Surface, point: tuple[float, float]) -> Array:
    """Return f on a small ellipse around a point, a thousandth of the view wide."""
    angles = np.linspace(0, 2 * np.pi, 50)
    width, height = np.ptp(surface.view, axis=1) / 1000
    values: Array = np.asarray(surface.f(point[0] + width * np.cos(angles), point[1] + height * np.sin(angles)))
    return values


def _grid(surface: Surface) -> tuple[Array, Array]:
    """Return points of the view, (31, 31) each, none of them on a round number, where formulas are special."""
    x, y = np.meshgrid(*(np.linspace(low, high, 33)[1:-1] + 1e-4 * (high - low) for low, high in surface.view))
    return x, y


def _values(surface: Surface, x: Any, y: Any) -> Array:
    """Return f, df/dx and df/dy, (3, ..)."""
    return np.array([surface.f(x, y), *surface.gradient(x, y)], dtype=float)


CHECKS: dict[str, Callable[[Surface], Finding]] = {
    "finite": _finite,
    "arrays": _arrays,
    "same twice": _repeated,
    "gradient": _gradient,
    "minima": _minima,
}
"""Every check of a surface, in the order in which they are made."""

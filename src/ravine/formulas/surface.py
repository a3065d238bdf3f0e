"""Surfaces: losses of two weights, on which the path of an optimizer can be seen.

Letters: x and y are the two weights, numbers or arrays of one shape; f is the loss.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ravine.arrays import Array
from ravine.errors import ConfigError, shortened
from ravine.formulas.declaration import label_of, parameters
from ravine.formulas.faults import telling_faults
from ravine.formulas.faulty import declaring
from ravine.formulas.layers import read_only
from ravine.inputs import convert, plain

Position = tuple[float, float]
View = tuple[Position, Position]

_H = 1e-30
"""The complex step h. The derivative has an error of the order h^2, and h changes no digit of the real part."""


@dataclass(frozen=True, eq=False)
class Surface:
    """A loss of two weights.

    Attributes:
        name: what the command line calls it.
        function: the formula, as it was written.
        start: where paths begin if nothing else is said.
        view: the part that a map shows, the limits of x and the limits of y.
        minima: every point at which f is lowest; none if they are not known.
        lowest: f at the minima; None if it is not known.
        given_gradient: df/dx and df/dy, as they were written; None if the complex step finds them.
    """

    name: str
    function: Callable[[Any, Any], Any]
    start: Position
    view: View
    minima: tuple[Position, ...]
    lowest: float | None
    given_gradient: Callable[[Any, Any], tuple[Any, Any]] | None

    @property
    def summary(self) -> str:
        """The first paragraph of the docstring."""
        return self._paragraph(0)

    @property
    def formula(self) -> str:
        """The text after "f = " at the start of a line of the docstring; "" if there is none."""
        found = re.search(r"^ *f = (.+(?:\n *\S.*)*)", self._docstring, re.MULTILINE)
        return " ".join(found[1].split()) if found else ""

    @property
    def source(self) -> str:
        """The text after "Source: " in the docstring; "" if there is none."""
        paragraphs = range(len(self._docstring.split("\n\n")))
        sources = (self._paragraph(k) for k in paragraphs if self._paragraph(k).startswith("Source: "))
        return next(sources, "").removeprefix("Source: ")

    @property
    def _docstring(self) -> str:
        return inspect.getdoc(self.function) or ""

    def _paragraph(self, number: int) -> str:
        return " ".join(self._docstring.split("\n\n")[number].split())

    def f(self, x: Any, y: Any) -> Any:
        """Return the loss, of numbers or arrays of one shape, real or complex."""
        with telling_faults(f"surface {self.name}", self.function):
            return self._checked(self.function(*_to_read(x, y)), x, y)

    def gradient(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Return df/dx and df/dy, of numbers or arrays of one shape.

        Without a function that gives them they come from the complex step, f(x + ih, y).imag / h, exact to the
        round-off of f. It needs a formula that takes complex numbers and keeps their imaginary part.

        Raises:
            ConfigError: a function fails, or the complex step finds no gradient.
        """
        if self.given_gradient is None:
            return self._complex_step(x, y, 0), self._complex_step(x, y, 1)
        with telling_faults(f"gradient of surface {self.name}", self.given_gradient):
            parts = self.given_gradient(*_to_read(x, y))
            if not isinstance(parts, Sequence) or len(parts) != 2:
                raise ConfigError(f"the gradient of surface {self.name} must return two values, df/dx and df/dy.")
            return self._checked(parts[0], x, y), self._checked(parts[1], x, y)

    def _complex_step(self, x: Any, y: Any, axis: int) -> Any:
        at = [np.asarray(x), np.asarray(y)]
        at[axis] = at[axis] + 1j * _H
        mend = "give the gradient as a second function, @ravine.surface(gradient=..)."
        try:
            value = self.f(*at)
        except ConfigError as error:
            raise ConfigError(
                f"{error} The complex step, which finds its gradient, needs a formula that takes complex numbers, as "
                f"NumPy's functions do: use these, or {mend}"
            ) from error
        if not np.iscomplexobj(value):
            letter = "xy"[axis]
            raise ConfigError(
                f"surface {self.name} is real where {letter} is complex, so that the complex step finds no gradient: "
                f"it does not depend on {letter}, or drops its imaginary part, as abs does. So {mend}"
            )
        return value.imag / _H

    def _checked(self, value: Any, x: Any, y: Any) -> Any:
        """Return what the user's function returned, if it is a number for each point."""
        returned, shape = np.asarray(value), np.broadcast_shapes(np.shape(x), np.shape(y))
        real = not (np.iscomplexobj(x) or np.iscomplexobj(y))
        if returned.dtype.kind not in ("biuf" if real else "biufc"):
            raise ConfigError(f"surface {self.name} returns {returned.dtype}; it must return real numbers.")
        if returned.shape != shape:
            raise ConfigError(
                f"surface {self.name} returns shape {returned.shape} for weights of shape {shape}; it must return one "
                "number for each point, so that a map can be drawn."
            )
        return value

    def nearest_minimum(self, point: Array) -> tuple[Position, float] | None:
        """Return the minimum next to `point`, shape (2,), and how far it is; None if the minima are not known."""
        if not self.minima:
            return None
        distances = [float(np.hypot(*(point - minimum))) for minimum in self.minima]
        nearest = distances.index(min(distances))
        return self.minima[nearest], distances[nearest]


def _to_read(*values: Any) -> list[Any]:
    """Return numbers as they are, and of arrays views that the user's function cannot change: they may be a path."""
    return [read_only([value])[0] if isinstance(value, np.ndarray) else value for value in values]


def surface(
    function: None = None,
    /,
    *,
    start: Position | None = None,
    view: View | None = None,
    minima: Sequence[Position] = (),
    lowest: float | None = None,
    gradient: Callable[[Any, Any], tuple[Any, Any]] | None = None,
    name: str | None = None,
) -> Callable[[Callable[[Any, Any], Any]], Surface]:
    """Make a `Surface` of a function of two weights, as a decorator that needs `start` and `view`.

    The function takes x and y, numbers or arrays of one shape, and returns f. Its docstring may describe the surface,
    then give the formula in an indented line, `f = ..`, then `Source: ..`.

    Args:
        start: where paths begin if nothing else is said; a point of the view.
        view: what a map shows, ((lowest x, highest x), (lowest y, highest y)).
        minima: every point at which f is lowest, to seven digits or more. Leave them out if you do not know them.
        lowest: f there. It is computed where minima are given.
        gradient: a function of x and y that returns df/dx and df/dy. Leave it out if the formula consists of
            arithmetic and NumPy's analytic functions: the complex step finds the gradient to the last digits. It is
            needed if f has `abs`, `max` or the like, or does not depend on one of the weights.
        name: what the command line calls it; the function's name if None.

    >>> @surface(start=(2.0, 1.0), view=((-3, 3), (-3, 3)), minima=[(0, 0)])
    ... def bowl(x, y):
    ...     return x**2 + 2 * y**2
    >>> bowl.f(2.0, 1.0), bowl.lowest
    (6.0, 0.0)
    >>> [float(part) for part in bowl.gradient(2.0, 1.0)]
    [4.0, 4.0]
    """

    @declaring("surface")
    def declare(function: Callable[[Any, Any], Any]) -> Surface:
        if start is None or view is None:
            raise ConfigError(
                "a surface needs a start and a view: write @ravine.surface(start=(1, 1), view=((-2, 2), (-2, 2))) "
                "above its function."
            )
        label = label_of(function, name, "surface")
        for written in (function, gradient):
            if written is not None:
                _check_weights(label, written)
        limits = convert(plain(view), View, f"view of {label}")
        at = _finite(f"start of {label}", start)
        for (low, high), coordinate, letter in zip(limits, at, "xy", strict=True):
            if not (math.isfinite(high - low) and low < high):
                raise ConfigError(
                    f"view of {label} shows {letter} from {low:g} to {high:g}; give a lower and a higher limit."
                )
            if not low <= coordinate <= high:
                raise ConfigError(
                    f"start of {label} has {letter} = {coordinate:g}, and its view is from {low:g} to {high:g}: start "
                    "within the view."
                )
        found = convert(plain(minima), list[Position], f"minima of {label}")
        known = tuple(_finite(f"minima of {label}", point) for point in found)
        value = convert(plain(lowest), float | None, f"lowest of {label}")
        made = Surface(label, function, at, limits, known, value, gradient)
        if value is not None or not known:
            return made
        return Surface(label, function, at, limits, known, float(made.f(*known[0])), gradient)

    return declare if function is None else declare(function)


def _check_weights(label: str, function: Any) -> None:
    positional, keywords = parameters(function, "surface") if inspect.isfunction(function) else ([], {})
    names = ", ".join([*positional, *keywords])
    if len(positional) != 2 or keywords:
        raise ConfigError(
            f"surface {label} and its gradient are functions that take two weights, (x, y), and this is "
            f"{shortened(function)} with ({names})."
        )


def _finite(name: str, point: Any) -> Position:
    x, y = convert(plain(point), Position, name)
    if not (math.isfinite(x) and math.isfinite(y)):
        raise ConfigError(f"{name}: ({x:g}, {y:g}) is no point; give two finite numbers.")
    return x, y

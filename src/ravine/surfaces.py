"""Surfaces of two weights, on which the path of an optimizer can be seen.

Letters: x and y are the two weights, numbers or arrays of one shape; f is the loss.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np

from ravine.arrays import Array
from ravine.errors import ConfigError, unknown

Point = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Surface:
    """A loss of two weights.

    Attributes:
        name: what the command line calls it.
        formula: f in plain text.
        f: the loss, of numbers or arrays.
        gradient: df/dx and df/dy, of numbers or arrays.
        minima: every point at which f is lowest.
        lowest: f at the minima.
        start: where paths begin if nothing else is said.
        view: the part that a map shows, the limits of x and the limits of y.
        source: where it comes from and what it is hard for.
    """

    name: str
    formula: str
    f: Callable[[Any, Any], Any]
    gradient: Callable[[Any, Any], tuple[Any, Any]]
    minima: tuple[Point, ...]
    lowest: float
    start: Point
    view: tuple[Point, Point]
    source: str

    def nearest_minimum(self, point: Array) -> tuple[Point, float]:
        """Return the minimum next to `point`, shape (2,), and how far it is."""
        distances = [float(np.hypot(*(point - minimum))) for minimum in self.minima]
        nearest = distances.index(min(distances))
        return self.minima[nearest], distances[nearest]


_STEEP = 75.0


def _ravine(x: Any, y: Any) -> Any:
    return (x * x + _STEEP * y * y) / 2


def _ravine_gradient(x: Any, y: Any) -> tuple[Any, Any]:
    return x, _STEEP * y


def _rosenbrock(x: Any, y: Any) -> Any:
    return (1 - x) ** 2 + 100 * (y - x * x) ** 2


def _rosenbrock_gradient(x: Any, y: Any) -> tuple[Any, Any]:
    return -2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)


_BEALE = ((1.5, 1), (2.25, 2), (2.625, 3))


def _beale(x: Any, y: Any) -> Any:
    return sum((c - x * (1 - y**k)) ** 2 for c, k in _BEALE)


def _beale_gradient(x: Any, y: Any) -> tuple[Any, Any]:
    residuals = [(c - x * (1 - y**k), k) for c, k in _BEALE]
    return sum(-2 * r * (1 - y**k) for r, k in residuals), sum(2 * r * k * x * y ** (k - 1) for r, k in residuals)


def _saddle(x: Any, y: Any) -> Any:
    return x**2 - y**2 + y**4 / 4


def _saddle_gradient(x: Any, y: Any) -> tuple[Any, Any]:
    return 2 * x, y**3 - 2 * y


def _himmelblau(x: Any, y: Any) -> Any:
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def _himmelblau_gradient(x: Any, y: Any) -> tuple[Any, Any]:
    p, q = x**2 + y - 11, x + y**2 - 7
    return 4 * x * p + 2 * q, 2 * p + 4 * y * q


_ALL = (
    Surface(
        "ravine",
        "(x^2 + 75 y^2) / 2",
        _ravine,
        _ravine_gradient,
        minima=((0.0, 0.0),),
        lowest=0.0,
        start=(-8.0, 1.2),
        view=((-10.0, 4.0), (-1.5, 1.5)),
        source="a quadratic with condition number 75: steep across, shallow along; gradient descent zig-zags",
    ),
    Surface(
        "rosenbrock",
        "(1 - x)^2 + 100 (y - x^2)^2",
        _rosenbrock,
        _rosenbrock_gradient,
        minima=((1.0, 1.0),),
        lowest=0.0,
        start=(-1.2, 1.0),
        view=((-2.0, 2.0), (-1.0, 3.0)),
        source="Rosenbrock, 1960, with its start: a ravine that bends",
    ),
    Surface(
        "beale",
        "(1.5 - x (1 - y))^2 + (2.25 - x (1 - y^2))^2 + (2.625 - x (1 - y^3))^2",
        _beale,
        _beale_gradient,
        minima=((3.0, 0.5),),
        lowest=0.0,
        start=(1.0, 1.0),
        view=((-0.5, 4.0), (-1.0, 1.5)),
        source="Beale, 1958; start of Moré, Garbow and Hillstrom, 1981: a flat valley between steep walls",
    ),
    Surface(
        "saddle",
        "x^2 - y^2 + y^4 / 4",
        _saddle,
        _saddle_gradient,
        minima=((0.0, sqrt(2)), (0.0, -sqrt(2))),
        lowest=-1.0,
        start=(-1.5, 0.001),
        view=((-2.0, 2.0), (-1.0, 2.0)),
        source="x^2 - y^2 with a bottom: the saddle at (0, 0) holds whoever comes along its ridge",
    ),
    Surface(
        "himmelblau",
        "(x^2 + y - 11)^2 + (x + y^2 - 7)^2",
        _himmelblau,
        _himmelblau_gradient,
        minima=(
            (3.0, 2.0),
            (-2.805118086952745, 3.131312518250573),
            (-3.779310253377747, -3.283185991286170),
            (3.584428340330492, -1.848126526964404),
        ),
        lowest=0.0,
        start=(0.0, -1.0),
        view=((-5.0, 5.0), (-5.0, 5.0)),
        source="Himmelblau, 1972: four minima around a hill; who falls into which?",
    ),
)

SURFACES: dict[str, Surface] = {surface.name: surface for surface in _ALL}
"""Every surface by name."""


def find_surface(name: str) -> Surface:
    """Return a surface by its name; one that does not exist is a `ConfigError` that suggests the nearest.

    >>> find_surface("rosenbrock").minima
    ((1.0, 1.0),)
    """
    if not isinstance(name, str) or name not in SURFACES:
        raise ConfigError(unknown("surface", name, SURFACES))
    return SURFACES[name]

"""Activation functions: a function of one number and its derivative, written once."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from ravine.arrays import Array
from ravine.errors import ConfigError
from ravine.formulas.faulty import declaring
from ravine.formulas.pointwise import Pointwise, check_derivative, is_own, pointwise
from ravine.inputs import convert, plain

_POINTS = np.concatenate([side * np.geomspace(1e-8, 40, 60) for side in (-1, 1)])
"""Where the derivative of an activation is checked."""


@dataclass(frozen=True, eq=False, repr=False)
class Activation:
    """An element-wise function a = f(z) and its derivative f'(z), of any float dtype; a NaN stays NaN.

    Attributes:
        name: what the command line calls it.
        formula: f and f', as they were written.
        kinks: where f' jumps, ascending.
    """

    name: str
    formula: Pointwise
    kinks: tuple[float, ...]

    def __repr__(self) -> str:
        return f"Activation({self.name})"

    @property
    def function(self) -> Callable[..., Any]:
        """The function that was declared."""
        return self.formula.function

    @property
    def has_kink(self) -> bool:
        """Whether f' jumps somewhere."""
        return bool(self.kinks)

    @property
    def gates(self) -> bool:
        """Whether a unit is either off, with f = 0 and f' = 0, or passes z on, as ReLU does.

        The fused engine leaves out units that are off, and multiplies no delta by a slope of 1.
        """
        return self.off is not None

    @property
    def off(self) -> str | None:
        """The condition on z under which a unit is off, if the text says that the activation gates."""
        body = self.formula.body()
        value, slope = map(ast.unparse, body.results)
        condition = value.removeprefix("np.where(").removesuffix(", 0, z)")
        gates = (value, slope) == (f"np.where({condition}, 0, z)", f"np.where({condition}, 0, 1)")
        return condition if gates and not body.assignments else None

    def value(self, z: Array) -> Array:
        """Return f(z), in the shape and dtype of z, which may be complex."""
        return self.formula(z)[0]

    def value_and_slope(self, z: Array) -> tuple[Array, Array]:
        """Return f(z) and f'(z), in the shape and dtype of z."""
        return self.formula(z)

    def side(self, z: Array) -> Array:
        """Return how many kinks lie to the left of each number, in the shape of z; of complex numbers the real part."""
        return np.searchsorted(self.kinks, np.real(z), side="left")


@overload
def activation(function: Callable[[Any], Any], /) -> Activation: ...


@overload
def activation(
    *, name: str | None = None, kinks: Sequence[float] = ()
) -> Callable[[Callable[[Any], Any]], Activation]: ...


def activation(
    function: Callable[[Any], Any] | None = None, *, name: str | None = None, kinks: Sequence[float] = ()
) -> Activation | Callable[[Callable[[Any], Any]], Activation]:
    """Make an `Activation` of a function, as a decorator with or without arguments.

    The function takes `z`, the sum that a unit gets, and returns f(z) and f'(z). It is written as a rule is: names,
    arithmetic, `np.where`, functions of NumPy and `math.erf`. Both engines compute this text.

    Args:
        name: what the command line calls it; the function's name if None.
        kinks: where f' jumps: there a finite difference has no derivative to find.

    Raises:
        ConfigError: the function is not written so, or its derivative is wrong; the message names a point.

    >>> @activation
    ... def square(z):
    ...     return z * z, 2 * z
    >>> square.value(np.array([1.0, -3.0])).tolist()
    [1.0, 9.0]
    """

    @declaring("activation")
    def declare(function: Callable[[Any], Any]) -> Activation:
        label, formula = pointwise("activation", function, ("z",), name)
        places = tuple(sorted(convert(plain(kinks), list[float], f"kinks of activation {label}")))
        if not np.isfinite(places).all():
            raise ConfigError(f"kinks of activation {label} are {list(kinks)}; give finite numbers.")
        if not is_own(function):
            check_derivative(formula, {"z": _POINTS}, places)
        return Activation(label, formula, places)

    return declare if function is None else declare(function)

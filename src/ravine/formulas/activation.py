"""Activation functions: a function and its slope."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ravine.arrays import Array


@dataclass(frozen=True)
class Activation:
    """An element-wise function a = f(z), with f'(z) given as `slope(a)`, shapes and dtypes unchanged.

    The functions take arrays of any float or complex dtype. For complex numbers the real part decides the side of a
    kink, so that the complex step differentiates the branch that the real network takes. A NaN stays NaN.

    Attributes:
        name: what the command line calls it.
        function: f, of z.
        slope: f', as a function of a = f(z).
        has_kink: whether f' jumps somewhere.
    """

    name: str
    function: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    has_kink: bool

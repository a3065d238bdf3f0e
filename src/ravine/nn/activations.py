"""Activation functions, each with its slope written as a function of its own output.

The functions take arrays of any float dtype, and of complex dtype, where a kink is decided by the real part, so that
the complex step differentiates the branch that the real network takes. A NaN stays NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ravine.arrays import Array

LEAK = 0.01
"""Slope of the leaky ReLU left of zero (Maas, Hannun and Ng 2013)."""


@dataclass(frozen=True)
class Activation:
    """An element-wise function a = f(z), with f'(z) given as `slope(a)`, shapes and dtypes unchanged."""

    name: str
    function: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    has_kink: bool


def _relu(z: Array) -> Array:
    gated: Array = np.where(z.real <= 0, z.dtype.type(0), z)
    return gated


def _relu_slope(a: Array) -> Array:
    live: Array = (a != 0).astype(a.dtype)
    return live


def _leaky_relu(z: Array) -> Array:
    leaky: Array = np.where(z.real <= 0, LEAK * z, z)
    return leaky


def _leaky_relu_slope(a: Array) -> Array:
    slope: Array = np.where(a.real <= 0, a.dtype.type(LEAK), a.dtype.type(1))
    return slope


def _tanh_slope(a: Array) -> Array:
    slope: Array = 1 - a * a
    return slope


def _sigmoid(z: Array) -> Array:
    # 1 / (1 + exp(-z)) without an exponential that can overflow.
    squashed: Array = 0.5 + 0.5 * np.tanh(0.5 * z)
    return squashed


def _sigmoid_slope(a: Array) -> Array:
    slope: Array = a * (1 - a)
    return slope


ACTIVATIONS: dict[str, Activation] = {
    activation.name: activation
    for activation in (
        Activation("relu", _relu, _relu_slope, has_kink=True),
        Activation("leaky-relu", _leaky_relu, _leaky_relu_slope, has_kink=True),
        Activation("tanh", np.tanh, _tanh_slope, has_kink=False),
        Activation("sigmoid", _sigmoid, _sigmoid_slope, has_kink=False),
    )
}
"""relu: max(0, z), the paper's eq. 2, with slope 0 at z = 0. leaky-relu: z or 0.01 z. tanh. sigmoid: 1 / (1 + e^-z)."""

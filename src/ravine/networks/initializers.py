"""Initial weights.

Glorot-uniform is the default.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ravine.arrays import Array
from ravine.errors import ConfigError, unknown
from ravine.networks.network import Network

Draw = Callable[[np.random.Generator, int, int], Array]


def _glorot_uniform(rng: np.random.Generator, fan_in: int, fan_out: int) -> Array:
    limit = math.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-limit, limit, (fan_in, fan_out))


def _glorot_normal(rng: np.random.Generator, fan_in: int, fan_out: int) -> Array:
    return rng.normal(0, math.sqrt(2 / (fan_in + fan_out)), (fan_in, fan_out))


def _he_uniform(rng: np.random.Generator, fan_in: int, fan_out: int) -> Array:
    limit = math.sqrt(6 / fan_in)
    return rng.uniform(-limit, limit, (fan_in, fan_out))


def _he_normal(rng: np.random.Generator, fan_in: int, fan_out: int) -> Array:
    return rng.normal(0, math.sqrt(2 / fan_in), (fan_in, fan_out))


def _lecun_normal(rng: np.random.Generator, fan_in: int, fan_out: int) -> Array:
    return rng.normal(0, math.sqrt(1 / fan_in), (fan_in, fan_out))


INITIALIZERS: dict[str, Draw] = {
    "glorot-uniform": _glorot_uniform,
    "glorot-normal": _glorot_normal,
    "he-uniform": _he_uniform,
    "he-normal": _he_normal,
    "lecun-normal": _lecun_normal,
}
"""glorot: variance 2 / (fan_in + fan_out) (Glorot and Bengio 2010). he: 2 / fan_in (He et al. 2015). lecun: 1 / fan_in
(LeCun et al. 1998). The normal forms are not truncated, as in PyTorch and unlike Keras."""


def initial_weights(network: Network, initializer: str, rng: np.random.Generator) -> Array:
    """Draw the flat weight vector, shape (n,), float64; biases are 0.

    Drawn in float64 whatever dtype the run has, so that runs in different dtypes start from the same point.
    """
    if initializer not in INITIALIZERS:
        raise ConfigError(unknown("initializer", initializer, INITIALIZERS))
    try:
        flat = np.zeros(network.layout.size)
    except (MemoryError, ValueError):  # more than the memory holds, or more than NumPy can count
        layers, size = ",".join(map(str, network.layers)), network.layout.size
        raise ConfigError(
            f"layers {layers} make {size:.3g} weights, more than the memory holds: give smaller ones."
        ) from None
    sizes = zip(network.layers[:-1], network.layers[1:], strict=True)
    for matrix, (fan_in, fan_out) in zip(network.layout.views(flat), sizes, strict=True):
        matrix[:fan_in] = INITIALIZERS[initializer](rng, fan_in, fan_out)
    return flat

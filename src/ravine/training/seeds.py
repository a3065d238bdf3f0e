"""The random numbers of a run: all of them derive from its one seed."""

from __future__ import annotations

import numpy as np

from ravine.arrays import Array
from ravine.networks import Network, initial_weights
from ravine.spec import RunSpec

_WEIGHTS_STREAM, _SHUFFLE_STREAM = 0, 1


def seeded(seed: int, *stream: int) -> np.random.Generator:
    """Return the random numbers of one use of a run's seed: stream (0,) the weights, (1, k) the shuffle of epoch k."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=stream))


def epoch_order(seed: int, epoch: int, count: int) -> Array:
    """Return the order of the samples in `epoch`, counted from 0: a fresh shuffle, int64, (count,)."""
    return seeded(seed, _SHUFFLE_STREAM, epoch).permutation(count)


def start_weights(spec: RunSpec) -> Array:
    """Return the initial weights of a spec, float64, (n,)."""
    shape = Network(spec.layers, bias=spec.bias)  # the activations do not matter, and may be of a file that has changed
    return initial_weights(shape, spec.init, seeded(spec.seed, _WEIGHTS_STREAM))

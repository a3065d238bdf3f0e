"""What the tests of the engines share: small data that looks like MNIST to a kernel, and a run on it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.data import Split
from ravine.engines import make_engine
from ravine.formulas.optimizer import Optimizer
from ravine.networks import Network, initial_weights

WIDTH = 196
SMALL = (WIDTH, 37, 10)
PAPER = (784, 300, 100, 100, 10)
DEEP = (WIDTH, 70, 35, 35, 10)
"""As deep as the paper's network, and sooner computed."""

ENGINES = ("fused", "reference")

KINDS = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam")
"""Rules of every kind, inert, drifting and dense, without slots, with one and with two. All others are compared in both
engines by the checks that they pass."""

SINGLE_PRECISION = ("momentum", "adam")
"""A rule that drifts and one that is dense: the two that are tested in float32 as well."""


def sparse_split(count: int = 400, width: int = WIDTH, classes: int = 10, seed: int = 0) -> Split:
    """Return images with about 80 % zeros: some pixels are never used, some in one image, some in most of them."""
    rng = np.random.default_rng(seed)
    share = rng.beta(0.4, 1.6, width)
    images = rng.integers(1, 256, (count, width)) * (rng.random((count, width)) < share)
    images[0] = 0  # an empty image
    return split(images, rng.integers(0, classes, count))


def dense_split(count: int = 400, width: int = 61, seed: int = 3) -> Split:
    """Return images with one zero in ten."""
    rng = np.random.default_rng(seed)
    images = rng.integers(1, 256, (count, width)) * (rng.random((count, width)) < 0.9)
    return split(images, rng.integers(0, 10, count))


def split(images: Any, labels: Any) -> Split:
    """Return read-only arrays, as those of a data set are."""
    arrays = np.asarray(images, np.uint8), np.asarray(labels, np.uint8)
    for array in arrays:
        array.flags.writeable = False
    return Split(*arrays)


def settings(rule: Optimizer) -> dict[str, float]:
    """Return the optimizer's hyper-parameters, with a value for those that have no default."""
    return rule.hyperparameters({name: 0.05 for name, value in rule.defaults.items() if value is None})


def starting_point(network: Network, seed: int = 1) -> np.ndarray:
    """Return initial weights, with biases that are not all the same."""
    rng = np.random.default_rng(seed)
    weights = initial_weights(network, "glorot-uniform", rng)
    return np.where(weights == 0, rng.normal(0, 0.05, weights.shape), weights)


def order_of(steps: int, batch_size: int, count: int, seed: int = 2) -> np.ndarray:
    """Return sample numbers for `steps` batches, the last of them smaller where that is possible."""
    length = (steps - 1) * batch_size + max(1, batch_size // 2)
    return np.random.default_rng(seed).integers(0, count, length)


def pair(network: Network, rule: Optimizer, batch_size: int, dtype: str = "float64") -> list[Any]:
    """Return a fused and a reference engine at the same starting point."""
    weights = starting_point(network)
    return [make_engine(name, network, rule, weights, dtype, batch_size) for name in ENGINES]


def run(engine: Any, data: Split, order: np.ndarray, hyper: dict[str, float]) -> Any:
    """Take every step of `order` and settle."""
    taken = engine.train(data, order, 0, len(order), hyper)
    engine.settle(hyper)
    return taken


def flat(state: dict[str, np.ndarray], slot: str) -> np.ndarray:
    """Return a slot of all arrays of weights as one vector, as the weights are one."""
    return np.concatenate([a.ravel() for name, a in state.items() if name.rpartition(".")[0] == f"slot.{slot}"])


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """Return |one - other| / |other| in the Euclidean norm."""
    scale = np.linalg.norm(other.astype(np.float64))
    return float(np.linalg.norm(one.astype(np.float64) - other.astype(np.float64)) / (scale or 1))


def assert_same(fused: Any, reference: Any, tolerance: float) -> None:
    """Compare weights, every slot and the number of steps of two settled engines."""
    assert fused.steps == reference.steps
    ours, theirs = fused.state(), reference.state()
    assert set(theirs) <= set(ours)
    for name in set(theirs) - {"steps"}:
        assert difference(ours[name], theirs[name]) <= tolerance, name


def assert_same_bits(one: Any, other: Any) -> None:
    """Compare the whole state of two engines of one kind."""
    ours, theirs = one.state(), other.state()
    assert set(ours) == set(theirs)
    for name in ours:
        assert ours[name].tobytes() == theirs[name].tobytes(), name

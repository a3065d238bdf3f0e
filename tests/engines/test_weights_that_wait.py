"""lazy_adam and lazy_adamax on sparse data in both engines beside NumPy: which weights move, and where to."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from engine_cases import ENGINES, difference, flat, starting_point

from ravine.data import Split
from ravine.engines import make_engine
from ravine.networks import Network, gradient
from ravine.optimizers.lazy_adam import lazy_adam
from ravine.optimizers.lazy_adamax import lazy_adamax

COLUMNS, HIDDEN, CLASSES, COUNT, STEPS = 400, 6, 3, 60, 25
NETWORK = Network((COLUMNS, HIDDEN, CLASSES))
HYPER = {"lr": 0.02, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8}


def scattered():
    """Return samples with some 4 nonzeros among 400 columns, of which the last 50 are never used."""
    rng = np.random.default_rng(0)
    x = np.where(rng.random((COUNT, COLUMNS)) < 0.01, rng.normal(size=(COUNT, COLUMNS)), 0)
    x[:, -50:] = 0
    return x, rng.integers(0, CLASSES, COUNT).astype(np.uint8)


def averaged(v, g):
    return 0.99 * v + 0.01 * g**2


def largest(u, g):
    return np.maximum(0.99 * u, np.abs(g) + HYPER["eps"])


def adam_size(v, t):
    return np.sqrt(v / (1 - 0.99**t)) + HYPER["eps"]


def adamax_size(u, t):
    return u


@pytest.mark.parametrize("batch_size", [1, 7, 40, 200])
@pytest.mark.parametrize(
    ("rule", "slot", "next_size", "size"),
    [(lazy_adam, "v", averaged, adam_size), (lazy_adamax, "u", largest, adamax_size)],
    ids=["lazy_adam", "lazy_adamax"],
)
def test_only_weights_with_a_gradient_move_and_both_engines_take_the_steps_of_numpy(
    rule, slot, next_size, size, batch_size
):
    x, labels = scattered()
    start = starting_point(NETWORK)
    order = np.random.default_rng(1).integers(0, COUNT, STEPS * batch_size)
    w, m, v = start.copy(), np.zeros_like(start), np.zeros_like(start)
    partly = 0
    for t, batch in enumerate(order.reshape(STEPS, batch_size), start=1):
        _, g = gradient(NETWORK, w, x[batch], labels[batch])
        on = g != 0
        first = on[: COLUMNS * HIDDEN].reshape(COLUMNS, HIDDEN)
        partly += np.count_nonzero(first.any(axis=1) & ~first.all(axis=1))
        m[on] = 0.9 * m[on] + 0.1 * g[on]
        v[on] = next_size(v[on], g[on])
        w[on] -= HYPER["lr"] * (m[on] / (1 - 0.9**t)) / size(v[on], t)
    assert partly > 20  # rows of which ReLU lets some weights wait
    assert 50 * HIDDEN <= np.count_nonzero(w == start) < len(w) - 100
    for name in ENGINES:
        engine = make_engine(name, NETWORK, rule, start, "float64", batch_size)
        data = Split(scipy.sparse.csr_array(x), labels)
        engine.train(data, order, 0, len(order), HYPER)
        engine.settle(HYPER)
        state = engine.state()
        assert difference(engine.weights, w) < 1e-10
        assert difference(flat(state, "m"), m) < 1e-10
        assert difference(flat(state, slot), v) < 1e-10
        np.testing.assert_array_equal(engine.weights == start, w == start)

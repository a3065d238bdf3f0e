"""A number that is not finite is never skipped, and ends a run before it can spread."""

from __future__ import annotations

import numpy as np
import pytest
from engine_cases import ENGINES, KINDS, assert_same_bits, order_of, pair, run, sparse_split, split, starting_point

from optimizer_cases import ELEMENTWISE
from ravine.engines import make_engine
from ravine.formulas.shelves import ACTIVATIONS
from ravine.networks import Network
from ravine.optimizers.momentum import momentum
from ravine.optimizers.sgd import sgd

pytestmark = pytest.mark.usefixtures("kernels")


@pytest.fixture(scope="module")
def data():
    return sparse_split(400, width=60)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_weight_that_is_nan_shows_in_the_loss(engine, activation, bad):
    network = Network((3, 4, 4, 2), activation=activation)
    weights = starting_point(network)
    weights[[2, 3]] = bad, np.nan  # of the first input's row
    data = split([[9, 0, 7]] * 5, [0, 1, 0, 1, 1])
    taken = make_engine(engine, network, sgd, weights, "float64", 2).train(data, np.arange(5), 0, 5, {"lr": 0.1})
    assert taken.steps == 0
    assert taken.loss_sum == 0
    assert np.isnan(make_engine(engine, network, sgd, weights, "float64", 2).evaluate(data).loss)


@pytest.mark.parametrize("batch_size", [1, 7, 300])
@pytest.mark.parametrize("softmax", ["shifted", "naive"])
@pytest.mark.parametrize("rule", [sgd, momentum], ids=lambda rule: rule.name)
def test_both_engines_stop_before_the_same_update(data, rule, softmax, batch_size):
    # The rate is so high that e^z or, in the shifted form, the products of the weights overflow within some steps.
    # The leaky activation keeps all units alive, so that every step goes further.
    network = Network((60, 8, 8, 10), activation="leaky-relu", softmax=softmax)
    hyper = rule.hyperparameters({"lr": 30.0 if softmax == "naive" else 1e3})
    order = order_of(60, batch_size, 400)
    stopped = []
    for name, engine in zip(ENGINES, pair(network, rule, batch_size), strict=True):
        taken = run(engine, data, order, hyper)
        stopped.append(taken.steps)
        assert 0 < taken.steps == engine.steps < 60
        assert np.isfinite(taken.loss_sum)
        assert np.isfinite(engine.weights).all()

        short = make_engine(name, network, rule, starting_point(network), "float64", batch_size)
        same = short.train(data, order, 0, taken.steps * batch_size, hyper)
        short.settle(hyper)
        assert same == taken
        np.testing.assert_allclose(short.weights, engine.weights, rtol=1e-10)
    assert stopped[0] == stopped[1]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_naive_softmax_overflows_where_the_shifted_one_does_not(engine):
    data = split([[255, 255]], [0])
    steps = {}
    for form in ("shifted", "naive"):
        weights = np.array([400.0, 0.0, 400.0, 0.0])
        one = make_engine(engine, Network((2, 2), softmax=form), sgd, weights, "float64", 1)
        steps[form] = one.train(data, np.array([0]), 0, 1, {"lr": 0.1}).steps
        assert np.isfinite(one.evaluate(data).loss) == (form == "shifted")
    assert steps == {"shifted": 1, "naive": 0}


@pytest.mark.parametrize("batch_size", [1, 7, 300])
@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_that_stopped_goes_on_from_a_good_state(data, engine, name, batch_size):
    # Sample 0 alone has pixel 0, whose weights are NaN at first; it comes late in its batch.
    rule = ELEMENTWISE[name]
    hyper = rule.hyperparameters({})
    images = data.features.copy()
    images[:, 0] = 0
    images[0, 0] = 1
    data = split(images, data.targets)
    network = Network((60, 8, 10), bias=True)
    order = np.random.default_rng(3).integers(1, 400, 4 * batch_size)
    good, bad = starting_point(network), starting_point(network)
    bad[:8] = np.nan
    poisoned = order.copy()
    poisoned[batch_size - 1] = 0

    fresh, stopped = (make_engine(engine, network, rule, good, "float64", batch_size) for _ in range(2))
    state = stopped.state()
    stopped.restore({**state, "weights": bad})
    assert stopped.train(data, poisoned, 0, len(order), hyper).steps == 0
    stopped.restore(state)
    for one in (fresh, stopped):
        assert one.train(data, order, 0, len(order), hyper).steps == 4
    assert_same_bits(fresh, stopped)


@pytest.mark.parametrize("batch_size", [7, 300])
def test_an_engine_that_stopped_is_behind_no_step(data, batch_size):
    # Another batch in place of the one with the infinite loss: momentum must not think that rows moved on.
    network = Network((60, 8, 10), bias=True)
    hyper = {"lr": 0.05, "alpha": 0.9}
    images = data.features.copy()
    images[:, 0] = 0
    images[0, 0] = 1
    data = split(images, data.targets)
    weights = starting_point(network)
    weights[:8] = np.nan
    order = np.random.default_rng(4).integers(1, 400, 6 * batch_size)
    poisoned = order.copy()
    poisoned[3 * batch_size - 1] = 0

    fresh, stopped = (make_engine("fused", network, momentum, weights, "float64", batch_size) for _ in range(2))
    assert stopped.train(data, poisoned, 0, len(order), hyper).steps == 2
    # A batch with few pixels leaves most rows idle.
    other = np.concatenate([order[: 2 * batch_size], np.full(batch_size, 5), order[: 2 * batch_size]])
    stopped.train(data, other, 2 * batch_size, len(other), hyper)
    fresh.train(data, other, 0, len(other), hyper)
    stopped.settle(hyper)
    fresh.settle(hyper)
    # Not to the bit: rows that the refused batch touched were brought up to date in two parts.
    np.testing.assert_allclose(stopped.weights, fresh.weights, rtol=1e-10)

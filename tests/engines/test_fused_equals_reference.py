"""Two engines, one truth: the fused engine against the one that computes the equations as they stand."""

from __future__ import annotations

import numpy as np
import pytest
from engine_cases import (
    DEEP,
    ENGINES,
    KINDS,
    PAPER,
    SINGLE_PRECISION,
    SMALL,
    WIDTH,
    assert_same,
    dense_split,
    difference,
    order_of,
    pair,
    run,
    settings,
    sparse_split,
    split,
    starting_point,
)

from optimizer_cases import ELEMENTWISE
from ravine.engines import make_engine
from ravine.engines.fused.frame import DENSE_BATCH, DENSE_SHARE
from ravine.engines.fused.workspace import BLOCK, EVALUATED
from ravine.formulas.shelves import ACTIVATIONS
from ravine.losses.cross_entropy import SOFTMAX_FORMS
from ravine.networks import Network, forward, losses
from ravine.optimizers.momentum import momentum
from ravine.optimizers.sgd import sgd

STEPS = 200

pytestmark = pytest.mark.usefixtures("kernels")


@pytest.fixture(scope="module")
def data():
    return sparse_split()


@pytest.mark.parametrize("batch_size", [1, 7, 100])
@pytest.mark.parametrize("bias", [False, True], ids=["plain", "bias"])
@pytest.mark.parametrize("layers", [SMALL, DEEP], ids=["small", "deep"])
@pytest.mark.parametrize("name", KINDS)
def test_every_rule_after_200_steps(data, name, layers, bias, batch_size):
    after_200_steps(data, name, layers, bias, batch_size)


@pytest.mark.parametrize("batch_size", [7, 100])
@pytest.mark.parametrize("name", SINGLE_PRECISION)
def test_the_paper_s_network_after_200_steps(name, batch_size):
    after_200_steps(sparse_split(width=PAPER[0]), name, PAPER, bias=batch_size == 7, batch_size=batch_size)


def after_200_steps(data, name, layers, bias, batch_size):
    rule = ELEMENTWISE[name]
    hyper = settings(rule)
    fused, reference = pair(Network(layers, bias=bias), rule, batch_size)
    order = order_of(STEPS, batch_size, len(data.targets))
    ours, theirs = run(fused, data, order, hyper), run(reference, data, order, hyper)

    assert ours.steps == theirs.steps == STEPS
    assert ours.loss_sum == pytest.approx(theirs.loss_sum, rel=1e-10)
    assert_same(fused, reference, 1e-10)
    evaluated, expected = fused.evaluate(data), reference.evaluate(data)
    assert evaluated.loss == pytest.approx(expected.loss, rel=1e-10)
    assert evaluated.accuracy == expected.accuracy
    assert evaluated.live_units == expected.live_units


@pytest.mark.parametrize("batch_size", [BLOCK - 1, BLOCK, BLOCK + 1, 300])
@pytest.mark.parametrize("name", KINDS)
def test_batches_about_and_above_a_block(data, name, batch_size):
    rule = ELEMENTWISE[name]
    hyper = settings(rule)
    fused, reference = pair(Network((WIDTH, 12, 9, 10), bias=True), rule, batch_size)
    order = order_of(8, batch_size, len(data.targets))
    ours, theirs = run(fused, data, order, hyper), run(reference, data, order, hyper)
    assert ours.loss_sum == pytest.approx(theirs.loss_sum, rel=1e-12)
    assert_same(fused, reference, 1e-10)


@pytest.mark.parametrize("batch_size", [DENSE_BATCH - 1, DENSE_BATCH, DENSE_BATCH + 3, BLOCK + 5])
@pytest.mark.parametrize("bias", [False, True], ids=["plain", "bias"])
@pytest.mark.parametrize("name", KINDS)
def test_data_with_few_zeros(name, bias, batch_size):
    # The last batch is smaller and may go the other way; 61 inputs and 70 units are no multiples of what goes together.
    data = dense_split()
    assert np.count_nonzero(data.features) > DENSE_SHARE * data.features.size
    rule = ELEMENTWISE[name]
    hyper = settings(rule)
    fused, reference = pair(Network((61, 70, 9, 10), bias=bias), rule, batch_size)
    order = order_of(30, batch_size, len(data.targets))
    ours, theirs = run(fused, data, order, hyper), run(reference, data, order, hyper)
    assert ours.loss_sum == pytest.approx(theirs.loss_sum, rel=1e-12)
    assert_same(fused, reference, 1e-10)


@pytest.mark.parametrize("batch_size", [1, 7, 150])
@pytest.mark.parametrize("softmax", SOFTMAX_FORMS)
@pytest.mark.parametrize("bias", [False, True], ids=["plain", "bias"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("rule", [sgd, momentum], ids=lambda rule: rule.name)
def test_every_activation_and_form_of_softmax(data, rule, activation, bias, softmax, batch_size):
    network = Network((WIDTH, 19, 5, 10), activation=activation, bias=bias, softmax=softmax)
    hyper = settings(rule)
    fused, reference = pair(network, rule, batch_size)
    order = order_of(25, batch_size, len(data.targets))
    ours, theirs = run(fused, data, order, hyper), run(reference, data, order, hyper)
    assert ours.loss_sum == pytest.approx(theirs.loss_sum, rel=1e-12)
    assert_same(fused, reference, 1e-10)
    assert fused.evaluate(data).live_units == reference.evaluate(data).live_units


@pytest.mark.parametrize("batch_size", [1, 7, 150])
@pytest.mark.parametrize("name", SINGLE_PRECISION)
def test_single_precision_has_the_round_off_that_it_should_have(data, name, batch_size):
    # The error is measured against double precision, with NumPy's own error in single precision as the yardstick.
    rule = ELEMENTWISE[name]
    hyper = settings(rule)
    network = Network(SMALL, bias=True)
    fused, reference = pair(network, rule, batch_size, "float32")
    _, exact = pair(network, rule, batch_size, "float64")
    # Few steps: sooner or later a unit switches in one precision and not in the other, and that is not round-off.
    order = order_of(20, batch_size, len(data.targets))
    losses = [run(engine, data, order, hyper).loss_sum for engine in (fused, reference, exact)]

    assert fused.weights.dtype == np.float32
    error, yardstick = (difference(engine.weights, exact.weights) for engine in (fused, reference))
    assert error < 3 * yardstick + 1e-7
    assert error < 1e-6
    assert losses[0] == pytest.approx(losses[2], rel=1e-5)


@pytest.mark.parametrize("bias", [False, True], ids=["plain", "bias"])
@pytest.mark.parametrize("missed", [1, 2, 1022, 1023, 1024, 1025, 1500])
def test_a_row_that_waits_long_is_brought_up_to_date_exactly(missed, bias):
    # Pixel 0 is seen in the first step, then not for `missed` steps, which passes the end of the table, then again.
    images = np.array([[255, 9, 0], [0, 100, 7], [30, 0, 200]])
    data = split(images, [0, 1, 2])
    order = np.array([0] + [1] * missed + [2])
    hyper = {"lr": 0.003, "alpha": 0.999}
    fused, reference = pair(Network((3, 4, 3), activation="tanh", bias=bias), momentum, 1)
    for engine in (fused, reference):
        run(engine, data, order, hyper)
    assert_same(fused, reference, 1e-12)


def test_a_rate_that_changes_between_calls():
    data = sparse_split(50, width=30)
    fused, reference = pair(Network((30, 8, 10)), momentum, 4)
    order = order_of(20, 4, 50)
    for lr in (0.1, 0.02):
        for engine in (fused, reference):
            run(engine, data, order, {"lr": lr, "alpha": 0.9})
    assert_same(fused, reference, 1e-12)


@pytest.mark.parametrize("engine", ENGINES)
def test_hyperparameters_are_known_by_name(engine):
    data = sparse_split(50, width=30)
    network = Network((30, 8, 10))
    order = order_of(20, 4, 50)
    one, other = (make_engine(engine, network, momentum, starting_point(network), "float64", 4) for _ in range(2))
    run(one, data, order, {"lr": 0.1, "alpha": 0.5})
    run(other, data, order, {"alpha": 0.5, "lr": 0.1})
    assert one.weights.tobytes() == other.weights.tobytes()


@pytest.mark.parametrize("first", [0, 6])
def test_a_call_takes_the_batches_that_it_was_asked_for(data, first):
    network = Network((WIDTH, 5, 10))
    order = np.arange(20)
    fused, reference = pair(network, sgd, 3)
    for engine in (fused, reference):
        taken = engine.train(data, order, first, 12, {"lr": 0.1})
        assert taken.steps == engine.steps == (12 - first) // 3
    assert_same(fused, reference, 1e-12)
    once = make_engine("reference", network, sgd, starting_point(network), "float64", 3)
    once.train(data, order[first:12], 0, 12 - first, {"lr": 0.1})
    assert once.weights.tobytes() == reference.weights.tobytes()


@pytest.mark.parametrize("engine", ENGINES)
def test_an_evaluation_is_the_mean_over_the_split(engine):
    data = sparse_split(4500, width=40)  # more than the reference engine takes at a time
    network = Network((40, 12, 7, 10), bias=True)
    weights = starting_point(network)
    x = data.features / 255
    trace = forward(network, weights, x)
    result = make_engine(engine, network, sgd, weights, "float64", 10).evaluate(data)
    assert result.loss == pytest.approx(losses(network, weights, x, data.targets).mean(), rel=1e-12)
    assert result.accuracy == (trace.logits.argmax(axis=1) == data.targets).mean()
    assert result.live_units == tuple(int(a.any(axis=0).sum()) for a in trace.activations[1:])


@pytest.mark.parametrize("samples", [1, 2, EVALUATED - 1, EVALUATED + 1, 3 * BLOCK + 1])
@pytest.mark.parametrize("make", [sparse_split, dense_split])
@pytest.mark.parametrize("batch_size", [1, 100])
def test_samples_are_evaluated_in_blocks_of_which_the_last_may_be_smaller(make, samples, batch_size):
    data = make(samples, width=40)
    network = Network((40, 12, 7, 10), bias=True)
    fused, reference = pair(network, momentum, batch_size)
    ours, theirs = fused.evaluate(data), reference.evaluate(data)
    assert ours.loss == pytest.approx(theirs.loss, rel=1e-12)
    assert (ours.accuracy, ours.live_units) == (theirs.accuracy, theirs.live_units)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_unit_whose_output_is_always_zero_is_not_live(activation):
    network = Network((2, 3, 2), activation=activation, bias=True)
    # Column by column: always 0, never 0, and a bias alone that takes every activation but the leaky one to 0.
    weights = np.array([0, 1, 0, 0, 1, 0, 0, 1, -1e4, *[0.5] * 8])
    data = split([[255, 0], [0, 255]], [0, 1])
    fused, reference = (
        make_engine(engine, network, sgd, weights, "float64", 1).evaluate(data).live_units for engine in ENGINES
    )
    assert fused == reference
    assert fused[0] == (1 if activation in ("relu", "gelu", "gelu-tanh", "silu") else 2)

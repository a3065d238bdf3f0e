"""Sample weights in both engines: the same as each other, as samples taken twice or left out, and in no evaluation."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import scipy.sparse
from engine_cases import ENGINES, assert_same_bits, difference, order_of, pair, run, settings, starting_point

from ravine.data import Split
from ravine.engines import make_engine
from ravine.formulas.compose import with_stages
from ravine.formulas.shelves import LOSSES, OPTIMIZERS
from ravine.networks import Network

COUNT, WIDTH, OUTPUTS, STEPS = 60, 12, 3, 200
MOMENTUM, SGD = OPTIMIZERS["momentum"], OPTIMIZERS["sgd"]

_rng = np.random.default_rng(0)
_NUMBERS, _KEPT = _rng.normal(size=(COUNT, WIDTH)), _rng.random((COUNT, WIDTH))
FORMS = {
    "floats": _NUMBERS,
    "csr": scipy.sparse.csr_array(_NUMBERS * (_KEPT < 0.3)),
    "bytes": (_rng.integers(1, 256, (COUNT, WIDTH)) * (_KEPT < 0.5)).astype(np.uint8),
}
WEIGHTS = np.where(_rng.random(COUNT) < 0.2, 0.0, _rng.exponential(1.0, COUNT))
"""Some are 0, and the mean is about 0.8."""


def targets(loss: str) -> np.ndarray:
    """Return targets of a kind that a loss takes."""
    rng = np.random.default_rng(1)
    return {
        "cross-entropy": rng.integers(0, OUTPUTS, COUNT),
        "hinge": rng.integers(0, OUTPUTS, COUNT),
        "squared-hinge": rng.integers(0, 2, (COUNT, OUTPUTS)).astype(float),
        "logistic": rng.random((COUNT, OUTPUTS)),
        "poisson": rng.poisson(2, (COUNT, OUTPUTS)).astype(float),
    }.get(loss, rng.normal(0.5, 1, (COUNT, OUTPUTS)))


def weighted(form: str = "floats", loss: str = "cross-entropy", weights: np.ndarray = WEIGHTS) -> Split:
    return Split(FORMS[form], targets(loss), sample_weights=weights)


def network(loss: str = "cross-entropy") -> Network:
    return Network((WIDTH, 6, 4, OUTPUTS), "tanh", bias=True, loss=loss)


def assert_engines_agree(data, net, rule, batch_size, steps=STEPS, tolerance=1e-10, dtype="float64", **hyper):
    hyper = {**settings(rule), **hyper}
    fused, reference = pair(net, rule, batch_size, dtype)
    order = order_of(steps, batch_size, COUNT)
    ours, theirs = run(fused, data, order, hyper), run(reference, data, order, hyper)
    assert ours.steps == theirs.steps == steps
    assert ours.loss_sum == pytest.approx(theirs.loss_sum, rel=tolerance)
    assert difference(fused.weights, reference.weights) <= tolerance
    assert fused.evaluate(data).loss == pytest.approx(reference.evaluate(data).loss, rel=tolerance)
    plain = dataclasses.replace(data, sample_weights=None)
    for engine in (fused, reference):
        other = make_engine("reference", net, rule, starting_point(net), dtype, batch_size)
        run(other, plain, order, hyper)
        assert difference(engine.weights, other.weights) > 1e-5  # the weights do something


@pytest.mark.parametrize("batch_size", [1, 7, 100])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("loss", LOSSES)
def test_200_steps_with_every_loss_on_every_form_of_data(loss, form, batch_size):
    assert_engines_agree(weighted(form, loss), network(loss), MOMENTUM, batch_size, lr=0.01)


@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_weights_and_label_smoothing(batch_size):
    smoothed = dataclasses.replace(network(), label_smoothing=0.2)
    assert_engines_agree(weighted(), smoothed, MOMENTUM, batch_size, lr=0.01)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_samples_that_are_held_out_leave_their_weights(form, batch_size):
    data = weighted(form).part(np.arange(COUNT) % 4 != 1)
    kept = WEIGHTS[np.arange(COUNT) % 4 != 1]
    assert data.sample_weights.tolist() == kept.tolist()
    order = np.random.default_rng(3).integers(0, len(kept), 40 * batch_size)
    fused, reference = pair(network(), MOMENTUM, batch_size)
    for engine in (fused, reference):
        run(engine, data, order, {"lr": 0.01, "alpha": 0.9})
    assert difference(fused.weights, reference.weights) <= 1e-10


@pytest.mark.parametrize(
    ("rule", "batch_size"),
    [
        (with_stages(SGD, {"clip_norm": 1, "clip_layer_norm": 1}), 7),
        (OPTIMIZERS["sgld"], 7),
        (OPTIMIZERS["muon"], 7),
        (OPTIMIZERS["lazy_adam"], 1),
        (OPTIMIZERS["adam"], 300),
        (with_stages(MOMENTUM, {"clip_norm": 1}), 170),
        (OPTIMIZERS["lbfgs"], COUNT),
    ],
    ids=["norms", "noise", "muon", "lazy", "three blocks", "norms of two blocks", "line search"],
)
@pytest.mark.parametrize("form", FORMS)
def test_rules_of_every_kind_and_batches_of_several_blocks(form, rule, batch_size):
    hyper = {} if rule.name == "lbfgs" else {"lr": 0.005}
    assert_engines_agree(weighted(form), network(), rule, batch_size, steps=12, tolerance=1e-8, **hyper)


@pytest.mark.parametrize("loss", ["cross-entropy", "huber"])
@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_single_precision(loss, batch_size):
    data, net = weighted("floats", loss), network(loss)
    assert_engines_agree(data, net, MOMENTUM, batch_size, steps=20, tolerance=1e-5, dtype="float32", lr=0.01)


# ------------------------------------------------------------------------------------------------------------
# What a weight means


def after(engine, data, lr, steps=30, loss="cross-entropy"):
    """Return the weights and the mean loss after steps on all samples at once."""
    count = len(data.targets)
    made = make_engine(engine, network(loss), MOMENTUM, starting_point(network(loss)), "float64", count)
    taken = run(made, data, np.tile(np.arange(count), steps), {"lr": lr, "alpha": 0.9})
    return made.weights, taken.loss_sum / (steps * count)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_weight_of_2_is_the_sample_twice(engine, loss):
    # Over the batch with the sample twice the mean has one divisor more.
    w = np.ones(COUNT)
    w[[4, 30]] = 2
    double = np.array([*range(COUNT), 4, 30])
    y = targets(loss)
    found, mean = after(engine, Split(_NUMBERS, y, sample_weights=w), 0.01, loss=loss)
    wanted, other = after(engine, Split(_NUMBERS[double], y[double]), 0.01 * (COUNT + 2) / COUNT, loss=loss)
    assert difference(found, wanted) < 1e-12
    assert mean * COUNT == pytest.approx(other * (COUNT + 2), rel=1e-12)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_weight_of_0_is_the_sample_left_out(engine, loss, form):
    w = np.ones(COUNT)
    w[[0, 17, 59]] = 0
    kept, y = np.flatnonzero(w), targets(loss)
    found, mean = after(engine, Split(FORMS[form], y, sample_weights=w), 0.01, loss=loss)
    wanted, other = after(engine, Split(FORMS[form][kept], y[kept]), 0.01 * (COUNT - 3) / COUNT, loss=loss)
    assert difference(found, wanted) < 1e-12
    assert mean * COUNT == pytest.approx(other * (COUNT - 3), rel=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
def test_weights_of_1_change_no_bit(engine):
    for batch_size in (1, 7, 150):
        net, order = network(), order_of(20, batch_size, COUNT)
        plain, ones = (make_engine(engine, net, MOMENTUM, starting_point(net), "float64", batch_size) for _ in range(2))
        run(plain, weighted(weights=None), order, {"lr": 0.05, "alpha": 0.9})
        run(ones, weighted(weights=np.ones(COUNT)), order, {"lr": 0.05, "alpha": 0.9})
        assert_same_bits(plain, ones)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("engine", ENGINES)
def test_an_evaluation_counts_each_sample_once(engine, loss):
    data, plain = weighted("floats", loss), weighted("floats", loss, None)
    made = make_engine(engine, network(loss), SGD, starting_point(network(loss)), "float64", 7)
    order = order_of(5, 7, COUNT)
    made.train(data, order, 0, len(order), {"lr": 0.05})  # so that the kernel has seen the weights
    assert made.evaluate(data) == made.evaluate(plain)


@pytest.mark.parametrize("batch_size", [1, 3, 200])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_weight_of_0_leaves_out_even_a_loss_that_is_not_finite(engine, batch_size):
    # e^z of the first sample overflows, and the run goes on as without it.
    features = np.array([[1e5, 0.0], [0.5, 1.0], [0.25, -1.0]])
    data = Split(features, np.array([1, 0, 1]), sample_weights=np.array([0.0, 3.0, 0.5]))
    net = Network((2, 2), softmax="naive")
    made = make_engine(engine, net, SGD, np.array([1.0, -1.0, 0.5, 0.25]), "float64", batch_size)
    order = np.tile(np.arange(3), 100)
    taken = made.train(data, order, 0, len(order), {"lr": 0.01})
    assert taken.steps == -(-300 // batch_size)
    assert np.isfinite(made.weights).all()
    assert np.isfinite(taken.loss_sum)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_step_by_hand(engine):
    """One matrix, two samples: W - lr sum_b w_b x_b^T (z_b - y_b) / 2, since l' = 2 (z - y) over two outputs."""
    x, y, w = np.array([[1.0, -2.0], [0.5, 3.0]]), np.array([[0.5, 3.0], [-1.0, 0.0]]), np.array([0.25, 3.0])
    start = np.array([[0.3, -0.4], [0.1, 0.2]])
    made = make_engine(engine, Network((2, 2), loss="squared-error"), SGD, start.ravel(), "float64", 2)
    taken = made.train(Split(x, y, sample_weights=w), np.arange(2), 0, 2, {"lr": 0.1})
    z = x @ start
    assert taken.loss_sum == pytest.approx((w * ((z - y) ** 2).mean(axis=1)).sum(), rel=1e-14)
    wanted = start - 0.1 * x.T @ (w[:, None] * (z - y)) / 2
    np.testing.assert_allclose(made.weights.reshape(2, 2), wanted, rtol=1e-13)

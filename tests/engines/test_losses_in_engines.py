"""Losses in both engines: each with every activation, on data and targets of every kind, and the user's own."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
import scipy.sparse
from engine_cases import ENGINES, settings

import ravine
from ravine.data import Split
from ravine.data.compact import Compact
from ravine.engines import make_engine
from ravine.engines.fused.pointwise import render_loss
from ravine.formulas.compose import with_stages
from ravine.formulas.shelves import ACTIVATIONS, LOSSES, OPTIMIZERS
from ravine.networks import Network

COUNT, WIDTH, STEPS = 60, 12, 200
BATCH_SIZES = (1, 7, 100)
MOMENTUM = OPTIMIZERS["momentum"]
SGD = OPTIMIZERS["sgd"]

_rng = np.random.default_rng(0)
_NUMBERS, _KEPT = _rng.normal(size=(COUNT, WIDTH)), _rng.random((COUNT, WIDTH))
FORMS = {
    "floats": _NUMBERS,
    "csr": scipy.sparse.csr_array(_NUMBERS * (_KEPT < 0.3)),
    "bytes": (_rng.integers(1, 256, (COUNT, WIDTH)) * (_KEPT < 0.5)).astype(np.uint8),
}

SMOOTH = [name for name, loss in LOSSES.items() if loss.formula is not None]
COMBINED = {
    f"{loss}-{activation}": (k + shift, loss, activation)
    for (shift, loss), (k, activation) in product(enumerate(SMOOTH), enumerate(ACTIVATIONS))
}
"""Every loss with every activation, numbered so that batch sizes and forms of data take turns for each loss."""


def targets(loss, kind, outputs, count=COUNT):
    """Return classes or numbers that a loss takes."""
    rng = np.random.default_rng(1)
    if kind == "classes":
        return rng.integers(0, max(2, outputs), count)
    shape = (count, outputs)
    return {
        "{0, 1}": rng.integers(0, 2, shape).astype(float),
        "[0, 1]": rng.random(shape),
        "[0, inf)": rng.poisson(2, shape).astype(float),
        "(-inf, inf)": rng.normal(0.5, 1, shape),
    }[loss.targets]


def both(network, data, rule, batch_size, *, steps=STEPS, dtype="float64", count=COUNT, **hyper):
    """Train in both engines, and return each engine with what `train` returned."""
    rng = np.random.default_rng(2)
    weights = rng.normal(0, 0.4, network.layout.size)
    order = rng.integers(0, count, steps * batch_size - batch_size // 2)
    hyper = {**settings(rule), **hyper}
    found = []
    for name in ENGINES:
        engine = make_engine(name, network, rule, weights, dtype, batch_size, seed=5)
        taken = engine.train(data, order, 0, len(order), hyper)
        engine.settle(hyper)
        found.append((engine, taken))
    assert np.abs(found[1][0].weights - weights.astype(dtype)).max() > 1e-4
    return found


def assert_same(found, data, steps=STEPS, tolerance=1e-10):
    (fused, ours), (reference, theirs) = found
    assert ours.steps == theirs.steps == steps
    assert ours.loss_sum == pytest.approx(theirs.loss_sum, rel=tolerance, abs=tolerance)
    np.testing.assert_allclose(fused.weights, reference.weights, rtol=tolerance, atol=tolerance)
    one, other = fused.evaluate(data), reference.evaluate(data)
    assert one.loss == pytest.approx(other.loss, rel=tolerance, abs=tolerance)
    assert one.live_units == other.live_units
    assert one.scores.accuracy == other.scores.accuracy
    if one.scores.accuracy is None:
        assert one.scores.r2 == pytest.approx(other.scores.r2, rel=tolerance, abs=tolerance)
        assert one.scores.mean_absolute_error == pytest.approx(other.scores.mean_absolute_error, rel=tolerance)


@pytest.mark.parametrize("kind", ["classes", "numbers"])
@pytest.mark.parametrize("name", COMBINED)
def test_200_steps_with_every_activation(name, kind):
    k, loss, activation = COMBINED[name]
    batch_size, form = BATCH_SIZES[k % 3], list(FORMS)[k // 3 % 3]
    outputs = 1 if k % 5 < 2 else 3
    data = Split(FORMS[form], targets(LOSSES[loss], kind, outputs))
    network = Network((WIDTH, 6, 4, outputs), activation, bias=k % 2 == 0, loss=loss)
    found = both(network, data, MOMENTUM, batch_size, lr=0.01)
    assert_same(found, data)
    scores = found[0][0].evaluate(data).scores
    counted = kind == "classes" or LOSSES[loss].targets == "{0, 1}"  # shares are no flags
    assert (scores.accuracy is None, scores.r2 is None, scores.mean_absolute_error is None) == (
        not counted, counted, counted,
    )  # fmt: skip


@pytest.mark.parametrize("batch_size", BATCH_SIZES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("activation", ["softplus", "gelu", "sine"])
def test_cross_entropy_on_the_same_data(activation, form, batch_size):
    data = Split(FORMS[form], targets(LOSSES["cross-entropy"], "classes", 3))
    network = Network((WIDTH, 6, 4, 3), activation, bias=True)
    assert_same(both(network, data, MOMENTUM, batch_size, lr=0.01), data)


@pytest.mark.parametrize("smoothing", [1e-9, 0.1, 0.9])
@pytest.mark.parametrize("batch_size", BATCH_SIZES)
@pytest.mark.parametrize("form", FORMS)
def test_smoothed_labels(form, batch_size, smoothing):
    data = Split(FORMS[form], targets(LOSSES["cross-entropy"], "classes", 3))
    network = Network((WIDTH, 6, 4, 3), "tanh", bias=True, label_smoothing=smoothing)
    assert_same(both(network, data, MOMENTUM, batch_size, lr=0.05), data)


@pytest.mark.parametrize(
    ("rule", "batch_size"),
    [(with_stages(SGD, {"clip_norm": 0.1}), 170), (OPTIMIZERS["adam"], 300), (OPTIMIZERS["muon"], 7)],
    ids=["norms of two blocks", "three blocks", "gradients"],
)
def test_smoothed_labels_with_rules_of_every_kind(rule, batch_size):
    data = Split(FORMS["floats"], targets(LOSSES["cross-entropy"], "classes", 3))
    network = Network((WIDTH, 6, 4, 3), "silu", bias=True, label_smoothing=0.2)
    assert_same(both(network, data, rule, batch_size, steps=20, lr=0.05), data, steps=20, tolerance=1e-9)


def test_smoothed_labels_in_single_precision():
    data = Split(FORMS["floats"].astype(np.float32), targets(LOSSES["cross-entropy"], "classes", 3))
    network = Network((WIDTH, 6, 4, 3), "tanh", bias=True, label_smoothing=0.1)
    found = both(network, data, MOMENTUM, 7, steps=20, dtype="float32", lr=0.01)
    assert found[0][0].weights.dtype == np.float32
    assert_same(found, data, steps=20, tolerance=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("sure", "smoothing"), [(math.log(37), 0.1), (80.0, 1e-3), (-80.0, 1e-3)])
def test_a_network_that_is_certain_keeps_the_digits_of_a_smoothed_loss(sure, smoothing, engine, dtype):
    """Four classes; the weights are the logits. At ln 37 they have the probabilities of the target: 0.925 and 0.025."""
    z = np.array([sure, 0.0, 0.0, 0.0]).astype(dtype)
    data = Split(np.ones((1, 1)), np.zeros(1, int))
    network = Network((1, 4), label_smoothing=smoothing)
    made = make_engine(engine, network, SGD, z, dtype, 1)
    t = np.array([1 - 0.75 * smoothing, *[smoothing / 4] * 3])
    logs = z.astype(float) - np.logaddexp.reduce(z.astype(float))
    eps = float(np.finfo(dtype).eps)
    assert made.evaluate(data).loss == pytest.approx(-(t * logs).sum(), rel=8 * eps)
    assert made.train(data, np.zeros(1, int), 0, 1, {"lr": 1.0}).loss_sum == pytest.approx(
        -(t * logs).sum(), rel=8 * eps
    )
    made.settle({"lr": 1.0})
    moved = made.weights.astype(float) - z.astype(float)
    np.testing.assert_allclose(moved, t - np.exp(logs), rtol=1e-6, atol=2 * eps * max(1, abs(sure)))


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("kind", ["classes", "numbers"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("batch_size", BATCH_SIZES)
def test_every_kind_of_target_with_every_form_of_data(batch_size, form, kind, outputs):
    data = Split(FORMS[form], targets(LOSSES["logistic"], kind, outputs))
    network = Network((WIDTH, 6, outputs), "relu", bias=True, loss="logistic")
    assert_same(both(network, data, MOMENTUM, batch_size, lr=0.05), data)


@pytest.mark.parametrize("name", ["huber", "poisson", "hinge"])
@pytest.mark.parametrize(
    ("rule", "batch_size"),
    [
        (with_stages(SGD, {"clip_norm": 1, "clip_layer_norm": 1}), 7),
        (OPTIMIZERS["lamb"], 7),
        (OPTIMIZERS["sgld"], 7),
        (OPTIMIZERS["muon"], 7),
        (OPTIMIZERS["adam"], 300),
        (with_stages(MOMENTUM, {"clip_norm": 1}), 170),
    ],
    ids=["norms", "lamb", "noise", "muon", "three blocks", "norms of two blocks"],
)
def test_rules_of_every_kind_and_batches_of_several_blocks(name, rule, batch_size):
    data = Split(FORMS["floats"], targets(LOSSES[name], "numbers", 3))
    network = Network((WIDTH, 6, 4, 3), "silu", bias=True, loss=name)
    # Of a second step with the same gradient a rule of matrices may make more of round-off.
    assert_same(both(network, data, rule, batch_size, steps=20, lr=0.005), data, steps=20, tolerance=1e-9)


@pytest.mark.parametrize("name", SMOOTH)
def test_single_precision(name):
    data = Split(FORMS["floats"].astype(np.float32), targets(LOSSES[name], "numbers", 3))
    network = Network((WIDTH, 6, 4, 3), "tanh", bias=True, loss=name)
    found = both(network, data, MOMENTUM, 7, steps=20, dtype="float32", lr=0.01)
    assert found[0][0].weights.dtype == np.float32
    assert_same(found, data, steps=20, tolerance=1e-5)


@pytest.mark.parametrize("batch_size", BATCH_SIZES)
def test_both_engines_stop_where_a_loss_is_not_finite(batch_size):
    data = Split(FORMS["floats"], targets(LOSSES["poisson"], "numbers", 3))
    network = Network((WIDTH, 6, 3), "identity", loss="poisson")
    (fused, ours), (reference, theirs) = both(network, data, SGD, batch_size, lr=3.0)
    assert 0 < ours.steps == theirs.steps < STEPS
    assert fused.evaluate(data).loss == pytest.approx(reference.evaluate(data).loss, rel=1e-9, nan_ok=True)


@pytest.mark.parametrize(("loss", "smoothing"), [*((loss, 0) for loss in LOSSES), ("cross-entropy", 0.1)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_weight_that_is_nan_shows_in_the_loss(engine, dtype, loss, smoothing):
    data = Split(np.ones((COUNT, 2)), targets(LOSSES[loss], "classes", 3))
    weights = np.array([np.nan, 0.1, 0.2, 0.3, 0.4, 0.5])
    made = make_engine(engine, Network((2, 3), loss=loss, label_smoothing=smoothing), SGD, weights, dtype, 7)
    assert made.train(data, np.arange(COUNT), 0, COUNT, {"lr": 0.1}).steps == 0
    assert math.isnan(made.evaluate(data).loss)


def test_a_step_by_hand():
    """One weight matrix, one sample: each engine's weights are W - lr x l'(z, y) / 2."""
    x, y, w = np.array([[1.0, -2.0]]), np.array([[0.5, 3.0]]), np.array([0.3, -0.4, 0.1, 0.2])
    z = x @ w.reshape(2, 2)
    data = Split(x, y)
    for engine in ENGINES:
        made = make_engine(engine, Network((2, 2), loss="squared-error"), SGD, w, "float64", 1)
        assert made.train(data, np.zeros(1, int), 0, 1, {"lr": 0.1}).loss_sum == pytest.approx(((z - y) ** 2).mean())
        made.settle({"lr": 0.1})
        np.testing.assert_allclose(made.weights.reshape(2, 2), w.reshape(2, 2) - 0.1 * x.T * (z - y), rtol=1e-14)


SCALE = 0.75
WIDE_ENOUGH = 2


@ravine.loss
def robust(z, y):
    """It takes names that compiled code has too, and constants of its module."""
    n = (z - y) / SCALE
    m = 1 + n**WIDE_ENOUGH / 2
    j = np.log(m)
    d = n / (m * SCALE)
    return j, d


@ravine.loss(targets="[0, inf)", prediction=np.square)
def smoothed(z, y):
    """The distance from y, smoothed with a normal distribution: d erf(d) + e^(-d^2) / sqrt pi."""
    d = z - y
    top = np.sqrt(0.25 / np.arctan(1.0))  # 1 / sqrt(pi)
    return d * math.erf(d) + top * np.exp(-d * d), math.erf(d)


@ravine.loss
def linear(z, y):
    """Its derivative is a number alone."""
    return z - y, 1


@pytest.mark.parametrize("turn", range(3))
@pytest.mark.parametrize("loss", [robust, smoothed, linear], ids=lambda loss: loss.name)
def test_losses_of_the_users(loss, turn):
    # Each loss meets each size of batches and each form of data; three losses meet all pairs of these.
    number = [robust, smoothed, linear].index(loss)
    batch_size, form = BATCH_SIZES[turn], list(FORMS)[(turn + number) % 3]
    for kind in ("classes", "numbers"):
        data = Split(FORMS[form], targets(loss, kind, 3))
        network = Network((WIDTH, 6, 4, 3), ("softplus", "tanh"), bias=True, loss=loss)
        assert_same(both(network, data, MOMENTUM, batch_size, lr=0.003), data)


def test_a_constant_of_the_module_is_part_of_the_compiled_text(monkeypatch):
    before = render_loss(robust)
    monkeypatch.setitem(globals(), "SCALE", 1.5)
    assert render_loss(robust).digest != before.digest
    data = Split(FORMS["floats"], targets(robust, "numbers", 3))
    found = both(Network((WIDTH, 4, 3), "tanh", loss=robust), data, MOMENTUM, 7)
    assert_same(found, data)
    z = np.array([[2.0]])
    assert robust.of_outputs(z, np.zeros((1, 1)))[0] == pytest.approx([math.log(1 + (2 / 1.5) ** 2 / 2)])


@pytest.mark.parametrize("engine", ENGINES)
def test_number_targets_may_have_one_dimension(engine):
    column = targets(LOSSES["huber"], "numbers", 1)
    network = Network((WIDTH, 4, 1), "tanh", loss="huber")
    found = []
    for y in (column, column[:, 0]):
        made = make_engine(engine, network, SGD, np.full(network.layout.size, 0.1), "float64", 7)
        made.train(Split(FORMS["csr"], y), np.arange(COUNT), 0, COUNT, {"lr": 0.1})
        made.settle({"lr": 0.1})
        found.append(made.weights)
    np.testing.assert_array_equal(*found)


def test_losses_on_samples_without_a_number():
    data = Split(scipy.sparse.csr_array((COUNT, WIDTH)), targets(LOSSES["huber"], "numbers", 3))
    assert isinstance(data.compact, Compact)
    network = Network((WIDTH, 6, 3), "tanh", bias=True, loss="huber")
    assert_same(both(network, data, MOMENTUM, 7, lr=0.01), data)

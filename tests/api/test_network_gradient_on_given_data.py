"""The gradient check of networks on data that are given: numbers, flags, classes, dense and sparse."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

import ravine
from ravine.errors import RavineError
from ravine.gradients.networks import agreement, check
from ravine.networks import forward, gradient
from ravine.spec import RunSpec
from ravine.training import start_weights

RNG = np.random.default_rng(4)
X = np.where(RNG.random((40, 6)) < 0.6, RNG.normal(size=(40, 6)), 0)
COUNTS = RNG.poisson(2.0, (40, 2)).astype(float)


@pytest.mark.parametrize("features", [X, scipy.sparse.csr_array(X)], ids=["dense", "csr"])
@pytest.mark.parametrize("epochs", [0, 2])
def test_the_gradient_of_a_loss_of_numbers_is_checked_on_them(features, epochs):
    spec = RunSpec(layers=(6, 9, 2), activation="gelu", loss="poisson", lr=0.01, bias=True, dtype="float64")
    made = ravine.check_network_gradient(spec, data=(features, COUNTS), epochs=epochs, samples=(3, 0, 17), digits=20)
    assert made.agreement.verdict.answer == "passes"
    assert made.agreement.samples == 3
    assert made.digits.max_relative_error < 1e-20
    if not epochs:
        z = forward(spec.network, start_weights(spec).astype(float), X[[3, 0, 17]]).logits
        expected = (np.exp(z) - COUNTS[[3, 0, 17]] * z).mean()  # scikit-learn and PyTorch leave out log y! too
        assert made.agreement.loss == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("settings", "y"),
    [
        ({"layers": (6, 5, 2), "loss": "logistic", "activation": "tanh"}, (COUNTS > 2).astype(int)),
        ({"layers": (6, 5, 3), "activation": "silu"}, COUNTS[:, 0].clip(0, 2).astype(int)),
        ({"layers": (6, 5, 1), "loss": "squared-error"}, COUNTS[:, 0].astype(int)),
    ],
    ids=["flags", "classes", "whole numbers"],
)
def test_a_stored_run_is_checked_with_its_data(settings, y, runs):
    run = ravine.train(data=(X, y), lr=0.02, epochs=2, batch_size=5, out=runs, **settings)
    made = ravine.check_network_gradient(run.spec, run=run.id, data=(X, y), samples=range(5), out=runs, digits=None)
    assert made.agreement.verdict.answer == "passes"
    assert made.agreement.weights == run.weights.size
    assert len(list(runs.iterdir())) == 1  # nothing is trained
    for data, words in ((None, "not stored with it: give them"), ((X + 1, y), "and these are given data")):
        with pytest.raises(RavineError, match=words):
            ravine.check_network_gradient(run.spec, run=run.id, data=data, out=runs)


def test_a_stored_run_is_checked_whatever_the_spec(runs):
    data = X, COUNTS[:, 0].astype(int)  # numbers to the loss of the run, and classes to that of the spec
    run = ravine.train(data=data, layers=(6, 4, 1), loss="poisson", lr=0.01, epochs=1, out=runs)
    for spec in (run.spec, RunSpec(), RunSpec(layers=(6, 2))):
        check = ravine.check_network_gradient(spec, run=run.id, data=data, out=runs, digits=None)
        assert check.agreement.verdict.answer == "passes"
        assert check.agreement.weights == run.weights.size


@pytest.mark.parametrize(
    ("settings", "data", "words"),
    [
        ({"layers": (5, 2)}, (X, COUNTS), "layers 5,2 do not fit the data"),
        ({"layers": (6, 3)}, (X, COUNTS), "layers 6,3 do not fit the data"),
        ({}, (X, COUNTS - 1), r"y has -1 in row \d+, column \d"),
        ({"loss": "cross-entropy"}, (X, COUNTS), "cross-entropy takes classes"),
        ({}, (X[:3], COUNTS), "y has 40"),
        ({}, (X, COUNTS, 3), "data is tuple of 3 parts"),
    ],
)
def test_data_that_do_not_fit_are_refused(settings, data, words, runs):
    spec = RunSpec(**{"layers": (6, 2), "loss": "poisson", "lr": 0.1, **settings})
    with pytest.raises(RavineError, match=words):
        ravine.check_network_gradient(spec, data=data, epochs=0, out=runs)
    assert not runs.exists()


def test_data_of_the_catalog_may_be_at_hand(small):
    spec = RunSpec(dataset="small", layers=(64, 10), lr=0.1)
    at_hand = ravine.check_network_gradient(spec, data=small, epochs=0, digits=None)
    assert at_hand.agreement.loss == ravine.check_network_gradient(spec, epochs=0, digits=None).agreement.loss


def sparse_and_wide():
    """Return 30 samples of 2,000 features, 4 of which are not 0 in each sample, and classes."""
    rng = np.random.default_rng(1)
    rows, columns = np.repeat(np.arange(30), 4), rng.integers(0, 2000, 120)
    features = scipy.sparse.csr_array((rng.normal(size=120), (rows, columns)), shape=(30, 2000))
    return features, np.arange(30) % 3


WIDE = RunSpec(layers=(2000, 8, 3), activation="tanh", lr=0.1, bias=True, dtype="float64")


def weights_checked(monkeypatch, **settings):
    """Return the places of the weights that a check of the wide network compares, (layer, row, column) of each."""
    found = []

    def compared(point, indices, *arguments, **options):
        found.extend(map(point.network.layout.name, indices.tolist()))
        return agreement.compare_gradients(point, indices, *arguments, **options)

    monkeypatch.setattr(check, "compare_gradients", compared)
    ravine.check_network_gradient(WIDE, data=sparse_and_wide(), epochs=0, samples=(3, 7), digits=None, **settings)
    return found


def test_a_subset_is_drawn_from_weights_that_can_change_the_loss(monkeypatch):
    features, _ = sparse_and_wide()
    rows = {*features[[3, 7]].nonzero()[1].tolist(), 2000}  # and the bias
    every = {(0, row, column) for row in rows for column in range(8)} | {
        (1, row, column) for row in range(9) for column in range(3)
    }
    drawn = weights_checked(monkeypatch, weights=50)
    assert len(drawn) == len(set(drawn)) == 50
    assert set(drawn) < every
    assert {layer for layer, _, _ in drawn} == {0, 1}
    assert set(weights_checked(monkeypatch, weights=10**6)) == every
    assert len(weights_checked(monkeypatch)) == WIDE.network.layout.size


def test_a_gradient_that_is_wrongly_zero_is_found_in_a_subset(monkeypatch):
    right = ravine.check_network_gradient(WIDE, data=sparse_and_wide(), epochs=0, weights=60, digits=15)
    assert right.passed
    assert right.digits.max_relative_error < 1e-15

    def wrong(network, weights, x, targets):
        losses, g = gradient(network, weights, x, targets)
        network.layout.views(g)[0][:2000, 3] = 0
        return losses, g

    monkeypatch.setattr(agreement, "gradient", wrong)
    found = ravine.check_network_gradient(WIDE, data=sparse_and_wide(), epochs=0, weights=60, digits=None)
    assert found.answer == "fails"
    assert {(w.layer, w.column) for w in found.agreement.methods["complex"].worst} == {(0, 3)}

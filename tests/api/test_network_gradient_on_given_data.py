"""The gradient check of networks on data that are given: numbers, flags, classes, dense and sparse."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

import ravine
from ravine.errors import RavineError
from ravine.networks import forward
from ravine.spec import RunSpec
from ravine.training import start_weights

RNG = np.random.default_rng(4)
X = np.where(RNG.random((40, 6)) < 0.6, RNG.normal(size=(40, 6)), 0)
COUNTS = RNG.poisson(2.0, (40, 2)).astype(float)


@pytest.mark.parametrize("features", [X, scipy.sparse.csr_array(X)], ids=["dense", "csr"])
@pytest.mark.parametrize("epochs", [0, 2])
def test_the_gradient_of_a_loss_of_numbers_is_checked_on_them(features, epochs):
    spec = RunSpec(layers=(6, 9, 2), activation="gelu", loss="poisson", lr=0.01, bias=True, dtype="float64")
    check = ravine.check_network_gradient(spec, data=(features, COUNTS), epochs=epochs, samples=(3, 0, 17), digits=20)
    assert check.agreement.verdict.answer == "passes"
    assert check.agreement.samples == 3
    assert check.digits.max_relative_error < 1e-20
    if not epochs:
        z = forward(spec.network, start_weights(spec).astype(float), X[[3, 0, 17]]).logits
        expected = (np.exp(z) - COUNTS[[3, 0, 17]] * z).mean()  # scikit-learn and PyTorch leave out log y! too
        assert check.agreement.loss == pytest.approx(expected, rel=1e-12)


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
    check = ravine.check_network_gradient(run.spec, run=run.id, data=(X, y), samples=range(5), out=runs, digits=None)
    assert check.agreement.verdict.answer == "passes"
    assert check.agreement.weights == run.weights.size
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

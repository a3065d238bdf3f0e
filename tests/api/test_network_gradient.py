"""The gradient check of whole runs: on the small data set, and of the default network on the real MNIST."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from msgspec.structs import replace

import ravine
from gradients.planted_errors import IN_ONE_LAYER, ON_THE_WAY_BACK, right
from ravine.api.network_gradient import check_network_gradient
from ravine.data import load, scaled
from ravine.errors import RavineError
from ravine.gradients import METHODS, NetworkPoint, compare_gradients
from ravine.gradients.networks import agreement
from ravine.gradients.networks.check import CURVE_WEIGHTS, DIGITS_WEIGHTS, NetworkCheck
from ravine.gradients.networks.vcurve import v_curve
from ravine.networks import gradient
from ravine.spec import RunSpec
from ravine.training import start_weights

SPEC = RunSpec(dataset="small", layers=(64, 12, 10), lr=0.1, engine="reference")


@pytest.fixture(scope="module")
def mnist_points():
    """Return the default network at its initial weights, on one sample of the real MNIST and on a batch of four."""
    spec = RunSpec()
    train = load("mnist").train
    weights = start_weights(spec)
    return [
        NetworkPoint(spec.network, weights, scaled(train.features[:m], "float64"), train.targets[:m].astype(int))
        for m in (1, 4)
    ]


@pytest.mark.parametrize("name", [*IN_ONE_LAYER, *ON_THE_WAY_BACK])
def test_a_planted_error_in_the_default_network_is_caught(mnist_points, name):
    plant = (IN_ONE_LAYER | ON_THE_WAY_BACK)[name]
    for point in mnist_points[1:] if name == "missing 1/m" else mnist_points:
        for layer in range(4 if name in IN_ONE_LAYER else 3):
            wrong = plant(point, layer)
            agreement = compare_gradients(point, some_of_each_layer(point, wrong), analytic=wrong)
            assert agreement.verdict.answer == "fails"
            wrong = [method for method in agreement.methods.values() if method.verdict.wrong]
            blamed = {weight.layer for method in wrong for weight in method.worst}
            assert blamed
            assert blamed <= ({layer} if name in IN_ONE_LAYER else set(range(layer + 1)))


def some_of_each_layer(point, wrong):
    """Draw 60 weights of each layer that have a gradient, right or wrong."""
    rng = np.random.default_rng(5)
    ends = np.cumsum([0, *(rows * columns for rows, columns in point.network.layout.shapes)])
    live = np.flatnonzero((right(point) != 0) | (wrong != 0))
    layers = [live[(live >= low) & (live < high)] for low, high in pairwise(ends)]
    return np.sort(np.concatenate([rng.choice(layer, 60, replace=False) for layer in layers]))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("epochs", [0, 3])
@pytest.mark.parametrize("kind", [{}, {"activation": "sigmoid", "bias": True}, {"softmax": "naive"}], ids=str)
def test_right_gradients_pass(small, dtype, epochs, kind):
    spec = replace(SPEC, **kind)
    check = check_network_gradient(spec, epochs=epochs, dtype=dtype, samples=(0, 7, 7), digits=None)
    assert check.agreement.verdict.answer in (("passes",) if dtype == "float64" else ("passes", "cannot tell"))
    assert check.agreement.dtype == dtype
    assert check.agreement.samples == 3


def test_the_check_is_at_the_weights_of_the_run(small, runs):
    run = ravine.train(dataset="small", layers=(64, 12, 10), lr=0.1, epochs=2, engine="reference")
    x, labels = scaled(small.train.features[[4]], "float64"), small.train.targets[[4]].astype(int)
    expected = NetworkPoint(run.spec.network, run.weights.astype(float), x, labels).losses()[0]
    stored = check_network_gradient(RunSpec(dataset="mnist"), run=run.id, samples=(4,), digits=None)
    trained = check_network_gradient(SPEC, epochs=2, samples=(4,), digits=None)
    assert stored.agreement.loss == trained.agreement.loss == expected
    start = check_network_gradient(SPEC, epochs=0, samples=(4,), digits=None)
    assert start.agreement.loss == NetworkPoint(SPEC.network, start_weights(SPEC), x, labels).losses()[0]
    assert len(list(runs.iterdir())) == 1


def test_subsets_are_seeded(small):
    def checked(seed):
        check = check_network_gradient(replace(SPEC, seed=seed), epochs=0, weights=50, digits=None)
        return check.agreement.methods["central"]

    assert checked(1).errors == checked(1).errors
    assert checked(1).errors != checked(2).errors
    assert check_network_gradient(SPEC, epochs=0, weights=50, digits=15).agreement.weights == 50
    every = check_network_gradient(SPEC, epochs=0, weights=10**6, digits=None)
    pixels = np.count_nonzero(small.train.features[0])  # the weights of a black pixel cannot change the loss
    assert every.agreement.weights == pixels * 12 + 12 * 10 < SPEC.network.layout.size


def test_the_curve_and_the_digits_are_of_weights_that_count(small):
    check = check_network_gradient(SPEC, epochs=0, digits=20)
    x, labels = scaled(small.train.features[[0]], "float64"), small.train.targets[[0]].astype(int)
    point = NetworkPoint(SPEC.network, start_weights(SPEC), x, labels)
    live = np.flatnonzero(gradient(point.network, point.weights, point.x, point.targets)[1])
    assert len(live) < CURVE_WEIGHTS
    assert check.curve == v_curve(point, live)
    assert (check.digits.weights, check.digits.both_zero) == (min(len(live), DIGITS_WEIGHTS), 0)
    assert isinstance(check, NetworkCheck)
    assert tuple(check.agreement.methods) == METHODS


@pytest.mark.parametrize(
    ("settings", "answer"),
    [({}, "passes"), ({"methods": ("central",), "h": 1e-20}, "cannot tell")],
)
def test_a_check_has_its_answer(small, settings, answer):
    check = check_network_gradient(SPEC, epochs=0, weights=200, digits=None, **settings)
    assert (check.answer, check.passed) == (answer, answer == "passes")
    assert str(check).startswith(f"{answer}, 200 of ")


def test_a_wrong_gradient_has_its_answer(small, monkeypatch):
    def wrong(network, weights, x, targets):
        losses, g = gradient(network, weights, x, targets)
        return losses, 1.1 * g

    monkeypatch.setattr(agreement, "gradient", wrong)
    check = check_network_gradient(SPEC, epochs=0, digits=None)
    assert (check.answer, check.passed) == ("fails", False)


def test_progress_is_told(small):
    told = []
    check_network_gradient(SPEC, epochs=0, weights=20, digits=15, progress=lambda *what: told.append(what))
    assert {what for what, _ in told} == {"differences", "V-curve", "15 digits"}
    assert all(moved > 0 for _, moved in told)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"samples": (230,)}, "sample 230 is outside the data; numbers go from 0 to 229"),
        ({"samples": (0, -1)}, "sample -1 is outside the data"),
        ({"samples": (10**30,)}, "is outside the data"),
        ({"samples": ()}, "no sample is given"),
        ({"h": 0.0}, "h is 0; the step"),
        ({"h": float("nan")}, "h is nan"),
        ({"methods": ("centrl",)}, "did you mean 'central'"),
        ({"methods": ()}, "no method is given"),
        ({"digits": 3}, r"digits is 3; it must be a whole number from 15 to 1000\.$"),
        (
            {"digits": 0},
            r"digits is 0; it must be a whole number from 15 to 1000, or None, which leaves this check out\.",
        ),
        ({"weights": 0}, "weights is 0"),
        ({"epochs": -1}, "epochs is -1"),
        ({"dtype": "float16"}, "unknown dtype of a gradient check 'float16'"),
        ({"dtype": np.float16}, "unknown dtype of a gradient check 'float16'"),
        ({"data_dir": 3}, "data_dir is 3; it must be a path"),
        ({"run": "nothing"}, "there is no run 'nothing'"),
    ],
)
def test_bad_input_is_refused_before_anything_is_trained(small, runs, settings, words):
    with pytest.raises(RavineError, match=words):
        check_network_gradient(SPEC, **settings)
    assert not runs.exists()

"""Hyper-parameters that the dtype of a run does not have."""

from __future__ import annotations

import numpy as np
import pytest

import ravine
from ravine.errors import ConfigError
from ravine.formulas.elementwise import rule
from ravine.spec import RunSpec, from_settings, resolve
from small_data import small_arrays


@rule(bounds={"eps": "(0, inf)"})
def guarded(g, *, lr=0.1, eps=1e-60):
    return lr * g / (np.abs(g) + eps)


TWO = {"layers": (784, 8, 10)}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"optimizer": "adam", "eps": 1e-48},
            "eps of adam is 1e-48, which is 0 in float32, whose smallest number is 1.4e-45: give a larger eps, or "
            "train in float64.",
        ),
        ({"lr": 2e-46}, "lr of sgd is 2e-46, which is 0 in float32"),
        (
            {"lr": 5e38},
            "lr of sgd is 5e+38, which is infinite in float32, whose largest number is 3.4e+38: give a smaller lr, or",
        ),
        ({"optimizer": "lbfgs", "l2": 1e-47}, "l2 of lbfgs is 1e-47, which is 0 in float32"),
        (
            {"optimizer": "momentum", "alpha": 1 - 1e-12},
            "alpha of momentum is 0.999999999999, which is 1 in float32 and must be in [0, 1)",
        ),
        (
            {"optimizer": "adam", "per_layer": {"eps": [1, 1e-40]}, **TWO},
            "per_layer, layer 2 of weights: eps of adam is 1e-48, which is 0 in float32",
        ),
        ({"per_layer": {"lr": [1e30, 1]}, "lr": 1e20, **TWO}, "per_layer, layer 1 of weights: lr of sgd is 1e+50"),
        ({"optimizer": guarded}, "eps of guarded is 1e-60, which is 0 in float32"),
        (
            {"lr": 1.0, "schedule": "exponential", "decay_factor": 1e20},
            "the exponential schedule gives a learning rate of 1e+40 at epoch 2 of 10, counted from 0",
        ),
    ],
)
def test_what_becomes_nothing_or_infinite_is_refused_in_float32_and_taken_in_float64(settings, words):
    with pytest.raises(ConfigError) as caught:
        from_settings(settings)
    assert str(caught.value).startswith(words)
    assert from_settings({**settings, "dtype": "float64"}).spec.dtype == "float64"


def test_zero_stays_allowed_where_the_bounds_allow_it():
    per_layer = {"lr": [1, 0]}
    assert resolve(RunSpec(lr=0.0, per_layer=per_layer, layers=(784, 8, 10))).spec.lr == 0
    with pytest.raises(ConfigError, match="eps of adam is 0; it must be a finite number in"):
        resolve(RunSpec(optimizer="adam", hyperparameters={"eps": 0}))


@pytest.mark.parametrize("engine", ["fused", "reference"])
def test_a_number_below_the_smallest_normal_one_is_computed_with(engine):
    # Were it flushed to zero, the step would be 0 / 0.
    @rule
    def halved(g, v, *, lr=0.5, eps=1e-42):
        v = g * 0 + eps
        return lr * (v / eps), v

    run = ravine.train(optimizer=halved, data=small_arrays(), layers=(64, 10), batch_size=230, epochs=1, engine=engine)
    start = ravine.start_weights(run.spec).astype(np.float32)
    np.testing.assert_allclose(start - run.weights, 0.5, rtol=1e-6)

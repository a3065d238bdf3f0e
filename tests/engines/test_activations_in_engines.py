"""Activations in both engines: of ravine's own, of the user's, and one for each layer."""

from __future__ import annotations

import numpy as np
import pytest
from engine_cases import split

import ravine
from ravine.engines import make_engine
from ravine.engines.fused.pointwise import render_activation
from ravine.errors import ConfigError
from ravine.formulas.shelves import ACTIVATIONS, OPTIMIZERS
from ravine.networks import Network

HYPER = {"lr": 0.01, "alpha": 0.9}
SHIFT = 1.0


@ravine.activation(kinks=[-1, 1])
def shrunk(z):
    """Zero between -1 and 1, where a unit is off; outside, the distance from there."""
    return np.where(abs(z) <= SHIFT, 0, z - np.sign(z) * SHIFT), np.where(abs(z) <= SHIFT, 0, 1.0)


@ravine.activation
def bent(z):
    """It takes a name that compiled code has too."""
    n = 1 + z * z
    return z / n, (2 - n) / n**2


@pytest.fixture
def data():
    rng = np.random.default_rng(3)
    return split(rng.integers(0, 256, (90, 12)) * (rng.random((90, 12)) < 0.6), rng.integers(0, 4, 90))


@pytest.mark.parametrize(
    "activation", [shrunk, bent, ("gelu", "sine", "relu"), ("relu", shrunk, "tanh"), ("identity", "relu", bent)]
)
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("batch_size", [1, 7, 140])
def test_both_engines_take_the_same_steps(data, activation, bias, batch_size):
    network = Network((12, 9, 8, 7, 4), activation, bias=bias)
    weights = np.random.default_rng(0).normal(0, 0.6, network.layout.size)
    order = np.random.default_rng(1).integers(0, 90, 200 * batch_size)
    made = [
        make_engine(name, network, OPTIMIZERS["momentum"], weights, "float64", batch_size)
        for name in ("fused", "reference")
    ]
    for engine in made:
        assert engine.train(data, order, 0, len(order), HYPER).steps == 200
        engine.settle(HYPER)
    fused, reference = made
    assert np.abs(reference.weights - weights).max() > 0.001
    np.testing.assert_allclose(fused.weights, reference.weights, rtol=1e-10, atol=1e-10)
    assert fused.evaluate(data).live_units == reference.evaluate(data).live_units


def test_rules_that_ask_for_the_whole_gradient(data):
    network = Network((12, 9, 8, 4), ("silu", shrunk), bias=True)
    weights = np.random.default_rng(0).normal(0, 0.6, network.layout.size)
    for name in ("lamb", "muon"):
        rule = OPTIMIZERS[name]
        hyper = rule.hyperparameters({"lr": 0.01})
        made = [make_engine(engine, network, rule, weights, "float64", 7) for engine in ("fused", "reference")]
        for engine in made:
            engine.train(data, np.arange(84), 0, 84, hyper)
        np.testing.assert_allclose(made[0].weights, made[1].weights, rtol=1e-10, atol=1e-10)


def test_a_constant_of_the_module_is_part_of_the_compiled_text(monkeypatch):
    before = render_activation(shrunk)
    monkeypatch.setitem(globals(), "SHIFT", 1.5)
    assert render_activation(shrunk).digest != before.digest


def test_how_many_activations_a_network_needs():
    with pytest.raises(ConfigError, match="there are 3 activations for 2 hidden layers: give one for all, or one for"):
        Network((4, 3, 3, 2), ("relu", "tanh", "relu"))
    with pytest.raises(ConfigError, match="unknown activation 'rleu'; did you mean 'relu'"):
        Network((4, 3, 3, 2), ("relu", "rleu"))
    assert Network((4, 2), "tanh").activations == ()
    assert Network((4, 3, 3, 2), "tanh").activations == (ACTIVATIONS["tanh"],) * 2


FLAG = True


@ravine.activation(kinks=[0])
def whole(z):
    """Whole numbers beyond 64 bits, and a power of -1 of a whole number."""
    s = np.where(z > 0, 3037000500, 4)
    return z * (s * s * s) * s**-1, s * s * s * s**-1


@ravine.activation(kinks=[0])
def flagged(z):
    """A condition of the module's among conditions of z."""
    return np.where((z > 0) & FLAG, z, 0.5 * z), np.where((z > 0) & FLAG, 1, 0.5)


@ravine.activation
def named(z):
    """Names that look like places in the kernel's text."""
    RESULT_1 = 3 * z
    LOOP = RESULT_1 + z
    return LOOP * 1, 4


@ravine.activation
def lengths(z):
    """Functions that NumPy has for real numbers alone, whose derivative is checked by complex steps."""
    turned = np.arctan2(z, 2)
    root = np.cbrt(1 + z * z)
    side = np.copysign(1, z) * z * np.trunc(z) * 0
    return np.hypot(z, 1) + turned + root + side, z / np.hypot(z, 1) + 2 / (4 + z * z) + 2 * z / (3 * root**2)


@pytest.mark.parametrize("activation", [whole, flagged, named, lengths])
def test_the_compiled_text_computes_what_numpy_does(data, activation):
    network = Network((12, 9, 4), activation, loss="squared-error")
    weights = np.random.default_rng(0).normal(0, 0.6, network.layout.size)
    made = [make_engine(name, network, OPTIMIZERS["sgd"], weights, "float64", 5) for name in ("fused", "reference")]
    losses = [engine.evaluate(data).loss for engine in made]
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)


def test_numbers_of_whole_numbers_are_those_of_mathematics():
    assert whole.value(np.array([2.0, -3.0])).tolist() == pytest.approx([2 * 3037000500.0**2, -3 * 16.0])


@pytest.mark.parametrize("name", ["erf", "range"])
def test_names_that_the_kernel_needs_are_refused(tmp_path, name):
    file = tmp_path / "mine.py"
    file.write_text(f"import ravine\n@ravine.activation\ndef a(z):\n    {name} = 2 * z\n    return {name}, 2\n")
    with pytest.raises(ConfigError, match=f"assigns to {name}, a name that the kernel needs itself"):
        ACTIVATIONS.find(f"{file}:a").value(np.zeros(1))

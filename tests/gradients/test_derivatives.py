"""Each method against derivatives known by hand, and what each can and cannot see."""

from __future__ import annotations

import numpy as np
import pytest
from gradient_cases import KINDS, everything, kind_name, kinked, make_point

from ravine.errors import ConfigError, UsageError
from ravine.gradients import METHODS, NetworkPoint, derivatives
from ravine.networks import Network, gradient


def test_each_formula_on_a_loss_known_by_hand():
    """One weight that counts, two classes: f(w) = log(1 + e^-w), of which every number is known."""
    point = NetworkPoint(Network((1, 2)), np.array([1.0, 0.0]), np.ones((1, 1)), np.array([0]))
    h = 0.125

    def f(w):
        return np.log1p(np.exp(-w))

    expected = {
        "forward": (f(1 + h) - f(1)) / h,
        "backward": (f(1) - f(1 - h)) / h,
        "central": (f(1 + h) - f(1 - h)) / (2 * h),
        "complex": -1 / (1 + np.e),
    }
    found = derivatives(point, np.array([0]), METHODS, h)
    assert list(found) == list(METHODS)
    for name, value in expected.items():
        assert found[name].values[0] == pytest.approx(value, rel=1e-14)
        assert found[name].h == (1e-30 if name == "complex" else h)
        assert found[name].seconds > 0


@pytest.mark.parametrize("kind", KINDS, ids=kind_name)
@pytest.mark.parametrize("batch", [1, 4])
def test_the_complex_step_reaches_machine_precision(kind, batch):
    point = make_point(batch=batch, **kind)
    analytic = gradient(point.network, point.weights, point.x, point.targets)[1]
    found = derivatives(point, everything(point), ("complex",))["complex"].values
    np.testing.assert_allclose(found, analytic, rtol=1e-12, atol=1e-15 * np.abs(analytic).max())


@pytest.mark.parametrize("kind", KINDS, ids=kind_name)
def test_the_complex_step_in_float32(kind):
    point = make_point(dtype="float32", **kind)
    analytic = gradient(point.network, point.weights, point.x, point.targets)[1]
    found = derivatives(point, everything(point), ("complex",))["complex"]
    assert found.values.dtype == np.float32
    np.testing.assert_allclose(found.values, analytic, rtol=1e-4, atol=1e-6 * np.abs(analytic).max())


def test_the_complex_step_in_float32_sees_small_derivatives():
    point = NetworkPoint(Network((1, 2)), np.array([50, 0], np.float32), np.ones((1, 1), np.float32), np.array([0]))
    found = derivatives(point, np.array([0]), ("complex",))["complex"].values[0]
    assert found == pytest.approx(-np.exp(-50), rel=1e-5, abs=0)


def test_truncation_falls_with_h_and_with_h_squared():
    point = make_point(activation="tanh")
    analytic = gradient(point.network, point.weights, point.x, point.targets)[1]
    errors = {name: [] for name in ("forward", "backward", "central")}
    for h in (1e-2, 1e-3):
        for name, found in derivatives(point, everything(point), tuple(errors), h).items():
            errors[name].append(np.abs(found.values - analytic).max())
    assert errors["forward"][0] / errors["forward"][1] == pytest.approx(10, rel=0.1)
    assert errors["backward"][0] / errors["backward"][1] == pytest.approx(10, rel=0.1)
    assert errors["central"][0] / errors["central"][1] == pytest.approx(100, rel=0.1)


def test_a_method_straddles_a_kink_if_one_of_its_ends_crosses_it():
    found = derivatives(kinked(), everything(kinked()), METHODS, 1e-6)
    kinks = {name: np.flatnonzero(each.kinks).tolist() for name, each in found.items()}
    assert kinks == {"forward": [0, 2], "backward": [], "central": [0, 2], "complex": []}


def test_bad_methods_and_steps():
    point = make_point()
    with pytest.raises(UsageError, match="did you mean 'central'"):
        derivatives(point, everything(point), ("centrl",))
    with pytest.raises(ConfigError, match="no method is given"):
        derivatives(point, everything(point), ())
    for h in (0.0, -1e-8, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match=r"h is .*; the step of a difference must be"):
            derivatives(point, everything(point), METHODS, h)

"""The V-curve falls, turns where theory says, and rises."""

from __future__ import annotations

import math

import numpy as np
import pytest
from gradient_cases import everything, make_point

from ravine.gradients import NetworkPoint
from ravine.gradients.networks.vcurve import DIFFERENCES, STEPS, v_curve
from ravine.networks import Network


@pytest.fixture(scope="module", params=["float64", "float32"])
def case(request):
    point = make_point((6, 8, 5, 4), activation="tanh", bias=True, batch=4, dtype=request.param)
    return v_curve(point, everything(point))


def test_steps():
    assert STEPS[0] == pytest.approx(1e-1)
    assert STEPS[-1] == pytest.approx(1e-16)
    assert len(STEPS) == 61
    assert list(STEPS) == sorted(STEPS, reverse=True)


def test_the_slopes_are_those_of_truncation_and_of_round_off():
    point = make_point((6, 8, 5, 4), activation="tanh", bias=True, batch=4)
    curve = v_curve(point, everything(point))
    h, best = np.log10(curve.steps), curve.best_step
    for name, order in (("forward", 1), ("backward", 1), ("central", 2)):
        error = np.log10(curve.median[name])
        right = h > np.log10(best[name]) + 0.7
        assert np.polyfit(h[right], error[right], 1)[0] == pytest.approx(order, abs=0.25)
        left = (h < np.log10(best[name]) - 0.7) & (h > -14)
        assert np.polyfit(h[left], error[left], 1)[0] == pytest.approx(-1, abs=0.35)


def test_the_best_is_the_lowest_point_and_near_where_theory_says(case):
    curve = case
    for name in DIFFERENCES:
        assert curve.best_median[name] == min(curve.median[name])
        assert curve.median[name][curve.steps.index(curve.best_step[name])] == curve.best_median[name]
        assert abs(math.log10(curve.best_step[name] / curve.predicted_step[name])) < 1.3
    assert curve.best_median["central"] < curve.best_median["forward"] / 10
    assert len(curve.steps) == len(curve.median["central"]) == len(curve.mean["central"])


def test_a_dead_network_has_no_curve():
    network = Network((2, 2, 2))
    dead = NetworkPoint(network, np.array([-1.0, -1, -1, -1, 0, 0, 0, 0]), np.ones((1, 2)), np.array([0]))
    for indices in (everything(dead), np.array([], dtype=int)):
        curve = v_curve(dead, indices)
        assert all(math.isnan(error) for errors in curve.median.values() for error in errors)
        assert all(math.isnan(error) for error in curve.best_median.values())


def test_steps_at_which_every_difference_straddles_a_kink_are_never_the_best():
    point = NetworkPoint(Network((1, 1, 2)), np.array([0.02, 1, -1]), np.ones((1, 1)), np.array([0]))
    curve = v_curve(point, np.array([0]))
    for name in ("backward", "central"):
        large = [h > 0.02 for h in curve.steps]
        assert [math.isnan(error) for error in curve.median[name]] == large
        assert curve.best_step[name] < 0.02
        assert curve.best_median[name] < 1e-6

"""Each rule against numbers worked out from its source's equations, in plain Python floats."""

from __future__ import annotations

import math

import pytest
from stepping import step

from ravine.rules import adagrad, adam, momentum, nesterov, rmsprop, sgd

START = 2.0


def path(rule, gradients, **hyper):
    """Return the weight after each gradient, from START and slots of 0."""
    hyper = rule.hyperparameters(hyper)
    w, slots, weights = START, dict.fromkeys(rule.slots, 0.0), []
    for t, g in enumerate(gradients, start=1):
        change, slots = step(rule, g, w, t, slots, hyper)
        w -= change
        weights.append(w)
    return weights


def test_sgd_steps_by_the_rate_times_the_gradient():
    assert path(sgd, [1.0, -2.0, 0.5], lr=0.1) == pytest.approx([1.9, 2.1, 2.05], rel=1e-15)


def test_momentum_by_hand():
    # v = 0.1, 0.5 * 0.1 - 0.2 = -0.15, 0.5 * -0.15 + 0 = -0.075
    assert path(momentum, [1.0, -2.0, 0.0], lr=0.1, alpha=0.5) == pytest.approx([1.9, 2.05, 2.125], rel=1e-15)


def test_momentum_reaches_its_terminal_velocity():
    # Under a constant gradient v_t = lr (1 - alpha^t) / (1 - alpha).
    lr, alpha, n = 0.01, 0.9, 60
    fallen = lr / (1 - alpha) * (n - alpha * (1 - alpha**n) / (1 - alpha))
    assert path(momentum, [1.0] * n, lr=lr, alpha=alpha)[-1] == pytest.approx(START - fallen, rel=1e-13)


def test_momentum_keeps_the_steps_of_an_old_rate():
    # The velocity form: v = 0.1 survives the change of rate as 0.5 * 0.1, whatever the new rate is.
    v = momentum(1.0, 0.0, lr=0.1, alpha=0.5)[1]
    assert momentum(0.0, v, lr=77.0, alpha=0.5) == pytest.approx((0.05, 0.05), rel=1e-15)


def test_nesterov_by_hand():
    # v = 0.1, -0.15, -0.075; step = 0.5 v + 0.1 g = 0.15, -0.275, -0.0375
    assert path(nesterov, [1.0, -2.0, 0.0], lr=0.1, alpha=0.5) == pytest.approx([1.85, 2.125, 2.1625], rel=1e-15)


def test_nesterov_is_nesterov_s_method_after_a_change_of_variable():
    # The source's own form, v = alpha v - lr f'(theta + alpha v), theta = theta + v, on f = 1.5 theta^2.
    # The rule's weight stands for theta + alpha v.
    lr, alpha = 0.05, 0.8
    theta, v = START, 0.0
    w, slot = START, 0.0
    for _ in range(20):
        v = alpha * v - lr * 3 * (theta + alpha * v)
        theta += v
        change, slot = nesterov(3 * w, slot, lr=lr, alpha=alpha)
        w -= change
        assert w == pytest.approx(theta + alpha * v, rel=1e-12)


def test_adagrad_by_hand():
    # G = 9, then 25: steps 0.1 * 3 / 3 and 0.1 * 4 / 5
    assert path(adagrad, [3.0, 4.0], lr=0.1, eps=1e-30) == pytest.approx([1.9, 1.82], rel=1e-15)


def test_adagrad_has_eps_inside_the_root():
    # sqrt(9 + 16) = 5, where sqrt(9) + 16 would be 19
    assert path(adagrad, [3.0], lr=0.1, eps=16.0) == pytest.approx([START - 0.1 * 3 / 5], rel=1e-15)


def test_adagrad_shrinks_like_the_root_of_the_step_number():
    weights = path(adagrad, [2.0] * 50, lr=0.1, eps=1e-30)
    fallen = 0.1 * sum(1 / math.sqrt(t) for t in range(1, 51))
    assert weights[-1] == pytest.approx(START - fallen, rel=1e-13)


def test_rmsprop_by_hand():
    # s = 0.75 * 4 = 3 -> step 0.1 * -2 / sqrt(3); s = 0.25 * 3 + 0.75 * 1 = 1.5 -> 0.1 / sqrt(1.5)
    first = START + 0.2 / math.sqrt(3)
    assert path(rmsprop, [-2.0, 1.0], lr=0.1, rho=0.25, eps=1e-30) == pytest.approx(
        [first, first - 0.1 / math.sqrt(1.5)], rel=1e-15
    )


def test_rmsprop_has_eps_outside_the_root():
    # s = 0.5 * 8 = 4, sqrt(4) + 6 = 8, where sqrt(4 + 6) would be 3.16
    assert path(rmsprop, [math.sqrt(8)], lr=1.0, rho=0.5, eps=6.0) == pytest.approx(
        [START - math.sqrt(8) / 8], rel=1e-15
    )


def test_adam_by_hand():
    # m = 0.1, v = 0.001: corrected 1 and 1. m = 0.09 - 0.2 = -0.11, v = 0.000999 + 0.004 = 0.004999.
    lr, eps = 0.1, 1e-8
    first = START - lr / (1 + eps)
    second = first - lr * (-0.11 / 0.19) / (math.sqrt(0.004999 / 0.001999) + eps)
    assert path(adam, [1.0, -2.0], lr=lr, eps=eps) == pytest.approx([first, second], rel=1e-13)


def test_adam_under_a_constant_gradient_steps_by_the_rate():
    # Both corrections undo the start at zero exactly, so each step is lr g / (|g| + eps).
    weights = path(adam, [-0.5] * 40, lr=0.01, eps=0.125)
    assert weights[-1] == pytest.approx(START + 40 * 0.01 * 0.5 / 0.625, rel=1e-12)


def test_defaults_are_those_that_the_docstrings_name():
    assert sgd.hyperparameters({}) == {"lr": 0.1}
    assert momentum.hyperparameters({}) == {"lr": 0.01, "alpha": 0.9}
    assert nesterov.hyperparameters({}) == {"lr": 0.01, "alpha": 0.9}
    assert adagrad.hyperparameters({}) == {"lr": 0.01, "eps": 1e-8}
    assert rmsprop.hyperparameters({}) == {"lr": 0.001, "rho": 0.9, "eps": 1e-8}
    assert adam.hyperparameters({}) == {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}

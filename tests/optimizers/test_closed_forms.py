"""Each optimizer against numbers worked out from its source's equations, in plain Python floats."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from ravine.optimizers.adabelief import adabelief
from ravine.optimizers.adadelta import adadelta
from ravine.optimizers.adagrad import adagrad
from ravine.optimizers.adagrad_outside import adagrad_outside
from ravine.optimizers.adam import adam
from ravine.optimizers.adamax import adamax
from ravine.optimizers.adamw import adamw
from ravine.optimizers.adan import adan
from ravine.optimizers.amsgrad import amsgrad
from ravine.optimizers.heavy_ball import heavy_ball
from ravine.optimizers.lion import lion
from ravine.optimizers.momentum import momentum
from ravine.optimizers.nadam import nadam
from ravine.optimizers.nesterov import nesterov
from ravine.optimizers.nesterov_buffered import nesterov_buffered
from ravine.optimizers.radam import radam
from ravine.optimizers.rmsprop import rmsprop
from ravine.optimizers.rmsprop_centered import rmsprop_centered
from ravine.optimizers.rmsprop_momentum import rmsprop_momentum
from ravine.optimizers.rprop import rprop
from ravine.optimizers.sgd import sgd
from ravine.optimizers.signsgd import signsgd
from ravine.optimizers.signum import signum
from ravine.optimizers.yogi import yogi

START = 2.0


def path(optimizer, gradients, **hyper):
    """Return the weight after each gradient, from START."""
    hyper, w, weights = [optimizer.hyperparameters(hyper)], np.array([START]), []
    state = optimizer.start([w], hyper)
    for t, g in enumerate(gradients, start=1):
        (change,), state = optimizer.step([np.array([g])], [w], state, t, hyper)
        w = w - change
        weights.append(float(w[0]))
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


def test_heavy_ball_by_hand():
    # b = 1 undampened, 0.5 * 1 - 0.75 * 2 = -1, 0.5 * -1 + 0 = -0.5
    assert path(heavy_ball, [1.0, -2.0, 0.0], lr=0.1, alpha=0.5, dampening=0.25) == pytest.approx(
        [1.9, 2.0, 2.05], rel=1e-15
    )


def test_heavy_ball_without_momentum_has_nothing_to_dampen():
    assert path(heavy_ball, [1.0, -2.0], lr=0.1, alpha=0.0, dampening=0.25) == pytest.approx([1.9, 2.1], rel=1e-15)


def test_the_buffered_forms_put_a_new_rate_on_all_that_they_remember():
    assert heavy_ball(0.0, 2.0, 7, lr=77.0, alpha=0.5, dampening=0.0) == pytest.approx((77.0, 1.0), rel=1e-15)
    assert nesterov_buffered(0.0, 2.0, lr=77.0, alpha=0.5) == pytest.approx((38.5, 1.0), rel=1e-15)


def test_nesterov_buffered_by_hand():
    # b = 1, -1.5, -0.75; step = 0.1 (g + 0.5 b) = 0.15, -0.275, -0.0375
    assert path(nesterov_buffered, [1.0, -2.0, 0.0], lr=0.1, alpha=0.5) == pytest.approx(
        [1.85, 2.125, 2.1625], rel=1e-15
    )


def test_adagrad_outside_by_hand():
    # sqrt(7 + 9) + 2 = 6, sqrt(7 + 9 + 9) + 2 = 7
    assert path(adagrad_outside, [3.0, 3.0], lr=0.1, eps=2.0, initial_accumulator=7.0) == pytest.approx(
        [1.95, 1.95 - 0.3 / 7], rel=1e-15
    )


def test_rmsprop_centered_by_hand():
    # s = 8, m = 2: sqrt(8 - 4) + 6 = 8. s = 4, m = 1: sqrt(4 - 1) + 6 with no gradient. s = 4, m = -0.5 at g = -2.
    assert path(rmsprop_centered, [4.0, 0.0, -2.0], lr=1.0, rho=0.5, eps=6.0) == pytest.approx(
        [1.5, 1.5, 1.5 + 2 / (math.sqrt(3.75) + 6)], rel=1e-15
    )


def test_rmsprop_centered_takes_a_negative_variance_for_none():
    # Under a constant gradient s and m^2 both tend to g^2, and rounding decides which is the larger one.
    g, s, m = 0.1, 0.1**2 - 1e-17, 0.1
    assert rmsprop_centered(g, s, m, lr=1.0, rho=0.999, eps=0.5)[0] == pytest.approx(0.2, rel=1e-15)


def test_rmsprop_momentum_by_hand():
    # s = 4, b = sqrt(8) / 8; then s = 2 and no gradient: b halves
    first = math.sqrt(8) / 8
    assert path(rmsprop_momentum, [math.sqrt(8), 0.0], lr=1.0, rho=0.5, alpha=0.5, eps=6.0) == pytest.approx(
        [START - first, START - 1.5 * first], rel=1e-15
    )


def test_adadelta_by_hand():
    # s = 8: d = 1 / 3 * 4. u = 8 / 9, s = 12: d = sqrt(17 / 9) / sqrt(13) * 4.
    first = START - 0.5 * 4 / 3
    assert path(adadelta, [4.0, 4.0], lr=0.5, rho=0.5, eps=1.0) == pytest.approx(
        [first, first - 0.5 * 4 * math.sqrt(17 / 9 / 13)], rel=1e-15
    )


def test_amsgrad_remembers_the_largest_mean_square():
    # v = 2, 1, 1 and u = 2 throughout, corrected by 0.5 and 0.875
    assert path(amsgrad, [2.0, 0.0, 1.0], lr=0.1, beta1=0.0, beta2=0.5, eps=1e-30) == pytest.approx(
        [1.9, 1.9, 1.9 - 0.1 * math.sqrt(0.875 / 2)], rel=1e-15
    )


def test_adamax_by_hand():
    # u = 4 + 1, max(2.5, 1 + 1)
    assert path(adamax, [4.0, 1.0], lr=0.1, beta1=0.0, beta2=0.5, eps=1.0) == pytest.approx([1.92, 1.88], rel=1e-15)


def test_nadam_by_hand():
    # Without decay mu = 0.4 always, so q = 0.6, 0.84, 0.936. m = 0.2 g, then 0.36 g; the mean square is g^2.
    first = START - 0.1 * (1 + 0.4 * 0.2 / 0.84)
    second = first - 0.1 * (0.6 / 0.84 + 0.4 * 0.36 / 0.936)
    hyper = {"lr": 0.1, "beta1": 0.8, "beta2": 0.5, "eps": 1e-30, "momentum_decay": 0.0}
    assert path(nadam, [5.0, 5.0], **hyper) == pytest.approx([first, second], rel=1e-14)


def test_nadam_s_momentum_rises():
    # With momentum_decay 1 it is 0.8 (1 - 0.48) and then 0.8 (1 - 0.4608).
    one, two = 0.416, 0.43136
    assert path(nadam, [5.0], lr=0.1, beta1=0.8, eps=1e-30, momentum_decay=1.0) == pytest.approx(
        [START - 0.1 * (1 + two * 0.2 / (1 - one * two))], rel=1e-14
    )


def test_radam_goes_by_momentum_first_and_is_adam_in_the_end():
    # With beta2 = 0.75, p = 7 and p_t = 1, 1.857, 2.622, 3.297, 3.889, 4.402, 4.843, 5.200, ..: trust from step 8 on.
    weights = [START, *path(radam, [3.0] * 200, lr=0.1, beta2=0.75, eps=1e-30)]
    steps = [before - after for before, after in itertools.pairwise(weights)]
    assert steps[:7] == pytest.approx([0.3] * 7, rel=1e-13)
    length = 7 - 16 * 3**8 / (4**8 - 3**8)
    assert steps[7] == pytest.approx(0.1 * math.sqrt((length - 4) * (length - 2) * 7 / (15 * length)), rel=1e-12)
    assert steps[-1] == pytest.approx(0.1, rel=1e-12)


def test_adamw_decays_a_weight_that_has_no_gradient():
    assert path(adamw, [0.0] * 3, lr=0.1, weight_decay=0.5) == pytest.approx(
        [START * 0.95, START * 0.95**2, START * 0.95**3], rel=1e-15
    )


def test_adamw_is_adam_and_the_decay_of_the_weight_before():
    assert path(adamw, [3.0], lr=0.1, weight_decay=0.5, eps=1e-30) == pytest.approx([START - 0.1 - 0.1], rel=1e-15)


def test_adabelief_by_hand():
    # m = 1, so 2 - 1 = 1 and s = 0.5 + 0.5; corrected: m = 2, s = 2.
    assert path(adabelief, [2.0], lr=0.1, beta1=0.5, beta2=0.5, eps=1.0, eps_root=0.5) == pytest.approx(
        [START - 0.1 * 2 / (math.sqrt(2) + 1)], rel=1e-15
    )


def test_lion_by_hand():
    # signs of 0.5, 0.125 - 0.1 and 0.06875 - 0.5, with m = 0.25, 0.1375
    assert path(lion, [1.0, -0.2, -1.0], lr=0.1, beta1=0.5, beta2=0.75) == pytest.approx([1.9, 1.8, 1.9], rel=1e-15)


def test_signsgd_by_hand():
    assert path(signsgd, [3.0, 0.0, -1e-9], lr=0.1) == pytest.approx([1.9, 1.9, 2.0], rel=1e-15)


def test_signum_by_hand():
    # m = 0.5, 0.25 - 0.2, 0.025 - 0.2, -0.0875
    assert path(signum, [1.0, -0.4, -0.4, 0.0], lr=0.1, beta=0.5) == pytest.approx([1.9, 1.8, 1.9, 2.0], rel=1e-15)


def test_rprop_by_hand():
    # sizes 0.1, 0.12, 0.06 without a step since the sign turned, 0.06 again since no step was taken, 0.072
    assert path(rprop, [1.0, 9.0, -1.0, -3.0, -1.0], lr=0.1) == pytest.approx([1.9, 1.78, 1.78, 1.84, 1.912], rel=1e-14)


def test_rprop_keeps_its_sizes_within_bounds_in_units_of_the_rate():
    assert path(rprop, [1.0] * 3, lr=0.1, eta_plus=3.0, max_size=2.0) == pytest.approx([1.9, 1.7, 1.5], rel=1e-14)
    turning = path(rprop, [1.0, -1.0, -1.0], lr=0.1, eta_minus=0.1, min_size=0.5)
    assert turning == pytest.approx([1.9, 1.9, 1.95], rel=1e-14)
    assert rprop(1.0, 1.0, 2.0, **rprop.hyperparameters({"lr": 0.0}))[0] == 0


def test_yogi_by_hand():
    # v = 1 + 0.25 * 4 = 2, corrected 8; v = 2 - 0.25 * 1 = 1.75, corrected 1.75 / 0.4375 = 4
    first = START - 0.1 * 2 / (math.sqrt(8) + 0.5)
    hyper = {"lr": 0.1, "beta1": 0.0, "beta2": 0.75, "eps": 0.5, "initial_accumulator": 1.0}
    assert path(yogi, [2.0, 1.0], **hyper) == pytest.approx([first, first - 0.1 / 2.5], rel=1e-15)


def test_yogi_keeps_a_mean_square_that_the_gradient_has():
    # v - g^2 is 0, and so is its sign: adding to v would make it 1 + 0.25 and taking from it 1 - 0.25.
    assert yogi(1.0, 0.0, 1.0, 2, lr=0.1, beta1=0.0, beta2=0.75, eps=1e-3, initial_accumulator=9.0)[2] == 1


def test_yogi_corrects_its_momentum_from_zero():
    # m = 0.5, then 0.25 + 0.5: corrected 1 both times. v = 1 throughout, corrected 4 and 16 / 7.
    hyper = {"lr": 0.1, "beta1": 0.5, "beta2": 0.75, "eps": 1e-30, "initial_accumulator": 1.0}
    assert path(yogi, [1.0, 1.0], **hyper) == pytest.approx([1.95, 1.95 - 0.1 * math.sqrt(7) / 4], rel=1e-15)


def test_adan_by_hand():
    # g = 1: no difference yet, m = s = 0.5, corrected 1. g = 2: d = 1, m = 1.25 and v = 0.5, corrected 5 / 3 and 2 / 3;
    # s = 0.25 + 0.5 * 2.5^2 = 3.375, corrected 4.5.
    hyper = {"lr": 0.1, "beta1": 0.5, "beta2": 0.5, "beta3": 0.5, "eps": 0.25}
    first = START - 0.1 / 1.25
    second = first - 0.1 * (5 / 3 + 0.5 * 2 / 3) / (math.sqrt(4.5) + 0.25)
    assert path(adan, [1.0, 2.0], **hyper) == pytest.approx([first, second], rel=1e-15)


def test_adan_weighs_differences_by_beta2_and_decays_the_weight_after_the_step():
    # d = 1, m = 2, v = 0.25 corrected by 7 / 16 to 4 / 7, so 0.75 v = 3 / 7; s = (2 + 0.75)^2.
    step, *_ = adan(
        2.0, 1.0, 0.0, 0.0, 1.0, START, 2, lr=0.1, beta1=0.0, beta2=0.75, beta3=0.0, eps=0.25, weight_decay=5.0
    )
    assert START - step == pytest.approx((START - 0.1 * (2 + 3 / 7) / 3) / 1.5, rel=1e-15)


def test_defaults_are_those_that_the_docstrings_name():
    assert sgd.hyperparameters({}) == {"lr": 0.1}
    assert momentum.hyperparameters({}) == {"lr": 0.01, "alpha": 0.9}
    assert nesterov.hyperparameters({}) == {"lr": 0.01, "alpha": 0.9}
    assert adagrad.hyperparameters({}) == {"lr": 0.01, "eps": 1e-8}
    assert rmsprop.hyperparameters({}) == {"lr": 0.001, "rho": 0.9, "eps": 1e-8}
    assert adam.hyperparameters({}) == {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
    assert heavy_ball.hyperparameters({}) == {"lr": 0.01, "alpha": 0.9, "dampening": 0}
    assert nesterov_buffered.hyperparameters({}) == {"lr": 0.01, "alpha": 0.9}
    assert adagrad_outside.hyperparameters({}) == {"lr": 0.01, "eps": 1e-10, "initial_accumulator": 0}
    assert rmsprop_centered.hyperparameters({}) == {"lr": 0.001, "rho": 0.9, "eps": 1e-8}
    assert rmsprop_momentum.hyperparameters({}) == {"lr": 0.001, "rho": 0.9, "alpha": 0.9, "eps": 1e-8}
    assert adadelta.hyperparameters({}) == {"lr": 1, "rho": 0.95, "eps": 1e-6}
    assert amsgrad.hyperparameters({}) == adam.hyperparameters({})
    assert radam.hyperparameters({}) == adam.hyperparameters({})
    assert adamax.hyperparameters({}) == {**adam.hyperparameters({}), "lr": 0.002}
    assert nadam.hyperparameters({}) == {**adam.hyperparameters({}), "lr": 0.002, "momentum_decay": 0.004}
    assert adamw.hyperparameters({}) == {**adam.hyperparameters({}), "weight_decay": 0.01}
    assert adabelief.hyperparameters({}) == {**adam.hyperparameters({}), "eps": 1e-16, "eps_root": 1e-16}
    assert lion.hyperparameters({}) == {"lr": 0.0001, "beta1": 0.9, "beta2": 0.99}
    assert signsgd.hyperparameters({}) == {"lr": 0.001}
    assert signum.hyperparameters({}) == {"lr": 0.001, "beta": 0.9}
    sizes = {"min_size": 0.0001, "max_size": 5000}
    assert rprop.hyperparameters({}) == {"lr": 0.01, "eta_minus": 0.5, "eta_plus": 1.2, **sizes}
    assert yogi.hyperparameters({}) == {
        **adam.hyperparameters({}),
        "lr": 0.01,
        "eps": 0.001,
        "initial_accumulator": 1e-6,
    }
    betas = {"beta1": 0.98, "beta2": 0.92, "beta3": 0.99}
    assert adan.hyperparameters({}) == {"lr": 0.001, **betas, "eps": 1e-8, "weight_decay": 0}

"""lazy_adamax beside a loop in plain Python, beside adamax, and beside PyTorch's Adamax where no gradient is 0."""

from __future__ import annotations

import numpy as np
import pytest

from ravine.optimizers.adamax import adamax
from ravine.optimizers.lazy_adamax import lazy_adamax

HYPER = {"lr": 0.02, "beta1": 0.7, "beta2": 0.9, "eps": 1e-4}
SHAPE, STEPS = (7, 4), 40


def drawn():
    """Return the first weights and the gradient of each step, two thirds of whose numbers are 0."""
    rng = np.random.default_rng(3)
    gradients = rng.normal(size=(STEPS, *SHAPE))
    return rng.normal(size=SHAPE), np.where(rng.random(gradients.shape) < 2 / 3, 0.0, gradients)


def trained(optimizer, w, gradients):
    """Return the weights after each step."""
    state, weights = optimizer.start([w], [HYPER]), []
    for t, g in enumerate(gradients, start=1):
        (step,), state = optimizer.step([g], [w], state, t, [HYPER])
        w = w - step
        weights.append(w)
    return np.array(weights)


def alone(w, gradients, lr, beta1, beta2, eps):
    """Return one weight after each step."""
    m = u = 0.0
    for t, g in enumerate(gradients, start=1):
        if g != 0:
            m += (1 - beta1) * (g - m)
            u = max(beta2 * u, abs(g) + eps)
            w -= lr * (m / (1 - beta1**t)) / u
        yield w


def test_each_weight_goes_its_own_way_and_waits_without_a_gradient():
    start, gradients = drawn()
    ours = trained(lazy_adamax, start, gradients)
    assert np.isfinite(ours).all()
    for at in np.ndindex(SHAPE):
        theirs = list(alone(start[at], gradients[:, *at].tolist(), **HYPER))
        np.testing.assert_allclose(ours[:, *at], theirs, rtol=1e-12)


def test_it_is_adamax_if_no_gradient_is_0_and_otherwise_not():
    start, gradients = drawn()
    full = np.where(gradients == 0, 0.1, gradients)
    np.testing.assert_array_equal(trained(lazy_adamax, start, full), trained(adamax, start, full))
    assert np.abs(trained(lazy_adamax, start, gradients)[-1] - trained(adamax, start, gradients)[-1]).max() > 0.04


def test_nan_is_not_0_and_minus_0_is():
    g = np.array([np.nan, -0.0, 0.0, 1.0])
    found = lazy_adamax(g, np.full(4, 2.0), np.full(4, 3.0), 3, **HYPER)
    for numbers, still in zip(found, (0, 2, 3), strict=True):
        assert np.isnan(numbers[0])
        np.testing.assert_array_equal(numbers[1:3], still)
        assert numbers[3] != still


def test_it_is_adamax_of_pytorch_where_all_weights_have_gradients():
    torch = pytest.importorskip("torch", reason="torch is not installed; it is a peer to compare with")
    start, gradients = drawn()
    gradients = np.where(gradients == 0, 0.1, gradients)
    parameter = torch.nn.Parameter(torch.tensor(start))
    betas = HYPER["beta1"], HYPER["beta2"]
    optimizer = torch.optim.Adamax([parameter], lr=HYPER["lr"], betas=betas, eps=HYPER["eps"])
    for g, ours in zip(gradients, trained(lazy_adamax, start, gradients), strict=True):
        parameter.grad = torch.tensor(g)
        optimizer.step()
        np.testing.assert_allclose(ours, parameter.detach().numpy(), rtol=0, atol=1e-12)

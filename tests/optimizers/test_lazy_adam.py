"""lazy_adam beside a loop in plain Python, beside adam, and beside PyTorch's SparseAdam where both are the same."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ravine.optimizers.adam import adam
from ravine.optimizers.lazy_adam import lazy_adam

HYPER = {"lr": 0.01, "beta1": 0.8, "beta2": 0.95, "eps": 1e-3}
ROWS, WIDTH, STEPS = 12, 5, 50


def drawn(seed=0):
    """Return the first weights and the gradient of each step, half of whose numbers are 0."""
    rng = np.random.default_rng(seed)
    gradients = rng.normal(size=(STEPS, ROWS, WIDTH))
    return rng.normal(size=(ROWS, WIDTH)), np.where(rng.random(gradients.shape) < 0.5, 0.0, gradients)


def trained(optimizer, w, gradients, hyper=HYPER):
    """Return the weights after each step."""
    state, weights = optimizer.start([w], [hyper]), []
    for t, g in enumerate(gradients, start=1):
        (step,), state = optimizer.step([g], [w], state, t, [hyper])
        w = w - step
        weights.append(w)
    return np.array(weights)


def alone(w, gradients, lr, beta1, beta2, eps):
    """Return one weight after each step."""
    m = v = 0.0
    for t, g in enumerate(gradients, start=1):
        if g != 0:
            m += (1 - beta1) * (g - m)
            v += (1 - beta2) * (g**2 - v)
            w -= lr * (m / (1 - beta1**t)) / (math.sqrt(v / (1 - beta2**t)) + eps)
        yield w


def test_each_weight_goes_its_own_way_and_waits_without_a_gradient():
    start, gradients = drawn()
    ours = trained(lazy_adam, start, gradients)
    for at in np.ndindex(start.shape):
        theirs = list(alone(start[at], gradients[:, *at].tolist(), **HYPER))
        np.testing.assert_allclose(ours[:, *at], theirs, rtol=1e-12)


def test_it_is_adam_if_no_gradient_is_0_and_otherwise_not():
    start, gradients = drawn()
    full = np.where(gradients == 0, 0.1, gradients)
    np.testing.assert_array_equal(trained(lazy_adam, start, full), trained(adam, start, full))
    assert np.abs(trained(lazy_adam, start, gradients)[-1] - trained(adam, start, gradients)[-1]).max() > 0.04


def test_nan_is_not_0_and_minus_0_is():
    g = np.array([np.nan, -0.0, 0.0, 1.0])
    found = lazy_adam(g, np.full(4, 2.0), np.full(4, 3.0), 3, **HYPER)
    for numbers, still in zip(found, (0, 2, 3), strict=True):
        assert np.isnan(numbers[0])
        np.testing.assert_array_equal(numbers[1:3], still)
        assert numbers[3] != still


def test_it_is_sparse_adam_of_pytorch_where_a_row_has_no_zero_or_nothing_else():
    torch = pytest.importorskip("torch", reason="torch is not installed; it is a peer to compare with")
    start, gradients = drawn()
    gradients = np.where(gradients == 0, 0.1, gradients)
    gradients[np.random.default_rng(1).random((STEPS, ROWS)) < 0.6] = 0  # whole rows
    gradients[7] = 0  # a step that nobody takes counts too
    ours = trained(lazy_adam, start, gradients)
    for seen, theirs in zip(ours, sparse_adam(torch, start, gradients), strict=True):
        np.testing.assert_allclose(seen, theirs, rtol=0, atol=1e-9)
    assert np.abs(ours[-1] - start).max() > 0.1


def test_sparse_adam_moves_what_has_no_gradient_within_a_row_that_has_one():
    torch = pytest.importorskip("torch", reason="torch is not installed; it is a peer to compare with")
    start, gradients = np.zeros((1, 2)), np.array([[[1.0, 1.0]], [[1.0, 0.0]]])
    (ours, then), (theirs, later) = trained(lazy_adam, start, gradients), sparse_adam(torch, start, gradients)
    np.testing.assert_allclose(ours, theirs, atol=1e-9)
    assert then[0, 0] == pytest.approx(later[0, 0], abs=1e-9)
    assert then[0, 1] == ours[0, 1]
    assert later[0, 1] < theirs[0, 1] - 1e-3


def sparse_adam(torch, start, gradients):
    """Return the weights after each step of SparseAdam, whose gradients name the rows that have any number but 0.

    It adds eps before v is corrected, and we behind that, so here its eps is ours times the root of the correction.
    """
    parameter, weights = torch.nn.Parameter(torch.tensor(start)), []
    betas = HYPER["beta1"], HYPER["beta2"]
    optimizer = torch.optim.SparseAdam([parameter], lr=HYPER["lr"], betas=betas)
    for t, g in enumerate(gradients, start=1):
        rows = np.flatnonzero(g.any(axis=1))
        parameter.grad = torch.sparse_coo_tensor(
            torch.tensor(rows[None]), torch.tensor(g[rows]), start.shape, check_invariants=True
        )
        optimizer.param_groups[0]["eps"] = HYPER["eps"] * math.sqrt(1 - HYPER["beta2"] ** t)
        optimizer.step()
        weights.append(parameter.detach().numpy().copy())
    return weights

"""A rule that somebody else wrote, which claims nothing of idle steps, runs in both engines as it stands."""

from __future__ import annotations

import numpy as np
import pytest
from engine_cases import assert_same, order_of, pair, run, sparse_split

from ravine.formulas.elementwise import rule
from ravine.networks import Network


@rule(bounds={"decay": "[0, 1)"})
def wandering(w, g, push, memory, t, *, lr=0.02, decay=0.3, cap=0.5, drag=1e-3):
    """Every kind of term a rule may have, and a step where the gradient is zero."""
    warm = 1 - decay**t
    rate = lr * np.sqrt(warm) / (1 + 0.01 * t)
    g = g + drag * np.sign(w)
    memory = decay * memory + g**2
    push = np.where(g > 0, push**3 + g, 0.5 * push - cap * w) + (g > 1) * 0.5 + np.where(t > 3, lr, 0) * (1 + w) ** 2
    step = rate * (g / np.sqrt(memory + 1e-4) + drag * push + drag * w)
    return step, push, memory


@pytest.mark.parametrize("bias", [False, True], ids=["plain", "bias"])
@pytest.mark.parametrize("batch_size", [1, 7, 150])
def test_it_gets_a_dense_pass(batch_size, bias):
    data = sparse_split(300, width=60)
    fused, reference = pair(Network((60, 11, 10), bias=bias), wandering, batch_size)
    start = fused.weights
    order = order_of(60, batch_size, 300)
    hyper = wandering.hyperparameters({})
    ours, theirs = run(fused, data, order, hyper), run(reference, data, order, hyper)
    assert ours.loss_sum == pytest.approx(theirs.loss_sum, rel=1e-12)
    assert_same(fused, reference, 1e-10)
    unseen = ~data.features.any(axis=0)
    assert unseen.any()
    moved = (fused.weights - start)[: 60 * 11].reshape(60, 11)
    assert moved[unseen].all()  # rows that never have a gradient move as well

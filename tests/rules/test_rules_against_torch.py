"""Every rule that PyTorch can express, on the same gradients, for 200 steps in float64."""

from __future__ import annotations

import numpy as np
import pytest
from stepping import step

from ravine.rules import RULES

torch = pytest.importorskip("torch", reason="PyTorch is not installed; it is a peer to compare with, not a dependency")

# PyTorch's Adagrad has eps outside the root and ours inside. With an eps that vanishes beside every G, in both
# of them, the two are the same rule; where eps acts is the subject of a closed form of its own.
CASES = {
    "sgd": ({"lr": 0.1}, lambda p: torch.optim.SGD(p, lr=0.1)),
    "momentum": ({"lr": 0.02, "alpha": 0.9}, lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9)),
    "nesterov": (
        {"lr": 0.02, "alpha": 0.8},
        lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.8, nesterov=True),
    ),
    "adagrad": ({"lr": 0.05, "eps": 1e-300}, lambda p: torch.optim.Adagrad(p, lr=0.05, eps=1e-150)),
    "rmsprop": (
        {"lr": 0.003, "rho": 0.95, "eps": 1e-3},
        lambda p: torch.optim.RMSprop(p, lr=0.003, alpha=0.95, eps=1e-3),
    ),
    "adam": (
        {"lr": 0.01, "beta1": 0.8, "beta2": 0.99, "eps": 1e-3},
        lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.8, 0.99), eps=1e-3),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_200_steps_end_at_the_same_weights(name):
    rule = RULES[name]
    hyper, optimizer = CASES[name]
    hyper = rule.hyperparameters(hyper)
    rng = np.random.default_rng(11)
    gradients = rng.normal(size=(200, 40)) * 10.0 ** rng.integers(-4, 3, 40) * (rng.random((200, 40)) < 0.6)
    w = rng.normal(size=40)

    parameter = torch.nn.Parameter(torch.tensor(w))
    torch_optimizer = optimizer([parameter])
    slots = {slot: np.zeros(40) for slot in rule.slots}
    for t, g in enumerate(gradients, start=1):
        parameter.grad = torch.tensor(g)
        torch_optimizer.step()
        change, slots = step(rule, g, w, t, slots, hyper)
        w = w - change

    np.testing.assert_allclose(w, parameter.detach().numpy(), rtol=1e-12, atol=1e-13)

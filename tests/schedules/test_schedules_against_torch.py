"""Every schedule that PyTorch has, beside PyTorch's own, step by step."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ravine.formulas.schedule import learning_rates
from ravine.formulas.shelves import SCHEDULES

torch = pytest.importorskip("torch", reason="PyTorch is not installed; it is a peer to compare with, not a dependency")

EPOCHS, LR = 48, 0.3
MADE = torch.optim.lr_scheduler

PEERS = {
    "linear": (
        {"final_lr": 0.06},
        lambda o: MADE.LinearLR(o, start_factor=1, end_factor=0.2, total_iters=EPOCHS),
    ),
    "step": ({"decay_factor": 0.4, "decay_every": 7}, lambda o: MADE.StepLR(o, 7, gamma=0.4)),
    "exponential": ({"decay_factor": 0.93}, lambda o: MADE.ExponentialLR(o, 0.93)),
    "cosine": ({"final_lr": 0.01}, lambda o: MADE.CosineAnnealingLR(o, EPOCHS, eta_min=0.01)),
    "cosine_restarts": (
        {"first_cycle": 3, "cycle_factor": 2, "final_lr": 0.02},
        lambda o: MADE.CosineAnnealingWarmRestarts(o, T_0=3, T_mult=2, eta_min=0.02),
    ),
    "polynomial": ({"power": 1.7}, lambda o: MADE.PolynomialLR(o, total_iters=EPOCHS, power=1.7)),
    "one_cycle": (
        {"pct_start": 0.25, "div_factor": 20, "final_div_factor": 300},
        # PyTorch's first step is at 0 and its last at `total_steps - 1`, and it counts `pct_start` from 1.
        lambda o: MADE.OneCycleLR(
            o,
            LR,
            total_steps=EPOCHS + 1,
            pct_start=(0.25 * EPOCHS + 1) / (EPOCHS + 1),
            div_factor=20,
            final_div_factor=300,
            cycle_momentum=False,
        ),
    ),
    "triangular": (
        {"cycles": 3, "base_factor": 0.2},
        lambda o: MADE.CyclicLR(o, 0.2 * LR, LR, step_size_up=EPOCHS // 6, cycle_momentum=False),
    ),
    "warmup_stable_decay": (
        {"start_factor": 0.1, "warmup_share": 0.25, "decay_share": 0.5},
        lambda o: MADE.SequentialLR(
            o,
            [
                MADE.LinearLR(o, start_factor=0.1, end_factor=1, total_iters=EPOCHS // 4),
                MADE.ConstantLR(o, factor=1),
                MADE.LinearLR(o, start_factor=1, end_factor=0, total_iters=EPOCHS // 2),
            ],
            milestones=[EPOCHS // 4, EPOCHS // 2],
        ),
    ),
    "inverse_sqrt": (
        {"start_factor": 0, "warmup_share": 0.25},
        lambda o: MADE.LambdaLR(o, lambda k: min(k / 12, math.sqrt(12 / k)) if k else 0.0),
    ),
    "constant": ({}, lambda o: MADE.ConstantLR(o, factor=1)),
}


def test_every_schedule_is_compared():
    assert set(PEERS) == set(SCHEDULES)


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.filterwarnings("ignore")  # PyTorch's own, of steps that are not taken
def test_the_rates_are_pytorch_s_against_torch(name):
    settings, make = PEERS[name]
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))], lr=LR)
    scheduler = make(optimizer)
    wanted = []
    for _ in range(EPOCHS):
        wanted.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    schedule = SCHEDULES[name]
    values = schedule.hyperparameters(settings)
    got = learning_rates(schedule, values, LR, np.arange(float(EPOCHS)), EPOCHS, 0, 1)
    np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-12)

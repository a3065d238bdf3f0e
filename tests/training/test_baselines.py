"""Losses that a run is compared with, against what is known of the best constants, and against brute force."""

from __future__ import annotations

import numpy as np
import pytest

from ravine.data import Split
from ravine.formulas.loss import loss
from ravine.networks import Network, losses, output_losses
from ravine.training.baselines import Compared, compare, constant_losses, least_losses, some, zero_loss

RNG = np.random.default_rng(1)
COUNTS = RNG.poisson(40, (300, 2)).astype(float)
SKEWED = np.exp(RNG.normal(3, 2, (300, 2)))
FLAGS = (RNG.random((300, 2)) < [0.1, 0.6]).astype(float)
SHARES = RNG.random((300, 2))
WEIGHTS = RNG.exponential(1.0, 300)
WEIGHTS /= WEIGHTS.mean()


def quantile(y, w, share=0.5):
    order = np.argsort(y)
    return y[order][np.searchsorted(np.cumsum(w[order]), share * w.sum())]


def logit(p):
    return np.log(p / (1 - p))


BEST = {  # of targets y and weights w, as text books have them
    "squared-error": lambda y, w: np.average(y, weights=w),
    "absolute-error": quantile,
    "poisson": lambda y, w: np.log(np.average(y, weights=w)),
    "logistic": lambda y, w: logit(np.average(y, weights=w)),
    "hinge": lambda y, w: 1.0 if np.average(y, weights=w) > 0.5 else -1.0,
    "squared-hinge": lambda y, w: 2 * np.average(y, weights=w) - 1,
}
TARGETS = {"poisson": COUNTS, "logistic": SHARES, "hinge": FLAGS, "squared-hinge": FLAGS}


@loss(prediction=np.square)
def through_a_square(z, y):
    """The squared error of z^2; it has two valleys."""
    d = z * z - y
    return d * d, 4 * z * d


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("name", BEST)
def test_the_best_constant_outputs_are_those_of_the_text_books(name, weights):
    y, network = TARGETS.get(name, SKEWED), Network((3, 2), loss=name)
    w = np.ones(300) if weights is None else weights
    best = np.array([BEST[name](column, w) for column in y.T])
    wanted = output_losses(network, np.broadcast_to(best, y.shape), y)
    found = constant_losses(network, y, weights)
    assert (w * found).mean() == pytest.approx((w * wanted).mean(), rel=1e-9)
    if name not in ("absolute-error", "hinge"):  # whose best constants may be many
        assert found == pytest.approx(wanted, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_best_constant_probabilities_are_the_shares_of_the_classes(smoothing):
    labels, network = RNG.integers(0, 3, 200), Network((3, 4), label_smoothing=smoothing)  # class 3 never occurs
    goal = (1 - smoothing) * np.eye(4)[labels] + smoothing / 4
    shares = goal.mean(axis=0)
    wanted = -(goal * np.log(np.where(shares > 0, shares, 1))).sum(axis=1)
    assert constant_losses(network, labels) == pytest.approx(wanted)
    least = -(goal * np.log(np.where(goal > 0, goal, 1))).sum(axis=1)
    assert least_losses(network, labels) == pytest.approx(least, abs=1e-12)
    assert zero_loss(network, labels) == pytest.approx(np.log(4))


def test_huber_and_a_loss_with_two_valleys_against_brute_force():
    for objective, y in (("huber", SKEWED[:, :1]), (through_a_square, SHARES[:, :1])):
        network, grid = Network((3, 1), loss=objective), np.linspace(-2, 60, 50_001)
        brute = min(
            output_losses(network, np.full_like(y, z), y).mean() for z in grid[:: 50 if objective == "huber" else 1]
        )
        found = constant_losses(network, y).mean()
        assert found <= brute + 1e-12
        assert found == pytest.approx(brute, rel=1e-3)


def test_the_least_losses():
    y = COUNTS + 1
    assert least_losses(Network((3, 2), loss="poisson"), y) == pytest.approx((y - y * np.log(y)).mean(axis=1))
    entropy = -(SHARES * np.log(SHARES) + (1 - SHARES) * np.log(1 - SHARES))
    assert least_losses(Network((3, 2), loss="logistic"), SHARES) == pytest.approx(entropy.mean(axis=1))
    for name in ("squared-error", "absolute-error", "huber"):
        assert (least_losses(Network((3, 2), loss=name), SKEWED) == 0).all()
    for name in ("logistic", "hinge", "squared-hinge"):
        assert least_losses(Network((3, 2), loss=name), FLAGS) == pytest.approx(0, abs=1e-12)


def test_outputs_that_are_0():
    assert zero_loss(Network((3, 2), loss="squared-error"), SKEWED) == pytest.approx(np.square(SKEWED).mean())
    assert zero_loss(Network((3, 2), loss="hinge"), FLAGS) == 1
    weighted = (WEIGHTS * np.square(SKEWED).mean(axis=1)).mean()
    assert zero_loss(Network((3, 2), loss="squared-error"), SKEWED, WEIGHTS) == pytest.approx(weighted)
    assert zero_loss(Network((3, 5)), np.arange(5), np.full(5, 0.25)) == pytest.approx(np.log(5) / 4)


def test_skill_is_r_squared_of_squared_errors(monkeypatch):
    x, network = RNG.normal(size=(300, 3)), Network((3, 4, 1), loss="squared-error")
    weights = RNG.normal(size=network.layout.size)
    y = x @ [1.0, 0.0, -1.0] + RNG.normal(size=300)
    samples = np.sort(RNG.permutation(300)[:120])
    monkeypatch.setattr("ravine.data.datasets._DENSE", 30)  # ten rows at a time
    seen = compare(network, weights, Split(x, y[:, None]), samples)
    first, second = network.layout.views(weights)
    missed = y[samples] - (np.maximum(x[samples] @ first, 0) @ second)[:, 0]
    assert seen.losses == pytest.approx(missed**2)
    assert seen.skill == pytest.approx(1 - np.square(missed).mean() / y[samples].var())
    monkeypatch.undo()
    assert seen.losses.tolist() == losses(network, weights, x[samples], y[samples, None]).tolist()


@pytest.mark.parametrize(("share", "spread"), [(0.05, 0.1), (0.2, 0.2)])
def test_the_noise_of_skill_against_samples_drawn_anew(share, spread):
    y = np.random.default_rng(7).normal(size=(2000, 100))
    model = share * y + np.random.default_rng(8).normal(0, spread, y.shape)
    draws = [Compared(np.square(a - b), np.square(b), 0 * b) for a, b in zip(model, y, strict=True)]
    assert np.mean([draw.noise for draw in draws]) == pytest.approx(np.std([draw.skill for draw in draws]), rel=0.1)
    assert Compared(np.square(y[0] - 30), np.square(y[0]), 0 * y[0]).noise == 0.05


def test_nothing_can_better_constants_that_are_right():
    zeros = np.zeros(5)
    assert not Compared(zeros, zeros, zeros).skill >= 0
    assert not Compared(zeros + 1, zeros, zeros).skill >= 0
    assert not Compared(zeros + np.inf, zeros + 1, zeros).skill >= 0


def test_some_samples_are_drawn_from_all():
    network = Network((9, 1), loss="hinge")
    chosen = some(100_000, network)
    assert len(set(chosen.tolist())) == 1000
    assert (np.diff(chosen) > 0).all()
    assert chosen.mean() == pytest.approx(50_000, rel=0.1)
    assert some(100_000, network).tolist() == chosen.tolist()

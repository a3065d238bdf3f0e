"""Losses and activations against PyTorch's in float64: both engines end at its weights after 200 steps."""

from __future__ import annotations

import numpy as np
import pytest
from engine_cases import ENGINES, difference, order_of, run, starting_point

from ravine.data import Split
from ravine.engines import make_engine
from ravine.formulas.shelves import ACTIVATIONS, LOSSES
from ravine.networks import Network
from ravine.optimizers.momentum import momentum

torch = pytest.importorskip("torch", reason="PyTorch is not installed; it is a peer to compare with, not a dependency")

COUNT, WIDTH, OUTPUTS = 60, 12, 3
HYPER = {"lr": 0.01, "alpha": 0.9}

PEER_LOSSES = {
    "logistic": torch.nn.BCEWithLogitsLoss(),
    "squared-error": torch.nn.MSELoss(),
    "huber": torch.nn.HuberLoss(),
    "absolute-error": torch.nn.L1Loss(),
    "poisson": torch.nn.PoissonNLLLoss(),
    "hinge": lambda z, y: torch.relu(1 - (2 * y - 1) * z).mean(),
    "squared-hinge": lambda z, y: torch.relu(1 - (2 * y - 1) * z).square().mean(),
}
"""PyTorch has the hinge losses for other targets only; its gradients of them are another library's."""

PEER_ACTIVATIONS = {
    "relu": torch.nn.ReLU(),
    "leaky-relu": torch.nn.LeakyReLU(0.01),
    "tanh": torch.nn.Tanh(),
    "sigmoid": torch.nn.Sigmoid(),
    "identity": torch.nn.Identity(),
    "softplus": torch.nn.Softplus(threshold=700),
    "elu": torch.nn.ELU(),
    "gelu": torch.nn.GELU(),
    "gelu-tanh": torch.nn.GELU(approximate="tanh"),
    "silu": torch.nn.SiLU(),
}
"""Beyond its threshold PyTorch's softplus is z; by default that is 20."""


def test_every_loss_and_activation_has_a_peer():
    assert {*PEER_LOSSES, "cross-entropy"} == set(LOSSES)
    assert {*PEER_ACTIVATIONS, "sine"} == set(ACTIVATIONS)


def peer(network, weights):
    """Build the same network of PyTorch's layers, whose matrices are (o, i)."""
    stack = []
    for matrix, inputs in zip(network.layout.views(weights), network.layers, strict=False):
        linear = torch.nn.Linear(inputs, matrix.shape[1], dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(matrix[:inputs].T))
            linear.bias.copy_(torch.tensor(matrix[inputs]))
        stack += [linear, PEER_ACTIVATIONS[network.activation]]
    return torch.nn.Sequential(*stack[:-1])


def flat(network, model):
    weights = np.empty(network.layout.size)
    linears = [layer for layer in model if isinstance(layer, torch.nn.Linear)]
    for matrix, linear in zip(network.layout.views(weights), linears, strict=True):
        matrix[: linear.in_features] = linear.weight.detach().numpy().T
        matrix[linear.in_features] = linear.bias.detach().numpy()
    return weights


def samples(loss):
    rng = np.random.default_rng(0)
    shape = (COUNT, OUTPUTS)
    if loss == "cross-entropy":
        return Split(rng.normal(size=(COUNT, WIDTH)), rng.integers(0, OUTPUTS, COUNT))
    y = {
        "{0, 1}": rng.integers(0, 2, shape).astype(float),
        "[0, 1]": rng.random(shape),
        "[0, inf)": rng.poisson(2, shape).astype(float),
    }
    return Split(rng.normal(size=(COUNT, WIDTH)), y.get(LOSSES[loss].targets, rng.normal(0.5, 1, shape)))


def compare(loss, activation, batch_size, smoothing=0.0):
    data = samples(loss)
    network = Network((WIDTH, 8, 6, OUTPUTS), activation, bias=True, loss=loss, label_smoothing=smoothing)
    loss_of = PEER_LOSSES.get(loss, torch.nn.CrossEntropyLoss(label_smoothing=smoothing))
    weights = starting_point(network)
    order = order_of(200, batch_size, COUNT)

    model = peer(network, weights)
    optimizer = torch.optim.SGD(model.parameters(), lr=HYPER["lr"], momentum=HYPER["alpha"])
    x, y = torch.tensor(data.features), torch.tensor(data.targets)
    loss_sum = 0.0
    for begin in range(0, len(order), batch_size):
        batch = torch.tensor(order[begin : begin + batch_size])
        optimizer.zero_grad()
        found = loss_of(model(x[batch]), y[batch])
        found.backward()
        optimizer.step()
        loss_sum += found.item() * len(batch)
    whole = loss_of(model(x), y).item()

    assert difference(flat(network, model), weights) > 0.01
    for engine in ENGINES:
        ours = make_engine(engine, network, momentum, weights, "float64", batch_size)
        taken = run(ours, data, order, HYPER)
        assert taken.steps == 200
        assert taken.loss_sum == pytest.approx(loss_sum, rel=1e-9)
        assert difference(ours.weights, flat(network, model)) < 1e-9
        assert ours.evaluate(data).loss == pytest.approx(whole, rel=1e-9)


@pytest.mark.parametrize("batch_size", [1, 7, 100])
@pytest.mark.parametrize("loss", PEER_LOSSES)
def test_losses(loss, batch_size):
    compare(loss, "tanh", batch_size)


@pytest.mark.parametrize("batch_size", [1, 7, 100])
@pytest.mark.parametrize("activation", PEER_ACTIVATIONS)
def test_activations(activation, batch_size):
    compare("squared-error", activation, batch_size)


@pytest.mark.parametrize("loss", PEER_LOSSES)
@pytest.mark.parametrize("activation", ["relu", "gelu", "silu"])
def test_losses_of_other_networks(loss, activation):
    compare(loss, activation, 7)


@pytest.mark.parametrize("batch_size", [1, 7, 100])
@pytest.mark.parametrize("smoothing", [0.1, 0.9])
def test_smoothed_labels(smoothing, batch_size):
    compare("cross-entropy", "tanh", batch_size, smoothing)

"""Whole training runs against PyTorch in float64: another library's layers, gradients and optimizers."""

from __future__ import annotations

import numpy as np
import pytest
from engine_cases import ENGINES, SMALL, difference, order_of, run, sparse_split, starting_point

from optimizer_cases import ELEMENTWISE
from ravine.engines import make_engine
from ravine.networks import Network

torch = pytest.importorskip("torch", reason="PyTorch is not installed; it is a peer to compare with, not a dependency")

pytestmark = pytest.mark.usefixtures("kernels")


class PaperAdagrad:
    """AdaGrad with eps inside the root, which PyTorch's own cannot express, on PyTorch's gradients."""

    def __init__(self, parameters):
        self.parameters = list(parameters)
        self.sums = [torch.zeros_like(p) for p in self.parameters]

    def zero_grad(self):
        for p in self.parameters:
            p.grad = None

    @torch.no_grad()
    def step(self):
        for p, total in zip(self.parameters, self.sums, strict=True):
            total.addcmul_(p.grad, p.grad)
            p.sub_(0.01 * p.grad * (total + 1e-8).rsqrt())


OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, nesterov=True),
    "adagrad": PaperAdagrad,
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.001, alpha=0.9, eps=1e-8),
    "adam": lambda p: torch.optim.Adam(p, lr=0.001, betas=(0.9, 0.999), eps=1e-8),
}


def peer(network, weights):
    """Build the same network of PyTorch's layers, whose matrices are (o, i)."""
    stack = []
    for matrix, inputs in zip(network.layout.views(weights), network.layers, strict=False):
        linear = torch.nn.Linear(inputs, matrix.shape[1], bias=network.bias, dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(matrix[:inputs].T))
            if network.bias:
                linear.bias.copy_(torch.tensor(matrix[inputs]))
        stack += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*stack[:-1])


def flat(network, model):
    weights = np.empty(network.layout.size)
    linears = [layer for layer in model if isinstance(layer, torch.nn.Linear)]
    for matrix, linear in zip(network.layout.views(weights), linears, strict=True):
        matrix[: linear.in_features] = linear.weight.detach().numpy().T
        if network.bias:
            matrix[linear.in_features] = linear.bias.detach().numpy()
    return weights


@pytest.mark.parametrize("batch_size", [1, 7, 100])
@pytest.mark.parametrize("bias", [False, True], ids=["plain", "bias"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_200_steps_end_at_the_same_weights(name, bias, batch_size):
    data = sparse_split()
    network = Network(SMALL, bias=bias)
    weights = starting_point(network)
    order = order_of(200, batch_size, len(data.targets))

    model = peer(network, weights)
    optimizer = OPTIMIZERS[name](model.parameters())
    x, y = torch.tensor(data.features / 255), torch.tensor(data.targets.astype(np.int64))
    loss_sum = 0.0
    for begin in range(0, len(order), batch_size):
        batch = torch.tensor(order[begin : begin + batch_size])
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x[batch]), y[batch])
        loss.backward()
        optimizer.step()
        loss_sum += loss.item() * len(batch)

    rule = ELEMENTWISE[name]
    for engine in ENGINES:
        ours = make_engine(engine, network, rule, weights, "float64", batch_size)
        taken = run(ours, data, order, rule.hyperparameters({}))
        assert taken.steps == 200
        assert taken.loss_sum == pytest.approx(loss_sum, rel=1e-9)
        assert difference(ours.weights, flat(network, model)) < 1e-9

"""Sample weights against PyTorch in float64: its losses of single samples, times the weights, over the batch size."""

from __future__ import annotations

import numpy as np
import pytest
from engine_cases import ENGINES, difference, order_of, run, starting_point

from ravine.data import Split
from ravine.engines import make_engine
from ravine.formulas.shelves import LOSSES
from ravine.networks import Network
from ravine.optimizers.momentum import momentum

torch = pytest.importorskip("torch", reason="PyTorch is not installed; it is a peer to compare with, not a dependency")

COUNT, WIDTH, OUTPUTS = 60, 12, 3
HYPER = {"lr": 0.01, "alpha": 0.9}

PEERS = {
    "cross-entropy": torch.nn.CrossEntropyLoss(reduction="none"),
    "logistic": torch.nn.BCEWithLogitsLoss(reduction="none"),
    "squared-error": torch.nn.MSELoss(reduction="none"),
    "huber": torch.nn.HuberLoss(reduction="none"),
    "absolute-error": torch.nn.L1Loss(reduction="none"),
    "poisson": torch.nn.PoissonNLLLoss(reduction="none"),
    "hinge": lambda z, y: torch.relu(1 - (2 * y - 1) * z),
    "squared-hinge": lambda z, y: torch.relu(1 - (2 * y - 1) * z).square(),
}


def targets(loss):
    rng = np.random.default_rng(1)
    shape = (COUNT, OUTPUTS)
    if loss == "cross-entropy":
        return rng.integers(0, OUTPUTS, COUNT)
    return {
        "{0, 1}": rng.integers(0, 2, shape).astype(float),
        "[0, 1]": rng.random(shape),
        "[0, inf)": rng.poisson(2, shape).astype(float),
    }.get(LOSSES[loss].targets, rng.normal(0.5, 1, shape))


def test_every_loss_has_a_peer():
    assert set(PEERS) == set(LOSSES)


@pytest.mark.parametrize("batch_size", [1, 7, 100])
@pytest.mark.parametrize(("loss", "smoothing"), [*((loss, 0.0) for loss in PEERS), ("cross-entropy", 0.1)])
def test_200_steps(loss, smoothing, batch_size):
    rng = np.random.default_rng(0)
    features, sample_weights = rng.normal(size=(COUNT, WIDTH)), rng.exponential(1.0, COUNT)
    sample_weights[rng.random(COUNT) < 0.2] = 0
    data = Split(features, targets(loss), sample_weights=sample_weights)
    network = Network((WIDTH, 8, OUTPUTS), "tanh", bias=True, loss=loss, label_smoothing=smoothing)
    peer = torch.nn.CrossEntropyLoss(reduction="none", label_smoothing=smoothing) if smoothing else PEERS[loss]
    start, order = starting_point(network), order_of(200, batch_size, COUNT)

    matrices = [torch.tensor(matrix.copy(), requires_grad=True) for matrix in network.layout.views(start)]
    optimizer = torch.optim.SGD(matrices, lr=HYPER["lr"], momentum=HYPER["alpha"])
    x, y, w = torch.tensor(features), torch.tensor(data.targets), torch.tensor(sample_weights)
    loss_sum = 0.0
    for begin in range(0, len(order), batch_size):
        batch = torch.tensor(order[begin : begin + batch_size])
        optimizer.zero_grad()
        hidden = torch.tanh(x[batch] @ matrices[0][:-1] + matrices[0][-1])
        each = peer(hidden @ matrices[1][:-1] + matrices[1][-1], y[batch])
        each = each.mean(dim=1) if each.ndim == 2 else each
        total = (w[batch] * each).sum()
        (total / len(batch)).backward()
        optimizer.step()
        loss_sum += total.item()
    wanted = np.concatenate([matrix.detach().numpy().ravel() for matrix in matrices])

    assert difference(wanted, start) > 0.01
    for engine in ENGINES:
        ours = make_engine(engine, network, momentum, start, "float64", batch_size)
        taken = run(ours, data, order, HYPER)
        assert taken.steps == 200
        assert taken.loss_sum == pytest.approx(loss_sum, rel=1e-9)
        assert difference(ours.weights, wanted) < 1e-9

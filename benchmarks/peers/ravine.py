"""ravine's fused engine."""

from __future__ import annotations

import numpy as np

from benchmarks.peers import LR, Task, Train
from ravine.data import Split
from ravine.engines import make_engine
from ravine.formulas import shelves
from ravine.networks import Network

LIBRARIES: tuple[str, ...] = ()
OPTIMIZERS = ("sgd", "momentum", "adagrad", "adam")
ENGINE = "fused"


def make(task: Task, engine_name: str = ENGINE) -> Train:
    """Return the engine's training; the hyper-parameters are the rule's defaults but for the rate."""
    network = Network((task.matrices[0].shape[0], *(matrix.shape[1] for matrix in task.matrices)))
    rule = shelves.OPTIMIZERS.find(task.optimizer)
    weights = np.concatenate([matrix.ravel() for matrix in task.matrices])
    engine = make_engine(engine_name, network, rule, weights, "float32", task.batch_size)
    engine.compile()
    data = Split(task.images, task.labels)
    engine.prepare(data)
    hyper = rule.hyperparameters({"lr": LR})

    def train(order):
        taken = engine.train(data, order, 0, len(order), hyper)
        engine.settle(hyper)
        return taken.loss_sum / len(order)

    return train

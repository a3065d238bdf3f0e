"""ravine's fused engine; lazy updates are settled within the time."""

from __future__ import annotations

import numpy as np

from benchmarks.sparse.peers import LR, Forms, Task, Train

LIBRARIES: tuple[str, ...] = ()


def forms(optimizer: str) -> Forms:
    from ravine.formulas import shelves

    return {"fused": fused} if optimizer in shelves.OPTIMIZERS else {}


def fused(task: Task) -> Train:
    from scipy.sparse import csr_array

    from ravine.data import Split
    from ravine.engines import make_engine
    from ravine.formulas import shelves
    from ravine.networks import Network

    problem, rule = task.problem, shelves.OPTIMIZERS.find(task.optimizer)
    network = Network((*problem.first.shape, problem.second.shape[1]))
    weights = np.concatenate([problem.first.ravel(), problem.second.ravel()])
    engine = make_engine("fused", network, rule, weights, "float32", task.batch_size)
    engine.compile()
    samples, nonzeros = problem.columns.shape
    starts = np.arange(0, samples * nonzeros + 1, nonzeros, dtype=np.int32)  # of 64 bits, SciPy would copy columns
    features = (problem.values.ravel(), problem.columns.ravel(), starts)
    data = Split(csr_array(features, shape=(samples, network.layers[0])), problem.labels)
    engine.prepare(data)
    hyper = rule.hyperparameters({"lr": LR[task.optimizer]})

    def train(order):
        taken = engine.train(data, order, 0, len(order), hyper)
        engine.settle(hyper)
        return taken.loss_sum / len(order)

    return train

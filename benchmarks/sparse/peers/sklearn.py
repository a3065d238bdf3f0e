"""scikit-learn's MLPClassifier with compressed sparse rows; it always has biases."""

from __future__ import annotations

from benchmarks.sparse.peers import ALPHA, LR, Forms, Task, Train

LIBRARIES = ("sklearn",)


def forms(optimizer: str) -> Forms:
    return {"CSR": make} if optimizer in ("sgd", "momentum", "adam") else {}


def make(task: Task) -> Train:
    """Return one pass of `partial_fit` over the samples in their order."""
    import numpy as np
    from scipy.sparse import csr_array
    from sklearn.neural_network import MLPClassifier

    problem = task.problem
    model = MLPClassifier(
        hidden_layer_sizes=problem.first.shape[1:],
        solver="adam" if task.optimizer == "adam" else "sgd",
        momentum=ALPHA if task.optimizer == "momentum" else 0.0,
        nesterovs_momentum=False,
        learning_rate_init=LR[task.optimizer],
        alpha=0.0,
        batch_size=task.batch_size,
        shuffle=False,
    )
    samples, nonzeros = problem.columns.shape
    starts = np.arange(0, samples * nonzeros + 1, nonzeros, dtype=np.int32)
    features = csr_array((problem.values.ravel(), problem.columns.ravel(), starts), shape=(samples, len(problem.first)))
    labels, classes = problem.labels, np.arange(problem.second.shape[1])
    model.partial_fit(features[: task.batch_size], labels[: task.batch_size], classes=classes)
    for ours, theirs in zip((problem.first, problem.second), model.coefs_, strict=True):
        theirs[...] = ours
    for bias in model.intercepts_:
        bias[...] = 0
    del model._optimizer  # so that the next step is the first one

    def train(order):
        model.partial_fit(features[order], labels[order])
        return float(model.loss_)

    return train

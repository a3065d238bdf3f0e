"""scikit-learn's MLPClassifier, which always has biases."""

from __future__ import annotations

from benchmarks.peers import ALPHA, LR, Task, Train

LIBRARIES = ("sklearn",)
OPTIMIZERS = ("sgd", "momentum", "adam")


def make(task: Task) -> Train:
    """Return one pass of `partial_fit` over the samples in their order."""
    import numpy as np
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(
        hidden_layer_sizes=tuple(matrix.shape[1] for matrix in task.matrices[:-1]),
        solver="adam" if task.optimizer == "adam" else "sgd",
        momentum=ALPHA if task.optimizer == "momentum" else 0.0,
        nesterovs_momentum=False,
        learning_rate_init=LR,
        alpha=0.0,
        batch_size=task.batch_size,
        shuffle=False,
    )
    images, classes = task.inputs, np.arange(task.matrices[-1].shape[1])
    model.partial_fit(images[: task.batch_size], task.labels[: task.batch_size], classes=classes)
    for ours, theirs in zip(task.matrices, model.coefs_, strict=True):
        theirs[...] = ours
    for bias in model.intercepts_:
        bias[...] = 0

    def train(order):
        model.partial_fit(images[order], task.labels[order])
        return float(model.loss_)

    return train

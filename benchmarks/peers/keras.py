"""Keras with its JAX backend."""

from __future__ import annotations

import os

from benchmarks.peers import ALPHA, LR, Task, Train

LIBRARIES = ("keras", "jax")
OPTIMIZERS = ("sgd", "momentum", "adagrad", "adam")


def make(task: Task) -> Train:
    """Return one epoch of `fit` over the samples in their order."""
    os.environ["KERAS_BACKEND"] = "jax"
    import keras

    shapes = [matrix.shape for matrix in task.matrices]
    layers = [keras.layers.Dense(o, "relu" if k < len(shapes) - 1 else None, False) for k, (_, o) in enumerate(shapes)]
    model = keras.Sequential([keras.Input((shapes[0][0],)), *layers])
    model.set_weights(task.matrices)
    optimizer = {
        "sgd": lambda: keras.optimizers.SGD(LR),
        "momentum": lambda: keras.optimizers.SGD(LR, momentum=ALPHA),
        "adagrad": lambda: keras.optimizers.Adagrad(LR, initial_accumulator_value=0.0, epsilon=1e-8),
        "adam": lambda: keras.optimizers.Adam(LR, epsilon=1e-8),
    }[task.optimizer]()
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    images, labels = task.inputs, task.labels

    def train(order):
        fitted = model.fit(images[order], labels[order], task.batch_size, shuffle=False, verbose=0)
        return float(fitted.history["loss"][0])

    return train

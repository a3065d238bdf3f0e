"""A network so small that a run takes a second."""

from __future__ import annotations

from ravine.spec.problem import Problem

mnist_small = Problem(
    name="mnist-small",
    title="32 hidden units on MNIST: a run takes a second",
    dataset="mnist",
    layers=(784, 32, 10),
    batch_size=100,
    epochs=5,
    target=0.953,
    target_source="LeCun et al., Proc. IEEE 86 (1998), section III: 4.7 % of errors with one hidden layer of 300 units",
)

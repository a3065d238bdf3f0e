"""Softmax regression: a convex problem."""

from __future__ import annotations

from ravine.spec.problem import Problem

mnist_logistic = Problem(
    name="mnist-logistic",
    title="no hidden layer on MNIST: a convex problem",
    dataset="mnist",
    layers=(784, 10),
    bias=True,
    batch_size=100,
    epochs=10,
    target=0.88,
    target_source="LeCun et al., Proc. IEEE 86 (1998), section III: 12 % of errors with a linear classifier",
)

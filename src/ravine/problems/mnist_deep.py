"""A deep and narrow network."""

from __future__ import annotations

from ravine.spec.problem import Problem

mnist_deep = Problem(
    name="mnist-deep",
    title="six hidden layers of 64 units on MNIST",
    dataset="mnist",
    layers=(784, 64, 64, 64, 64, 64, 64, 10),
    batch_size=100,
    epochs=10,
    target=0.9695,
    target_source="LeCun et al., Proc. IEEE 86 (1998), section III: "
    "3.05 % of errors with two hidden layers of 300 and 100 units",
)

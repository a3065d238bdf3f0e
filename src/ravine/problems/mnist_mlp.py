"""The network of the reference study."""

from __future__ import annotations

from ravine.spec.problem import Problem

mnist_mlp = Problem(
    name="mnist-mlp",
    title="the paper's network on MNIST, in batches of 10",
    dataset="mnist",
    layers=(784, 300, 100, 100, 10),
    batch_size=10,
    epochs=10,
    target=0.9695,
    target_source="LeCun et al., Proc. IEEE 86 (1998), section III: "
    "3.05 % of errors with two hidden layers of 300 and 100 units",
)
"""Source: Yotkov, Gradient-Based Optimisation, section 3: its network and batches; ten epochs, as most of its runs."""

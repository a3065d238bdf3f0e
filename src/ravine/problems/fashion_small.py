"""A network so small that a run takes a second, on harder pictures."""

from __future__ import annotations

from ravine.spec.problem import Problem

fashion_small = Problem(
    name="fashion-small",
    title="32 hidden units on Fashion-MNIST",
    dataset="fashion-mnist",
    layers=(784, 32, 10),
    batch_size=100,
    epochs=5,
    target=0.842,
    target_source="Xiao, Rasul and Vollgraf, arXiv:1708.07747 (2017), table 3: the best of their logistic regressions",
)

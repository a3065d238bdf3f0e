"""The network of the reference study, on harder pictures."""

from __future__ import annotations

from ravine.spec.problem import Problem

fashion_mlp = Problem(
    name="fashion-mlp",
    title="the paper's network on Fashion-MNIST",
    dataset="fashion-mnist",
    layers=(784, 300, 100, 100, 10),
    batch_size=100,
    epochs=10,
    target=0.871,
    target_source="Xiao, Rasul and Vollgraf, arXiv:1708.07747 (2017), table 3: "
    "the best of their networks with one hidden layer",
)

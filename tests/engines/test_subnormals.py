"""The kernel of a smooth rule takes subnormal numbers for zero, and nothing else of the process does."""

from __future__ import annotations

import platform

import numpy as np
import pytest

from ravine.engines import make_engine
from ravine.engines.fused.render import render
from ravine.formulas.elementwise import rule
from ravine.formulas.shelves import OPTIMIZERS
from ravine.networks import Network

pytestmark = pytest.mark.skipif(
    platform.machine().lower() not in ("x86_64", "amd64", "aarch64", "arm64"),
    reason="how other processors are told is not known",
)

TINY = np.finfo(np.float32).tiny


def trained(optimizer, dtype="float32", engine="fused"):
    """Train on images of which most pixels are seen in the first batch alone; return the engine."""
    from ravine.data import Split

    rng = np.random.default_rng(3)
    images = np.zeros((400, 64), np.uint8)
    images[:2] = rng.integers(1, 256, (2, 64))
    images[2:, :8] = rng.integers(1, 256, (398, 8))
    data = Split(images, rng.integers(0, 10, 400).astype(np.uint8))
    network = Network((64, 10))
    made = make_engine(engine, network, optimizer, rng.normal(0, 0.1, 640), dtype, 2, {}, 0)
    made.prepare(data)
    order = np.arange(400).repeat(2)
    hyper = {**{name: value for name, value in optimizer.defaults.items() if value is not None}, "lr": 0.01}
    made.train(data, order, 0, 800, hyper, batch_size=2)
    made.settle(hyper)
    return made


def subnormal(values) -> int:
    return int(((values != 0) & (np.abs(values) < TINY)).sum())


def slots(engine) -> int:
    """Return how many numbers of the averages are subnormal."""
    return sum(
        subnormal(array) for name, array in engine.state().items() if name != "weights" and array.dtype.kind == "f"
    )


@rule
def quick_to_forget(g, m, *, lr=0.01):
    m = 0.8 * m + g
    return lr * m, m


@rule
def asks_for_signs(g, m, *, lr=0.01):
    m = 0.5 * m + g
    return lr * np.sign(m), m


def test_a_smooth_rule_forgets_what_is_subnormal_and_has_the_weights_of_the_reference():
    fused, reference = trained(quick_to_forget), trained(quick_to_forget, engine="reference")
    assert slots(reference) > 100  # 0.8^399 is 2e-39
    assert slots(fused) == 0
    np.testing.assert_allclose(fused.weights, reference.weights, rtol=1e-5, atol=1e-6)


def test_a_rule_that_asks_for_signs_sees_the_smallest_numbers():
    fused, reference = (trained(asks_for_signs, "float64", engine) for engine in ("fused", "reference"))
    np.testing.assert_allclose(fused.weights, reference.weights, rtol=1e-10)


@pytest.mark.parametrize("number", [1e-39, 1e-45])
def test_other_code_of_the_thread_computes_with_them(number):
    trained(quick_to_forget)
    assert np.float32(number) * np.float32(1) != 0
    assert np.float32(TINY) / np.float32(2) != 0


@pytest.mark.parametrize(
    ("name", "smooth"),
    [("sgd", True), ("momentum", True), ("adam", True), ("adopt", True), ("adan", True), ("signsgd", False),
     ("lion", False), ("rprop", False), ("yogi", False), ("perturbed_gd", False), ("lazy_adam", False)],
)  # fmt: skip
def test_which_rules_are_smooth(name, smooth):
    assert render(OPTIMIZERS[name].formula).smooth is smooth


def test_comparisons_and_jumps_in_the_loop_make_a_rule_one_that_is_not_smooth():
    @rule
    def compares(g, *, lr=0.1):
        return np.where(g > 0, lr, -lr)

    @rule
    def takes_logs(g, *, lr=0.1):
        return lr * np.log(np.abs(g) + 1e-30)

    @rule
    def at_first(g, m, t, *, lr=0.1):
        m = np.where(t == 1, g, 0.9 * m + g)
        return lr * m, m

    assert [render(made.formula).smooth for made in (compares, takes_logs, at_first)] == [False, False, True]

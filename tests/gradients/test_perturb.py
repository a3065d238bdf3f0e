"""The fast way to move one weight against running the whole network."""

from __future__ import annotations

import numpy as np
import pytest
from gradient_cases import KINDS, LAYERS, everything, kind_name, kinked, make_point

from ravine.gradients import NetworkPoint
from ravine.gradients.networks import perturb
from ravine.gradients.networks.perturb import moved, moved_plainly
from ravine.networks import Network


def assert_same(point, step, indices=None):
    indices = everything(point) if indices is None else indices
    fast, plain = moved(point, indices, step), moved_plainly(point, indices, step)
    np.testing.assert_array_equal(fast.crossed, plain.crossed)
    assert fast.change.dtype == plain.change.dtype == point.weights.dtype
    eps = np.finfo(point.weights.dtype).eps
    # The real part of a complex change is round-off alone; its imaginary part is exact to its own digits.
    if np.iscomplexobj(point.weights):
        scale = np.abs(plain.change.imag).max()
        assert scale > 0
        np.testing.assert_allclose(fast.change.imag, plain.change.imag, rtol=1e-10, atol=100 * eps * scale)
        np.testing.assert_allclose(fast.change.real, plain.change.real, rtol=0, atol=100 * eps)
    else:
        np.testing.assert_allclose(fast.change, plain.change, rtol=0, atol=30 * eps * max(1, point.losses().max()))
    return fast


DEEP = (4, 5, 3, 3, 2)
CASES = [
    *((kind, DEEP) for kind in KINDS),
    *((kind, DEEP[:n]) for kind in KINDS if kind["activation"] in ("leaky-relu", "tanh") for n in (2, 3, 4)),
]
"""Every kind of network with four layers; two activations, one with a kink, with fewer."""


def case_name(value):
    return kind_name(value) if isinstance(value, dict) else f"{len(value) - 1}-layers"


def each_case(test):
    return pytest.mark.parametrize(("kind", "layers"), CASES, ids=case_name)(test)


@each_case
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_fast_way_is_the_plain_way(kind, layers, dtype):
    for batch, steps in {4: (1e-2, -1e-3, 1e-5, 0.5, -3.0), 1: (0.5,)}.items():
        point = make_point(layers, batch=batch, seed=6, dtype=dtype, **kind)
        for step in steps:
            found = assert_same(point, step)
            assert np.abs(found.change).max() > 1e-8


@each_case
def test_the_fast_way_is_the_plain_way_in_the_complex_plane(kind, layers):
    for batch in (1, 4):
        found = assert_same(make_point(layers, batch=batch, seed=6, dtype="complex128", **kind), 1e-30j)
        assert not found.crossed.any()


@pytest.mark.parametrize("activation", ["relu", "leaky-relu"])
def test_large_steps_cross_kinks_in_every_layer_before_the_last(activation):
    crossed = assert_same(make_point(LAYERS[4], activation=activation), 2.0).crossed
    layout = make_point(LAYERS[4]).network.layout
    counts = [int(part.sum()) for part in layout.views(crossed)]
    assert min(counts[:-1]) > 0
    assert counts[-1] == 0


def test_smooth_networks_have_no_kinks():
    for activation in ("tanh", "sigmoid"):
        assert not assert_same(make_point(activation=activation), 5.0).crossed.any()


def test_the_answers_are_in_the_order_of_the_indices():
    point = make_point(bias=True)
    indices = np.random.default_rng(1).permutation(everything(point))
    there = assert_same(point, 0.01, indices).change
    np.testing.assert_array_equal(there, moved(point, everything(point), 0.01).change[indices])
    assert len(moved(point, np.array([], dtype=int), 0.01).change) == 0


def test_blocks_do_not_change_the_answer(monkeypatch):
    point = make_point(LAYERS[4], bias=True)
    whole = moved(point, everything(point), 0.01)
    monkeypatch.setattr(perturb, "_BLOCK", 7)
    told = []
    parts = moved(point, everything(point), 0.01, told.append)
    np.testing.assert_allclose(parts.change, whole.change, rtol=0, atol=1e-15)
    np.testing.assert_array_equal(parts.crossed, whole.crossed)
    assert max(told) == 7
    assert sum(told) == len(point.weights) * len(point.targets)


def test_a_step_that_is_lost_in_the_weight_changes_nothing():
    point = make_point(dtype="float32")
    big = np.flatnonzero(np.abs(point.weights) > 0.1)
    found = assert_same(point, 1e-10, big)
    assert not found.change.any()
    assert not found.crossed.any()


def test_the_step_is_the_one_that_arithmetic_takes():
    # The next double above 1e8 is 2^-26 = 1.49e-8 away; the unit's own z = 1e8 - 1e8 = 0 would take any step.
    point = NetworkPoint(Network((2, 2)), np.array([1e8, 0, -1e8, 0]), np.ones((1, 2)), np.array([0]))
    change = assert_same(point, 1e-8, np.array([0])).change[0]
    assert change == pytest.approx(-(2.0**-26) / 2, rel=1e-6, abs=0)


@pytest.mark.parametrize(("softmax", "seen"), [("naive", False), ("shifted", True)])
def test_the_form_of_the_softmax_counts_in_both_ways(softmax, seen):
    # The label's share is 1 - e^-45, which is 1: the naive loss is 0, whatever moves.
    point = NetworkPoint(
        Network((1, 1, 2), "tanh", softmax=softmax), np.array([1.0, 60, 0]), np.ones((1, 1)), np.array([0])
    )
    for move in (moved, moved_plainly):
        assert move(point, everything(point), 0.01).change.any() == seen


def test_a_unit_at_its_kink():
    point = kinked()
    up, down = assert_same(point, 1e-6), assert_same(point, -1e-6)
    # Weights 0 and 2 feed the unit at its kink: upwards it switches on, downwards it stays off.
    assert np.flatnonzero(up.crossed).tolist() == [0, 2]
    assert not down.crossed.any()
    assert not down.change[[0, 2]].any()
    assert up.change[[0, 2]].all()


def test_a_kink_crossed_in_one_sample_of_many_counts():
    point = kinked()
    batch = NetworkPoint(
        point.network, point.weights, np.array([[3.0, 1.0], [1.0, 1.0], [1.0, 3.0]]), np.array([0, 1, 0])
    )
    assert np.flatnonzero(assert_same(batch, 1e-6).crossed).tolist() == [0, 2]


def test_a_kink_two_layers_on_counts():
    # The second hidden layer's unit is at z = 0.5 - 0.5 * 1 while both units before it are on.
    network = Network((1, 2, 1, 2))
    weights = np.array([0.5, 1.0, 1.0, -0.5, 1.0, -1.0])
    found = assert_same(NetworkPoint(network, weights, np.ones((1, 1)), np.array([1])), 1e-6)
    assert np.flatnonzero(found.crossed).tolist() == [0, 2, 3]

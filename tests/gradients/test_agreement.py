"""A right gradient always passes, a wrong one never does, and the agreement says where."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from gradient_cases import KINDS, LAYERS, everything, kind_name, kinked, make_point, trained
from hypothesis import given, settings
from hypothesis import strategies as st
from planted_errors import IN_ONE_LAYER, ON_THE_WAY_BACK, right

from ravine.formulas.shelves import ACTIVATIONS
from ravine.gradients import METHODS, NetworkPoint, compare_gradients
from ravine.networks import Network

KINDS_OF_NETWORK = st.fixed_dictionaries(
    {"activation": st.sampled_from(sorted(ACTIVATIONS)), "bias": st.booleans(), "softmax": st.sampled_from(["shifted"])}
)
PLANTS = [
    *((name, layer) for name in IN_ONE_LAYER for layer in range(4)),
    *((name, layer) for name in ON_THE_WAY_BACK for layer in range(3)),
]


@given(
    kind=KINDS_OF_NETWORK,
    layers=st.sampled_from(sorted(LAYERS.values())),
    seed=st.integers(0, 10**6),
    batch=st.integers(1, 5),
    dtype=st.sampled_from(["float64", "float32"]),
    h=st.sampled_from([1e-8, 1e-6, 1e-4, 1e-2]),
    steps=st.sampled_from([0, 10, 200]),
)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_no_false_alarm(kind, layers, seed, batch, dtype, h, steps):
    point = trained(make_point(layers, batch=batch, seed=seed, dtype=dtype, **kind), steps)
    agreement = compare_gradients(point, h=h)
    wrong = {name: method.worst for name, method in agreement.methods.items() if method.verdict.wrong}
    assert agreement.verdict.answer != "fails", wrong
    assert all(method.verdict.answer != "fails" for method in agreement.methods.values()), wrong
    # A layer may be dead, the slope of a saturated unit has no digits left, and in float32 few are left anywhere.
    if dtype == "float64" and kind["activation"] == "leaky-relu":
        assert agreement.passed, agreement.verdict


@pytest.mark.parametrize("kind", KINDS, ids=kind_name)
def test_no_false_alarm_where_the_loss_is_small(kind):
    # The naive softmax rounds at the size of 1, far above these gradients.
    point = trained(make_point((6, 9, 8, 4), batch=2, **kind), steps=1000, lr=0.5)
    assert point.losses().mean() < 2e-2
    single = replace(point, weights=point.weights.astype(np.float32), x=point.x.astype(np.float32))
    for each in (point, single):
        agreement = compare_gradients(each)
        assert all(method.verdict.wrong == 0 for method in agreement.methods.values())
        assert agreement.passed or each is single, agreement.verdict


def test_one_weight_at_a_time_passes_if_it_has_a_gradient():
    point = trained(make_point(LAYERS[4], activation="tanh", batch=5))
    for index in everything(point):
        expected = "passes" if right(point)[index] else "cannot tell"
        assert compare_gradients(point, np.array([index])).verdict.answer == expected


def dead_network() -> NetworkPoint:
    """Return a network whose hidden units are all switched off."""
    return NetworkPoint(Network((2, 2, 2)), np.array([-1.0, -1, -1, -1, 0, 0, 0, 0]), np.ones((1, 2)), np.array([0]))


@pytest.mark.parametrize("methods", [*((name,) for name in METHODS), METHODS])
def test_a_dead_network_proves_nothing(methods):
    for analytic in (None, np.zeros(8)):
        agreement = compare_gradients(dead_network(), methods=methods, analytic=analytic)
        assert agreement.verdict.answer == "cannot tell"
        assert "every derivative of layer 0 is zero" in agreement.verdict.cause
        assert {method.errors.both_zero for method in agreement.methods.values()} == {8}
    wrong = np.zeros(8)
    wrong[3] = 1e-6
    assert compare_gradients(dead_network(), methods=methods, analytic=wrong).verdict.answer == "fails"


def test_one_dead_layer_is_enough_to_leave_the_answer_open():
    point = make_point(LAYERS[2], batch=2)
    weights = point.weights.copy()
    point.network.layout.views(weights)[0][...] = -np.abs(point.network.layout.views(weights)[0])
    dead = NetworkPoint(
        Network(point.network.layers, bias=True), np.append(weights, np.ones(9)), point.x, point.targets
    )
    first, last = dead.network.layout.views(dead.weights)
    first[...] = -1
    last[...] = np.arange(last.size).reshape(last.shape)
    agreement = compare_gradients(dead)
    assert [method.verdict.wrong for method in agreement.methods.values()] == [0] * 4
    assert right(dead)[-4:].all()  # The biases of the last layer have a gradient; the first layer has none.
    assert agreement.verdict.answer == "cannot tell"
    assert "layer 0" in agreement.verdict.cause
    alive = np.arange(first.size, len(dead.weights))
    assert compare_gradients(dead, alive).passed


@pytest.mark.parametrize(
    ("dtype", "h", "cause"),
    [(float, 1e-20, "lost"), (np.float32, 1e-10, "lost"), (float, 1e-13, "round-off"), (float, 0.5, "bends")],
)
@pytest.mark.parametrize("factor", [1.0, -1.0, 0.0, 1.01])
def test_a_step_that_sees_nothing_passes_nothing(dtype, h, cause, factor):
    point = make_point(LAYERS[3], activation="tanh", bias=True, batch=3, dtype=dtype)
    for method in ("forward", "backward", "central"):
        agreement = compare_gradients(
            point, methods=(method,), h=h, analytic=right(point) * np.dtype(dtype).type(factor)
        )
        if factor == 1.0:
            assert agreement.verdict.answer == "cannot tell"
            assert cause in agreement.verdict.cause
            assert agreement.verdict.mend
        assert not agreement.passed


@pytest.mark.parametrize("method", ["forward", "backward", "central"])
def test_a_difference_alone_passes_at_a_good_step(method):
    point = make_point((4, 3, 3), activation="tanh", batch=3, seed=4)
    for turn, h in enumerate([1e-7, 1e-6, 1e-5]):
        agreement = compare_gradients(point, methods=(method,), h=h)
        assert agreement.passed, agreement.verdict
        # Each weight gets each of the three errors once, each at another step.
        for index in np.flatnonzero(right(point)):
            wrong = right(point)
            wrong[index] *= (1.002, -1.0, 0.0)[(index + turn) % 3]
            assert compare_gradients(point, methods=(method,), h=h, analytic=wrong).verdict.answer == "fails"


def test_the_complex_step_sees_what_the_differences_do_not():
    point = trained(make_point((6, 5, 4), batch=2), steps=3000)
    small = int(np.argmin(np.where(right(point) == 0, np.inf, np.abs(right(point)))))
    wrong = right(point)
    wrong[small] *= 1.002
    seen = {method: compare_gradients(point, methods=(method,), h=1e-8, analytic=wrong).verdict for method in METHODS}
    assert {seen[name].answer for name in ("forward", "backward", "central")} == {"cannot tell"}
    assert seen["complex"].answer == "fails"
    together = compare_gradients(point, analytic=wrong)
    assert together.verdict.answer == "fails"
    assert compare_gradients(point).passed


@pytest.mark.parametrize("activation", ["relu", "leaky-relu"])
@pytest.mark.parametrize(("name", "layer"), PLANTS)
@pytest.mark.parametrize("batch", [1, 4])
def test_a_planted_error_is_caught_and_found(name, layer, batch, activation):
    if name == "missing 1/m" and batch == 1:
        batch = 2
    point = make_point((8, 7, 6, 6, 4), batch=batch, activation=activation, seed=3)
    plant = (IN_ONE_LAYER | ON_THE_WAY_BACK)[name]
    wrong = plant(point, layer)
    agreement = compare_gradients(point, analytic=wrong)
    assert agreement.verdict.answer == "fails"
    planted = {layer} if name in IN_ONE_LAYER else set(range(layer + 1))
    for method in agreement.methods.values():
        if method.verdict.wrong:
            assert {weight.layer for weight in method.worst} <= planted
    exact = agreement.methods["complex"]
    assert exact.verdict.wrong > 0
    gap = np.abs(wrong - right(point))
    differs = gap > 1e-11
    assert differs.sum() <= exact.verdict.wrong <= (gap > 0).sum()
    # Nobody is blamed who is right: the layers that are as they should be have the error of the complex step.
    for each in exact.layers:
        assert (each.errors.max_relative_error > 1e-6) == bool(point.network.layout.views(differs)[each.layer].any())


@pytest.mark.parametrize("kind", KINDS, ids=kind_name)
@pytest.mark.parametrize("name", IN_ONE_LAYER)
def test_a_planted_error_is_caught_in_every_kind_of_network(name, kind):
    point = make_point(LAYERS[2], batch=3, seed=2, **kind)
    layer = (KINDS.index(kind) + list(IN_ONE_LAYER).index(name)) % 2
    assert not compare_gradients(point, analytic=IN_ONE_LAYER[name](point, layer)).passed


@pytest.mark.parametrize("name", IN_ONE_LAYER)
def test_a_planted_error_is_caught_in_float32(name):
    point = make_point(LAYERS[2], batch=3, seed=2, dtype="float32")
    for layer in range(2):
        assert not compare_gradients(point, analytic=IN_ONE_LAYER[name](point, layer)).passed


@pytest.mark.parametrize("name", ["sign", "transposed", "row", "missing 1/m", "factor"])
def test_central_differences_alone_catch_it_at_a_good_step(name):
    point = make_point(LAYERS[4], batch=3, seed=2, activation="leaky-relu")
    for layer in range(4):
        wrong = IN_ONE_LAYER[name](point, layer)
        assert not compare_gradients(point, methods=("central",), h=1e-5, analytic=wrong).passed


def test_one_wrong_weight_is_named_and_no_other():
    point = make_point(bias=True)
    wrong = right(point)
    index = int(np.argmax(np.abs(wrong)))
    wrong[index] *= -1
    agreement = compare_gradients(point, analytic=wrong)
    for method in agreement.methods.values():
        (weight,) = method.worst
        assert (weight.layer, weight.row, weight.column) == point.network.layout.name(index)
        assert weight.analytic == wrong[index]
        assert weight.numerical == pytest.approx(-wrong[index], rel=1e-4)
        assert weight.relative_error == pytest.approx(2, rel=1e-4)
        assert method.verdict.wrong == 1


def test_the_worst_of_a_right_gradient_are_those_with_the_largest_relative_error():
    method = compare_gradients(make_point(bias=True)).methods["forward"]
    errors = [weight.relative_error for weight in method.worst]
    assert len(errors) == 5
    assert errors == sorted(errors, reverse=True)
    assert errors[0] == method.errors.max_relative_error


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite_fails_and_is_named(bad):
    point = make_point()
    wrong = right(point)
    wrong[7] = bad
    agreement = compare_gradients(point, analytic=wrong)
    assert agreement.verdict.answer == "fails"
    for name, method in agreement.methods.items():
        assert (method.verdict.wrong, method.worst[0].row * 5 + method.worst[0].column) == (1, 7), name


def test_a_loss_that_is_not_finite_has_no_gradient_to_check():
    point = make_point(softmax="naive")
    broken = NetworkPoint(point.network, point.weights * 1e4, point.x, point.targets)
    for analytic in (None, right(point)):
        agreement = compare_gradients(broken, analytic=analytic)
        assert agreement.verdict.answer == "cannot tell"
        assert agreement.verdict.cause in ("the loss is nan", "the loss is inf")
        assert {method.verdict.answer for method in agreement.methods.values()} == {"cannot tell"}


def test_kinks_are_reported_apart():
    agreement = compare_gradients(kinked(), h=1e-6)
    assert agreement.passed
    assert agreement.methods["central"].verdict.answer == "cannot tell"
    assert "kink" in agreement.methods["central"].verdict.cause
    for name, kinks in {"forward": 2, "backward": 0, "central": 2, "complex": 0}.items():
        errors = agreement.methods[name].errors
        assert errors.kinks == kinks
        assert errors.compared + errors.both_zero + errors.kinks == 8
        assert errors.max_relative_error < 1e-5
        assert sum(agreement.methods[name].histogram) == errors.compared
    # The gradient takes the slope 0 at the kink; that of the central difference would be half of the other side's.
    wrong = right(kinked())
    assert not wrong[[0, 2]].any()


def test_a_difference_across_a_kink_convicts_nobody_but_the_complex_step_does():
    point = kinked()
    wrong = right(point)
    wrong[0] = 123.0
    agreement = compare_gradients(point, analytic=wrong)
    assert {name for name, method in agreement.methods.items() if method.verdict.wrong} == {"backward", "complex"}


def test_the_report():
    point = make_point(LAYERS[3], bias=True, batch=4)
    agreement = compare_gradients(point, everything(point)[::2], h=1e-6)
    assert (agreement.parameters, agreement.weights, agreement.samples) == (79, 40, 4)
    assert agreement.loss == pytest.approx(point.losses().mean())
    assert agreement.dtype == "float64"
    assert tuple(agreement.methods) == METHODS
    for name, method in agreement.methods.items():
        assert method.h == (1e-30 if name == "complex" else 1e-6)
        assert [each.layer for each in method.layers] == [0, 1, 2]
        for count in ("compared", "both_zero", "kinks"):
            assert sum(getattr(each.errors, count) for each in method.layers) == getattr(method.errors, count)
        assert sum(method.histogram) == method.errors.compared
        assert method.verdict.wrong == 0
        assert method.verdict.right + method.verdict.unseen == 40


def test_a_subset_of_one_layer_reports_that_layer_only():
    point = make_point(LAYERS[3])
    agreement = compare_gradients(point, np.array([30, 49]))
    assert [each.layer for each in agreement.methods["central"].layers] == [1]
    assert {weight.layer for weight in agreement.methods["central"].worst} == {1}


def test_progress_counts_every_moved_weight():
    point = make_point(LAYERS[2], batch=3)
    told = []
    compare_gradients(point, methods=("central", "complex"), progress=told.append)
    assert sum(told) == 3 * 3 * len(point.weights)

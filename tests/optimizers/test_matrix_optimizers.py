"""Matrix optimizers: each against its equations in closed form, by another route than its own code takes."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from optimizer_cases import MATRIX
from ravine.conformance import MATRIX as CHECKS
from ravine.conformance import MATRIX_TRAINED, findings_of
from ravine.errors import ConfigError
from ravine.formulas.compose import with_stages
from ravine.formulas.layers import flattened, shaped
from ravine.formulas.line_search import C1, C2, Point, strong_wolfe
from ravine.formulas.matrix import matrix_rule
from ravine.formulas.shelves import OPTIMIZERS
from ravine.optimizers.adam import adam
from ravine.optimizers.lbfgs import lbfgs, newton_direction
from ravine.optimizers.muon import muon
from ravine.optimizers.prodigy import prodigy
from ravine.optimizers.shampoo import shampoo
from ravine.optimizers.soap import soap

LOOSE = {"rtol": 1e-8, "atol": 1e-11}


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def rotation(n, seed):
    return np.linalg.qr(random(n, n, seed=seed)).Q


def follow(rule, gradients, weights, loss=None, **hyper):
    """Return the steps and the state after each list of gradients."""
    each, path = rule.everywhere(rule.hyperparameters(hyper), weights), []
    state = rule.start(weights, each)
    for t, g in enumerate(gradients, start=1):
        steps, state = rule.step(g, weights, state, t, each, loss)
        weights = [w - step for w, step in zip(weights, steps, strict=True)]
        path.append((steps, state))
    return path


def first_step(rule, g, w=None, **hyper):
    (steps, _), *_ = follow(rule, [[g]], [np.zeros_like(g) if w is None else w], **hyper)
    return steps[0]


# muon


@pytest.mark.parametrize("shape", [(7, 4), (4, 7), (5, 5), (6, 1)])
def test_muon_s_step_has_the_same_singular_vectors_and_values_near_one(shape):
    g = 1e6 * random(*shape)  # beside which the 1e-7 that keeps the norm from 0 is nothing
    u, s, v = np.linalg.svd(g, full_matrices=False)
    x = s / math.sqrt((s**2).sum())
    for _ in range(5):  # the polynomial, on each singular value for itself
        x = 3.4445 * x - 4.7750 * x**3 + 2.0315 * x**5
    assert ((x > 0.65) & (x < 1.25)).all()
    scale = math.sqrt(max(1, shape[1] / shape[0]))
    np.testing.assert_allclose(first_step(muon, g, lr=0.1), 0.1 * scale * (u * x) @ v, rtol=1e-9)


def test_muon_looks_ahead_along_its_momentum():
    # m = 0.2 G1, then 0.16 G1 + 0.2 G2; the second step is along 0.8 m + 0.2 G2.
    one, two = random(4, 4, seed=1), random(4, 4, seed=2)
    second = follow(muon, [[one], [two]], [np.zeros((4, 4))], momentum=0.8)[1][0][0]
    along = first_step(muon, 0.128 * one + 0.36 * two, momentum=0.0)
    np.testing.assert_allclose(second, along, rtol=1e-5)


def test_muon_does_not_see_the_size_of_a_gradient():
    g = random(5, 3)
    np.testing.assert_allclose(first_step(muon, 1e9 * g), first_step(muon, 1e4 * g), atol=1e-9)
    assert (first_step(muon, np.zeros((5, 3))) == 0).all()


def test_muon_gives_biases_to_adam():
    g, b = random(3, 2), random(2, seed=3)
    (steps, _), *_ = follow(muon, [[g, b]], [g, b], lr=0.1, adam_rate=0.25)
    np.testing.assert_allclose(steps[0], first_step(muon, g, lr=0.1), rtol=1e-12)
    np.testing.assert_allclose(steps[1], 0.025 * np.sign(b), rtol=1e-6)


# shampoo


def test_shampoo_s_first_step_by_singular_values():
    g, eps = random(6, 4), 0.3
    u, s, v = np.linalg.svd(g, full_matrices=False)
    step = first_step(shampoo, g, lr=0.1, eps=eps)
    np.testing.assert_allclose(step, 0.1 * (u * (s / np.sqrt(s**2 + eps))) @ v, **LOOSE)


def test_shampoo_s_roots_are_those_of_the_sums_of_all_gradients():
    gradients = random(5, 4, 3)
    steps, state = follow(shampoo, [[g] for g in gradients], [np.zeros((4, 3))], lr=1.0, precondition_frequency=1)[-1]
    left = sum(g @ g.T for g in gradients) + 1e-4 * np.eye(4)
    right = sum(g.T @ g for g in gradients) + 1e-4 * np.eye(3)
    np.testing.assert_allclose(np.linalg.matrix_power(state["left_root.0"], 4) @ left, np.eye(4), atol=1e-8)
    np.testing.assert_allclose(np.linalg.matrix_power(state["right_root.0"], 4) @ right, np.eye(3), atol=1e-8)
    np.testing.assert_allclose(steps[0], state["left_root.0"] @ gradients[-1] @ state["right_root.0"], rtol=1e-12)


def test_shampoo_takes_a_bias_for_a_tensor_of_order_one():
    b, eps = random(5), 0.3
    np.testing.assert_allclose(first_step(shampoo, b, lr=0.1, eps=eps), 0.1 * b / math.sqrt(b @ b + eps), **LOOSE)


def test_shampoo_s_roots_rest_between_the_steps_that_compute_them():
    path = follow(shampoo, [[g] for g in random(12, 4, 3)], [np.zeros((4, 3))], precondition_frequency=4)
    roots = [state["left_root.0"] for _, state in path]
    changed = [t for t, (a, b) in enumerate(itertools.pairwise(roots), start=2) if not np.array_equal(a, b)]
    assert changed == [2, 3, 4, 8, 12]


# soap


def test_soap_is_adam_where_the_basis_is_that_of_the_weights():
    sizes = 10.0 ** np.arange(-2, 3)
    # Where the largest become the smallest, the order of the basis turns round.
    diagonals = random(40, 5) * np.vstack([np.tile(sizes, (20, 1)), np.tile(sizes[::-1], (20, 1))])
    hyper = {"lr": 0.1, "beta1": 0.8, "beta2": 0.9, "eps": 1e-3}
    path = follow(soap, [[np.diag(d)] for d in diagonals], [np.zeros((5, 5))], precondition_frequency=1, **hyper)
    assert (path[0][0][0] == 0).all()
    m = v = np.zeros(5)
    for t, (d, (steps, _)) in enumerate(zip(diagonals[1:], path[1:], strict=True), start=1):
        step, m, v = adam(d, m, v, t, **hyper)
        np.testing.assert_allclose(steps[0], np.diag(step), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("frequency", [1, 3])
def test_soap_does_not_depend_on_the_basis_of_the_weights(frequency):
    gradients, p, q = random(12, 4, 4), rotation(4, 1), rotation(4, 2)
    plain = follow(soap, [[g] for g in gradients], [np.zeros((4, 4))], precondition_frequency=frequency)
    turned = follow(soap, [[p @ g @ q.T] for g in gradients], [np.zeros((4, 4))], precondition_frequency=frequency)
    for (one, _), (other, _) in zip(plain, turned, strict=True):
        np.testing.assert_allclose(other[0], p @ one[0] @ q.T, rtol=1e-7, atol=1e-10)


def test_adam_depends_on_it():
    # So that the test above says something.
    g, p = random(4, 4), rotation(4, 1)
    hyper = adam.hyperparameters({})
    one, other = (adam(x, 0 * x, 0 * x, 1, **hyper)[0] for x in (g, p @ g))
    assert abs(other - p @ one).max() > 1e-4


def test_soap_s_basis_becomes_that_of_the_preconditioner():
    # Gradients with a fixed mean square P D P^T, in all but the first, which sets another basis.
    p, d = rotation(4, 5), np.array([8.0, 4.0, 2.0, 1.0])
    gradients = [random(4, 4), *[(p * np.sqrt(d)) @ rotation(4, k) for k in range(400)]]
    _, state = follow(soap, [[g] for g in gradients], [np.zeros((4, 4))], beta2=0.9, precondition_frequency=2)[-1]
    basis = state["left_basis.0"]
    np.testing.assert_allclose(basis.T @ basis, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(abs(basis.T @ p), np.eye(4), atol=1e-7)


# prodigy


def test_prodigy_by_its_equations():
    beta1, beta2, eps, d0, lr = 0.9, 0.99, 1e-6, 1e-3, 0.8
    w0 = [0.7, -1.2, 0.4]
    w, m, v, s, r, d = list(w0), [0.0] * 3, [0.0] * 3, [0.0] * 3, 0.0, d0
    ours, state = [np.array([w0[:2]]), np.array(w0[2:])], {}
    hyper = prodigy.hyperparameters({"beta2": beta2, "eps": eps, "d0": d0, "lr": lr, "weight_decay": 0.1})
    each = prodigy.everywhere(hyper, ours)
    for t in range(1, 60):
        g = [w[0] - 3, 4 * w[1], 0.1 * (w[2] + 5)]
        c = lr * math.sqrt(1 - beta2**t) / (1 - beta1**t)
        r = math.sqrt(beta2) * r + c * d**2 * sum(gk * (ak - wk) for gk, ak, wk in zip(g, w0, w, strict=True))
        s = [math.sqrt(beta2) * sk + c * d**2 * gk for sk, gk in zip(s, g, strict=True)]
        m = [beta1 * mk + (1 - beta1) * d * gk for mk, gk in zip(m, g, strict=True)]
        v = [beta2 * vk + (1 - beta2) * (d * gk) ** 2 for vk, gk in zip(v, g, strict=True)]
        larger = max(d, r / sum(map(abs, s)))
        terms = zip(w, m, v, strict=True)
        w = [wk - c * d * (mk / (math.sqrt(vk) + larger * eps) + 0.1 * wk) for wk, mk, vk in terms]
        d = larger
        steps, state = prodigy.step([np.array([g[:2]]), np.array(g[2:])], ours, state, t, each)
        ours = [a - b for a, b in zip(ours, steps, strict=True)]
        np.testing.assert_allclose(flattened(ours), w, rtol=1e-10)
    assert d > 100 * d0


# lbfgs


def quadratic(n, condition, seed=0):
    """Return the loss (w - c) A (w - c) / 2 of arrays that hold n numbers, and c."""
    q, c = rotation(n, seed), random(n, seed=seed + 1)
    a = (q * np.geomspace(1, condition, n)) @ q.T

    def loss(weights):
        off = flattened(weights) - c
        return float(off @ a @ off / 2), shaped(a @ off, weights)

    return loss, c


def descend(loss, weights, steps, **hyper):
    """Return flat points, losses and gradients of a walk with lbfgs."""
    state, points = {}, []
    for t in range(1, steps + 1):
        value, gradients = loss(weights)
        points.append((flattened(weights), value, flattened(gradients)))
        each = lbfgs.everywhere(lbfgs.hyperparameters(hyper), weights)
        change, state = lbfgs.step(gradients, weights, state, t, each, loss)
        weights = [w - step for w, step in zip(weights, change, strict=True)]
    return points, state


def rosenbrock(weights):
    x, y = flattened(weights)
    slope = np.array([-400 * x * (y - x * x) - 2 * (1 - x), 200 * (y - x * x)])
    return float(100 * (y - x * x) ** 2 + (1 - x) ** 2), shaped(slope, weights)


def test_lbfgs_finds_the_minimum_of_a_quadratic():
    loss, c = quadratic(12, 100)
    points, _ = descend(loss, [np.zeros((2, 5)), np.zeros(2)], 60)
    np.testing.assert_allclose(points[-1][0], c, atol=1e-7)


def test_lbfgs_finds_the_minimum_of_rosenbrock_s_valley():
    points, _ = descend(rosenbrock, [np.array([[-1.2]]), np.array([1.0])], 60)
    np.testing.assert_allclose(points[-1][0], [1, 1], atol=1e-8)


@pytest.mark.parametrize("lr", [1.0, 0.01, 50.0])
def test_every_step_of_lbfgs_satisfies_the_strong_wolfe_conditions(lr):
    loss, _ = quadratic(12, 1e3)
    for walk in (descend(loss, [np.zeros((2, 5)), np.zeros(2)], 25, lr=lr)[0],
                 descend(rosenbrock, [np.array([[-1.2, 1.0]])], 25, lr=lr)[0]):  # fmt: skip
        for (w, value, g), (after, lower, slope) in itertools.pairwise(walk):
            if abs(g).max() < 1e-6:  # there, and what is left is round-off
                break
            step = after - w
            assert g @ step < 0
            assert lower <= value + 1e-4 * g @ step
            assert abs(slope @ step) <= 0.9 * abs(g @ step) * (1 + 1e-12)


def test_lbfgs_with_a_penalty_finds_the_minimum_of_both():
    loss, c = quadratic(12, 100)
    penalized = with_stages(lbfgs, {"l2": 3.0})
    weights = [np.zeros((2, 5)), np.zeros(2)]
    each = penalized.everywhere(penalized.hyperparameters({"l2": 3.0}), weights)
    state = penalized.start(weights, each)
    for t in range(1, 60):
        steps, state = penalized.step(loss(weights)[1], weights, state, t, each, loss)
        weights = [w - step for w, step in zip(weights, steps, strict=True)]
    a = np.array([flattened(loss(shaped(c + unit, weights))[1]) for unit in np.eye(12)])
    np.testing.assert_allclose(flattened(weights), np.linalg.solve(a + 3 * np.eye(12), a @ c), atol=1e-8)


@pytest.mark.parametrize("stage", ["clip_value", "clip_norm", "clip_layer_norm", "gradient_average"])
def test_a_line_search_needs_the_gradient_of_its_loss(stage):
    with pytest.raises(ConfigError, match=f"leave {stage} out"):
        with_stages(lbfgs, {stage: 0.5})


def test_the_two_loops_are_the_bfgs_update_of_a_whole_matrix():
    loss, _ = quadratic(6, 10)
    s = random(4, 6, seed=3)
    y = np.array([flattened(loss([x])[1]) - flattened(loss([np.zeros(6)])[1]) for x in s])
    h = np.eye(6) * (s[-1] @ y[-1]) / (y[-1] @ y[-1])
    for si, yi in zip(s, y, strict=True):
        side = np.eye(6) - np.outer(si, yi) / (si @ yi)
        h = side @ h @ side.T + np.outer(si, si) / (si @ yi)
    g = random(6, seed=4)
    np.testing.assert_allclose(newton_direction(g, s, y), -h @ g, rtol=1e-10)


def test_lbfgs_remembers_so_many_pairs_and_those_of_its_own_steps():
    loss, _ = quadratic(12, 1e3)
    points, state = descend(loss, [np.zeros(12)], 9, memory=3)
    assert state["s"].shape == state["y"].shape == (3, 12)
    np.testing.assert_allclose(state["s"][-2], points[-1][0] - points[-2][0], rtol=1e-9)
    np.testing.assert_allclose(state["y"][-2], points[-1][2] - points[-2][2], rtol=1e-6)


def test_lbfgs_stays_where_it_finds_nothing_lower():
    def wrong(weights):  # its gradient points the other way
        return float(flattened(weights).sum()), [-np.ones_like(w) for w in weights]

    points, _ = descend(wrong, [np.zeros(3)], 3)
    assert (points[-1][0] == 0).all()
    # What it has learned before may be at fault, and is forgotten.
    _, learned = descend(quadratic(3, 10)[0], [np.zeros(3)], 3)
    assert learned["s"].shape == (3, 3)
    change, state = lbfgs.step([-np.ones(3)], [np.zeros(3)], learned, 4, [lbfgs.hyperparameters({})], wrong)
    assert (change[0] == 0).all()
    assert state["s"].shape == state["y"].shape == (0, 3)


def test_lbfgs_steps_back_from_a_loss_that_is_not_finite():
    def barrier(weights):  # -log(1 - w) + w^2 has its minimum within w < 1
        (w,) = flattened(weights)
        return (float(w * w - 3 * w - np.log(1 - w)) if w < 1 else math.nan), [np.array([2 * w - 3 + 1 / (1 - w)])]

    points, _ = descend(barrier, [np.array([-4.0])], 30, lr=100.0)
    assert points[-1][0][0] == pytest.approx(0.5, abs=1e-8)


LINES = {
    "a parabola": (lambda x: (x - 3) ** 2, lambda x: 2 * (x - 3)),
    "far": (lambda x: (x - 3000) ** 2, lambda x: 2 * (x - 3000)),
    "flat": (lambda x: -x / (x * x + 2), lambda x: (x * x - 2) / (x * x + 2) ** 2),
    "quartic": (lambda x: (x - 1) ** 4, lambda x: 4 * (x - 1) ** 3),
    "wavy": (lambda x: -x + math.sin(3 * x), lambda x: -1 - 3 * math.cos(3 * x) * -1),
    "a wall": (lambda x: -x if x < 1 else math.inf, lambda x: -1.0),
}


@pytest.mark.parametrize("first", [1e-3, 0.1, 1.0, 10.0, 1e3])
@pytest.mark.parametrize("line", ["a parabola", "far", "flat", "quartic"])
def test_the_line_search_finds_a_point_of_the_strong_wolfe_conditions(line, first):
    f, slope = LINES[line]
    found = strong_wolfe(
        lambda x: Point(x, f(x), slope(x), np.zeros(1)), Point(0.0, f(0), slope(0), np.zeros(1)), first
    )
    assert found.value <= f(0) + C1 * found.alpha * slope(0)
    assert abs(found.slope) <= C2 * abs(slope(0))


def test_the_line_search_ends_before_a_wall():
    f, slope = LINES["a wall"]
    found = strong_wolfe(lambda x: Point(x, f(x), slope(x), np.zeros(1)), Point(0.0, f(0), slope(0), np.zeros(1)), 8.0)
    assert 0.9 < found.alpha < 1


def test_the_line_search_ends_where_there_are_no_more_numbers():
    start = Point(0.0, 0.0, -1.0, np.zeros(1))
    assert strong_wolfe(lambda x: Point(x, 1.0, 1.0, np.zeros(1)), start, 5e-324) is start


@pytest.mark.parametrize("name", MATRIX)
def test_gradients_whose_squares_are_no_numbers_raise_nothing(name):
    huge = [np.full((4, 3), 1e30, np.float32), np.full(3, -1e30, np.float32)]
    path = follow(MATRIX[name], [huge] * 12, huge, lambda weights: (math.inf, huge))
    assert all(step.shape == g.shape for steps, _ in path for step, g in zip(steps, huge, strict=True))


# what every matrix optimizer has


@pytest.mark.slow
@pytest.mark.parametrize("name", MATRIX)
def test_every_one_passes_its_checks(name):
    findings = list(findings_of(MATRIX[name], speed=False))
    assert [finding for finding in findings if finding.outcome == "failed"] == []
    without = {*([] if MATRIX[name].by_layer else ["layers"]), *([] if MATRIX[name].contains else ["contains"])}
    made = {finding.check for finding in findings if finding.outcome == "passed"}
    assert made >= {*CHECKS, *MATRIX_TRAINED} - without


@pytest.mark.parametrize("name", MATRIX)
def test_every_one_is_documented_and_found_by_its_name(name):
    rule = MATRIX[name]
    assert OPTIMIZERS.find(name) is rule
    for words in ("Source:", "Defaults:", "Elsewhere:"):
        assert words in rule.function.__doc__
    assert rule.summary.partition(": ")[2].endswith(".")
    assert None not in rule.defaults.values()


@matrix_rule()
def climbs(gradients, weights, state, t, *, lr=0.1):
    """Goes up."""
    return [-lr * g for g in gradients], {}


@matrix_rule()
def in_place(gradients, weights, state, t, *, lr=0.1):
    """Writes to its input."""
    for g in gradients:
        g *= lr
    return gradients, {}


_calls = [0]


@matrix_rule()
def forgetful(gradients, weights, state, t, *, lr=0.1):
    """Keeps something outside its state."""
    _calls[0] += 1
    return [lr * g * (1 + _calls[0] % 3) for g in gradients], {}


@matrix_rule(by_layer=True)
def together(gradients, weights, state, t, *, lr=0.1):
    """Takes a step of one length."""
    return [lr * g / (np.linalg.norm(flattened(gradients)) + 1e-12) for g in gradients], {}


def test_a_rule_that_divides_by_zero_is_told_that_and_not_that_it_changes_its_inputs():
    @matrix_rule()
    def starts_late(gradients, weights, state, t, *, lr=0.1):
        return [lr * g / (t - 1) for g in gradients], {}

    found = {finding.check: finding for finding in findings_of(starts_late, speed=False)}
    assert found["inputs"].outcome == "passed"
    assert "division" in found["finite"].mend
    assert found["descent"].outcome == "left out"


@pytest.mark.parametrize(
    ("rule", "check", "words"),
    [
        (together, "layers", "Leave out by_layer=True"),
        (climbs, "descent", "ravine subtracts the step"),
        (in_place, "shapes and dtypes", "write a = a + b and not a += b"),
        (forgetful, "inputs", "differs when it is called again"),
    ],
)
def test_a_broken_one_fails_the_check_that_is_meant_for_it(rule, check, words):
    finding = {found.check: found for found in findings_of(rule, speed=False)}[check]
    assert finding.outcome == "failed"
    assert words in f"{finding.detail} {finding.mend}"


def test_a_matrix_rule_must_take_what_it_is_given():
    with pytest.raises(ConfigError, match="takes gradients, state; a matrix rule takes gradients, weights, state, t"):

        @matrix_rule()
        def wrong(gradients, state, *, lr):
            return gradients, state

    with pytest.raises(ConfigError, match="takes no lr"):

        @matrix_rule()
        def without(gradients, weights, state, t):
            return gradients, state


FACTOR = 2


def doubled(x):
    """Return twice x."""
    return FACTOR * x


def test_the_text_of_a_rule_holds_what_it_uses_of_its_file():
    @matrix_rule(bounds={"lr": "[0, 1]"})
    def uses(gradients: list, weights, state, t, *, lr=0.1) -> Remark:  # noqa: F821
        """Say something."""
        return [lr * doubled(g) for g in gradients], {}  # a remark

    text = uses.text
    assert "return FACTOR * x" in text
    assert "FACTOR = 2" in text
    for word in ("Say", "twice", "remark", "Remark", "bounds", "list"):
        assert word not in text


USES = """
import functools
from dataclasses import dataclass

import numpy as np
from numpy.linalg import norm

import helper
from helper import unit
from ravine import rule, matrix_rule

LIST, MAP, ARRAY, WORD = [1.0], {"scale": 1.0}, np.array([1.0]), "a"

class Settings:
    scale = 1.0

    def factor(self):
        return 2.0

@dataclass
class Size:
    value: float
    other: float = 1.0

SIZE = Size(3.0)

@functools.lru_cache
def cached(k):
    return k + 4

def twice(function):
    @functools.wraps(function)
    def wrapper(x):
        return 5 * function(x)
    return wrapper

@twice
def same(x):
    return x

half = functools.partial(np.multiply, 6.0)
shifted = lambda x, by=7.0: x + by

@rule
def plain(g, *, lr=8.0):
    return lr * g

@matrix_rule
def uses(gradients, weights, state, t, *, lr=0.1):
    scale = LIST[0] * MAP["scale"] * ARRAY[0] * Settings.scale * Settings().factor() * SIZE.value * cached(1)
    steps = [scale * same(half(shifted(unit(g)))) * helper.SIZE * norm(np.zeros(1)) + plain(g, lr=1) for g in gradients]
    return [lr * step if WORD == "a" else step for step in steps], {}
"""
HELPER = "SIZE = 9.0\n\ndef unit(x):\n    return inner(x)\n\ndef inner(x):\n    return x / 10\n"
CHANGES = [
    ("LIST, MAP, ARRAY, WORD = [1.0]", "LIST, MAP, ARRAY, WORD = [1.5]"), ('"scale": 1.0', '"scale": 1.5'),
    ("np.array([1.0])", "np.array([1.5])"), (', "a"', ', "b"'), ("scale = 1.0\n", "scale = 1.5\n"),
    ("return 2.0", "return 2.5"), ("Size(3.0)", "Size(3.5)"), ("other: float = 1.0", "other: float = 1.5"),
    ("return k + 4", "return k + 5"), ("return 5 *", "return 6 *"), ("    return x\n", "    return 2 * x\n"),
    ("np.multiply, 6.0", "np.multiply, 6.5"), ("np.multiply, 6.0", "np.add, 6.0"), ("by=7.0", "by=7.5"),
    ("x + by", "x - by"), ("return lr * g\n", "return 2 * lr * g\n"), ("SIZE = 9.0", "SIZE = 9.5"),
    ("x / 10", "x / 11"), ("return inner(x)", "return 2 * inner(x)"),
]  # fmt: skip


def text_of(folder, change=("", "")):
    folder.mkdir()
    for name, text in (("helper.py", HELPER), ("mine.py", USES)):
        (folder / name).write_text(text.replace(*change), encoding="utf-8")
    return OPTIMIZERS.find(f"{folder}/mine.py:uses").text


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: " ".join(change[1].split()))
def test_whatever_a_rule_uses_of_its_author_s_is_in_its_text(tmp_path, change):
    assert sum(text.count(change[0]) for text in (HELPER, USES)) == 1
    text = text_of(tmp_path / "before")
    assert text_of(tmp_path / "after", change) != text
    assert text_of(tmp_path / "moved", ("def uses", "# a remark\ndef uses")) == text


def test_a_fault_under_a_stage_is_told_at_its_line_too(tmp_path):
    head = "from ravine import matrix_rule\n\n@matrix_rule\ndef mine(gradients, weights, state, t, *, lr=0.1):\n"
    (tmp_path / "mine.py").write_text(f"{head}    return gradients\n", encoding="utf-8")
    together = with_stages(OPTIMIZERS.find(f"{tmp_path}/mine.py"), {"l2": 0.1})
    with pytest.raises(ConfigError, match=r"mine.py:3: rule mine returns list and no state"):
        together.step(STEPS, STEPS, {}, 1, [{"lr": 0.1, "l2": 0.1}])


def test_of_libraries_a_text_holds_the_names_alone(tmp_path):
    text = text_of(tmp_path / "one")
    assert "norm = numpy.norm" in text
    assert "_core" not in text
    assert str(tmp_path) not in text


def test_what_has_no_text_is_refused():
    calls = itertools.count()

    @matrix_rule
    def counts(gradients, weights, state, t, *, lr=0.1):
        return [lr * g * next(calls) for g in gradients], {}

    with pytest.raises(ConfigError, match="calls, a count, cannot be part of a run's id, which holds text"):
        counts.texts()


SIZES = [1.0]


def test_a_value_that_changes_is_seen_though_the_rule_was_read_before():
    @matrix_rule
    def scales(gradients, weights, state, t, *, lr=0.1):
        return [lr * SIZES[0] * g for g in gradients], {}

    staged = with_stages(scales, {"l2": 0.1})
    before = scales.text, staged.text
    SIZES[0] = 2.0
    assert scales.text != before[0]
    assert staged.text != before[1]
    assert before[0] in before[1]


STEPS = [np.zeros((4, 3)), np.zeros(3)]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("pass", "returns nothing at step 1"),
        ("return gradients", "returns list and no state at step 1"),
        ("return [gradients[0]], {}", "returns 1 step for 2 arrays of weights"),
        ("return [g.T for g in gradients], {}", r"returns a step of shape \(3, 4\) for weights of shape \(4, 3\)"),
        ("return [g + 0j for g in gradients], {}", "returns a step of complex128, which is no array of real numbers,"),
        ("return [[[1.0], [1.0, 2.0]] for g in gradients], {}", "returns a step of list, which is no array of real"),
        ("return [0.0 for g in gradients], {}", r"returns a step of shape \(\) for weights"),
        ("return 3, {}", "returns int in place of the steps"),
        ("return gradients, None", "returns list and no state"),
        ("return gradients, [1]", "returns list in place of the state"),
        ("return gradients, {0: gradients[0]}", "returns a state with the name 0, which is no string,"),
        (
            "return gradients, {'m': gradients}",
            r"returns a state whose m is no array of numbers \(for one array a layer, give each",
        ),
        ("return gradients, {'m': 'word'}", "returns a state whose m is no array of numbers"),
        ("return gradients, {'m': 1 / (t - 1)}", "fails with ZeroDivisionError: division by zero"),
        (
            "return [lr * state['m'] for g in gradients], {}",
            r"fails with KeyError: 'm'. At the first step there is no state: declare start=, or use state.get",
        ),
        ("return [lr * missing for g in gradients], {}", "fails with NameError: name 'missing' is not defined"),
        ("raise SystemExit(0)", "fails with SystemExit: 0."),
    ],
)
def test_what_a_function_returns_amiss_is_told_at_its_line(tmp_path, body, words):
    head = "from ravine import matrix_rule\n\n@matrix_rule\ndef mine(gradients, weights, state, t, *, lr=0.1):\n"
    (tmp_path / "mine.py").write_text(f"{head}    {body}\n", encoding="utf-8")
    mine = OPTIMIZERS.find(f"{tmp_path}/mine.py")
    line = 5 if "fails" in words else 3
    with pytest.raises(ConfigError, match=f"mine.py:{line}: rule mine {words}"):
        mine.step(STEPS, STEPS, {}, 1, [{"lr": 0.1}])
    (fault,) = [finding for finding in findings_of(mine, speed=False) if finding.outcome == "failed"]
    assert fault.check == "shapes and dtypes"

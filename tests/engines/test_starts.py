"""Slots that start elsewhere than at 0: where they start, in both engines, layer by layer, and after a stop."""

from __future__ import annotations

import numpy as np
import pytest
from engine_cases import ENGINES, assert_same, assert_same_bits, flat, order_of, sparse_split, starting_point

from ravine import OPTIMIZERS
from ravine.engines import make_engine
from ravine.errors import ConfigError
from ravine.formulas.compose import with_stages
from ravine.formulas.elementwise import rule
from ravine.formulas.matrix import matrix_rule
from ravine.networks import Network
from ravine.optimizers.momentum import momentum
from ravine.optimizers.sgd import sgd
from rule_files import write_rules

NETWORK = Network((60, 17, 6, 10), bias=True)
DATA = sparse_split(400, width=60)
ORDER = order_of(20, 7, 400)


def _squared(w, *, size):
    return size * w * w


def _inverse(*, size):
    return 1 / (1 + size)


def _coasting(v, n):
    return (1 - 0.5**n) * v, 0.5**n * v


@rule(start={"a": 0.25, "b": _squared, "d": _inverse})
def started(g, a, b, c, d, *, lr=0.05, size=2.0):
    """Keep a number, a function of w and of a hyper-parameter, nothing, and a function of the hyper-parameter alone."""
    return lr * (g + 0.001 * (a + b + c + d)), a, b, c + 1, d


@rule(start={"v": 1e-6})
def with_a_start(g, v, *, lr=0.01):
    v = 0.9 * v + 0.1 * g * g
    return lr * g / (np.sqrt(v) + 1e-3), v


@rule(start={"v": 1.0}, lazy=_coasting)
def coasting(g, v, *, lr=0.05):
    v = 0.5 * v + lr * g
    return v, v


@matrix_rule(by_layer=True, start=lambda weights, *, size: {f"b.{k}": size * w * w for k, w in enumerate(weights)})
def started_matrices(gradients, weights, state, t, *, lr=0.05, size=2.0):
    """Keep a function of the weights."""
    steps = [lr * (g + 0.001 * state[f"b.{k}"]) for k, g in enumerate(gradients)]
    return steps, dict(state)


@matrix_rule(start={"m": 0.5})
def started_at_a_number(gradients, weights, state, t, *, lr=0.05):
    after = {f"m.{k}": 0.9 * state[f"m.{k}"] + g for k, g in enumerate(gradients)}
    return [lr * m for m in after.values()], after


ALL = [started, with_a_start, coasting, started_matrices, started_at_a_number]


def engine(name, optimizer, factors=(), dtype="float64", network=NETWORK):
    return make_engine(name, network, optimizer, starting_point(network), dtype, 7, dict(factors))


def train(one, optimizer, first=0, stop=ORDER.size, **hyper):
    given = optimizer.hyperparameters(hyper)
    one.train(DATA, ORDER, first, stop, given)
    one.settle(given)
    return one


@pytest.mark.parametrize("name", ENGINES)
def test_before_the_first_step_there_are_no_slots_and_after_it_they_come_from_the_start(name):
    one, w = engine(name, started), starting_point(NETWORK)
    assert not [key for key in one.state() if key.startswith("slot.")]
    state = train(one, started, 0, 7, size=3.0).state()
    np.testing.assert_array_equal(flat(state, "a"), 0.25)
    np.testing.assert_array_equal(flat(state, "b"), 3.0 * w * w)
    np.testing.assert_array_equal(flat(state, "c"), 1.0)
    np.testing.assert_array_equal(flat(state, "d"), 1 / 4)
    shapes = [array.shape for array in NETWORK.layout.tensors(w)]
    assert [state[f"slot.b.{k}"].shape for k in range(len(shapes))] == shapes


@pytest.mark.parametrize("optimizer", ALL, ids=lambda each: each.name)
def test_both_engines_agree(optimizer):
    fused, reference = (train(engine(name, optimizer), optimizer) for name in ENGINES)
    assert_same(fused, reference, 1e-10)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ENGINES)
def test_a_start_has_the_dtype_of_the_run_and_the_weights_where_it_was_made(name, dtype):
    state = train(engine(name, started, dtype=dtype), started, 0, 7).state()
    assert {value.dtype.name for key, value in state.items() if key.startswith("slot.")} == {dtype}
    w = starting_point(NETWORK).astype(dtype)
    np.testing.assert_array_equal(flat(state, "b"), np.asarray(2.0, dtype) * w * w)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("optimizer", ALL, ids=lambda each: each.name)
@pytest.mark.parametrize("stop", [0, 7, 63])
def test_a_run_goes_on_from_before_the_first_step_and_from_later(name, optimizer, stop):
    whole, first, second = (engine(name, optimizer) for _ in range(3))
    hyper = optimizer.hyperparameters({})
    for one in (whole, first) if stop else ():
        one.train(DATA, ORDER, 0, stop, hyper)
    state = first.state()
    assert stop > 0 or not [key for key in state if key.startswith("slot.")]
    train(second, optimizer)  # so that there is something to be overwritten
    second.restore(state)
    for one in (whole, second):
        one.train(DATA, ORDER, stop, len(ORDER), hyper)
        one.settle(hyper)
    assert_same_bits(whole, second)


@pytest.mark.parametrize("name", ENGINES)
def test_a_layer_starts_by_its_own_hyper_parameter(name):
    factors = {"size": (1.0, 0.0, 4.0)}
    for optimizer in (started, started_matrices):
        state = train(engine(name, optimizer, factors), optimizer, 0, 7, size=3.0).state()
        w = NETWORK.layout.tensors(starting_point(NETWORK))
        layered = optimizer is started_matrices
        for k, size in enumerate((3.0, 3.0, 0.0, 0.0, 12.0, 12.0)):
            key = f"slot.{k // 2}:b.{k % 2}" if layered else f"slot.b.{k}"
            np.testing.assert_array_equal(state[key], size * w[k] * w[k])


def test_both_engines_agree_layer_by_layer():
    factors = {"size": (1.0, 0.5, 4.0), "lr": (1.0, 0.1, 2.0)}
    fused, reference = (train(engine(name, started, factors), started) for name in ENGINES)
    assert_same(fused, reference, 1e-10)


@pytest.mark.parametrize("layers", [(60, 1, 10), (60, 15, 17, 10), (60, 16, 10)])
def test_padding_is_no_weight_and_does_not_reach_one(layers):
    network = Network(layers)

    @rule(start={"v": 5.0})
    def pushes(g, v, *, lr=0.01):
        return lr * (g + v), v

    fused, reference = (train(engine(name, pushes, network=network), pushes) for name in ENGINES)
    assert_same(fused, reference, 1e-10)
    space = fused._space
    padded = space.trained.w.copy()
    space.pad(padded, np.zeros_like(fused.weights))
    assert not padded.any()


def test_a_row_that_waits_coasts_from_where_its_slot_starts():
    # Pixels that are never seen have no gradient: v = 0.5 ** t, and the weights go down by 0.5 + 0.25 + ...
    unseen = ~DATA.features.any(axis=0)
    assert unseen.any()
    for name in ENGINES:
        one = train(engine(name, coasting), coasting)
        moved = (starting_point(NETWORK) - one.weights)[: 60 * 17].reshape(60, 17)[unseen]
        np.testing.assert_allclose(moved, 1 - 0.5**20, rtol=1e-12)


@pytest.mark.parametrize("name", ENGINES)
def test_evaluated_weights_know_the_start_before_the_first_step(name):
    @rule(start={"a": lambda w: 3 * w}, evaluated=lambda w, a: a - w)
    def shown(g, a, *, lr=0.05):
        return lr * g, a

    one, w = engine(name, shown), starting_point(NETWORK)
    np.testing.assert_allclose(one.evaluated_weights(shown.hyperparameters({})), 2 * w, rtol=1e-15)
    assert not [key for key in one.state() if key.startswith("slot.b")]
    train(one, shown)
    np.testing.assert_allclose(one.evaluated_weights(shown.hyperparameters({})), 3 * w - one.weights, rtol=1e-13)


@pytest.mark.parametrize("name", ENGINES)
def test_a_stage_has_starts_of_its_own(name):
    # With alpha = 1 the weights go on from where they were at every second step, as if lookahead were not there.
    given = {"lookahead": 2, "lookahead_alpha": 1.0}
    for optimizer in (momentum, with_a_start, started_at_a_number):
        staged = with_stages(optimizer, given)
        plain, ahead = train(engine(name, optimizer), optimizer), train(engine(name, staged), staged, **given)
        np.testing.assert_allclose(ahead.weights, plain.weights, rtol=1e-9, atol=1e-12)
    slow = with_stages(sgd, {"lookahead": 9, "lookahead_alpha": 1e-9})
    one = train(engine(name, slow), slow, 0, 63, lookahead=9, lookahead_alpha=1e-9)
    np.testing.assert_allclose(one.weights, starting_point(NETWORK), rtol=0, atol=1e-8)


# --- what is refused, in one sentence ---


def weights_of(**forms):
    @rule(**forms)
    def mine(g, v, *, lr=0.1, size=1.0):
        return lr * g, v

    return mine


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ({"u": 1.0}, "rule mine has no slot 'u' to start; its slots: v."),
        ({"lr": 1.0}, "rule mine has no slot 'lr' to start; its slots: v."),
        ({"v": "one"}, "v of rule mine starts at 'one'; give a finite number, or a function of w and of keyword-only"),
        ({"v": True}, "v of rule mine starts at True; give a finite number"),
        ({"v": None}, "v of rule mine starts at None; give a finite number"),
        ({"v": float("nan")}, "v of rule mine starts at nan; give a finite number"),
        ({"v": float("-inf")}, "v of rule mine starts at -inf; give a finite number"),
        ({"v": 10**400}, "v of rule mine starts at 1000000"),
        ({"v": 1j}, "v of rule mine starts at 1j; give a finite number"),
        ({"v": np.ones(3)}, "v of rule mine starts at [1.0, 1.0, 1.0]; give a finite number"),
        ({"v": np.sqrt}, "the start of v of rule mine is <ufunc 'sqrt'>; give a function."),
        ({"v": lambda g: g}, "the start of v of rule mine may ask for w and, after *, for lr, size; it asks for g."),
        ({"v": lambda w, *, beta: w}, "the start of v of rule mine may ask for w and, after *, for lr, size; it asks"),
        (1e-6, 'start of rule mine is 1e-06; write it as {"v": 1e-6}, by the names of slots.'),
        (["v"], "start of rule mine is ['v']; write it as"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_start_that_is_none_is_refused(start, words):
    with pytest.raises(ConfigError) as caught:
        weights_of(start=start)
    assert str(caught.value).startswith(words)
    assert str(caught.value).endswith(".")


def test_numbers_of_numpy_will_do():
    for number in (np.float32(0.5), np.int64(2), 3):
        start = weights_of(start={"v": number}).formula.starts["v"]
        assert (type(start), start) == (float, float(number))


@pytest.mark.parametrize(
    ("form", "line", "words"),
    [
        ("return missing * w", 6, "rule mine fails with NameError: name 'missing' is not defined"),
        ("return w.sum() * np.ones(3)", None, "rule mine: the start of v has shape (3,) for weights of shape (7,)"),
    ],
)
def test_a_fault_of_a_start_is_told_with_its_line(tmp_path, form, line, words):
    text = (
        "\n\ndef begun(w):\n    FORM\n\n@rule(start={'v': begun})\ndef mine(g, v, *, lr=0.1):\n    return lr * g, v\n"
    )
    path = write_rules(tmp_path / "mine.py", text.replace("FORM", form))

    with pytest.raises(ConfigError) as caught:
        OPTIMIZERS.find(str(path)).start([np.ones(7)], [{"lr": 0.1}])
    assert str(caught.value).startswith(words if line is None else f"{path}:{line}: {words}")


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (
            lambda weights, *, beta: {},
            "the start of mine takes weights, beta; it must take weights and, after *, any",
        ),
        (lambda: {}, "the start of mine takes nothing; it must take weights"),
        (lambda w: {}, "the start of mine takes w; it must take weights"),
        ({"m": "one"}, "m of rule mine starts at 'one'; give a finite number"),
        ({"m": float("nan")}, "m of rule mine starts at nan; give a finite number"),
        (3, "start of rule mine is 3; write numbers by name, as"),
    ],
)
def test_a_start_of_matrices_that_is_none_is_refused(start, words):
    with pytest.raises(ConfigError) as caught:

        @matrix_rule(start=start)
        def mine(gradients, weights, state, t, *, lr=0.1):
            return gradients, {}

    assert str(caught.value).startswith(words)


@pytest.mark.parametrize(
    "returned", [None, 3, [1.0], {"m": "word"}, {"m": [[1.0], [1.0, 2.0]]}, {3: np.ones(2)}, {"m": None}], ids=repr
)
def test_a_start_of_matrices_that_returns_no_state_is_refused(returned):
    @matrix_rule(start=lambda weights: returned)
    def mine(gradients, weights, state, t, *, lr=0.1):
        return gradients, {}

    with pytest.raises(ConfigError, match=r"rule mine"):
        mine.start([np.ones((2, 3))], [{"lr": 0.1}])

"""A state is all that the next step depends on, and a result depends on nothing else."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from engine_cases import (
    ENGINES,
    KINDS,
    assert_same_bits,
    order_of,
    run,
    settings,
    sparse_split,
    split,
    starting_point,
)

from optimizer_cases import ELEMENTWISE
from ravine.engines import make_engine
from ravine.formulas.elementwise import rule
from ravine.networks import Network
from ravine.optimizers.momentum import momentum

NETWORK = Network((60, 17, 6, 10), bias=True)

pytestmark = pytest.mark.usefixtures("kernels")


@pytest.fixture(scope="module")
def data():
    return sparse_split(400, width=60)


def build(engine, rule, batch_size, seed=1):
    return make_engine(engine, NETWORK, rule, starting_point(NETWORK, seed), "float64", batch_size)


@pytest.mark.parametrize("batch_size", [1, 7, 150])
@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_state_from_the_middle_of_an_epoch_goes_on_bit_for_bit(data, engine, name, batch_size):
    rule = ELEMENTWISE[name]
    hyper = settings(rule)
    order = order_of(20, batch_size, 400)
    middle = 9 * batch_size
    whole, restored = build(engine, rule, batch_size), build(engine, rule, batch_size, seed=99)
    whole.train(data, order, 0, middle, hyper)
    state = whole.state()
    copies = {key: value.copy() for key, value in state.items()}
    whole.train(data, order, middle, len(order), hyper)
    for key, value in state.items():
        assert value.tobytes() == copies[key].tobytes()  # what was handed out is not written to later

    restored.train(data, order, 0, middle, hyper)  # so that there is something to be overwritten
    restored.restore(state)
    assert restored.steps == 9
    restored.train(data, order, middle, len(order), hyper)
    for key, value in state.items():
        assert value.tobytes() == copies[key].tobytes()
    assert_same_bits(whole, restored)
    whole.settle(hyper)
    restored.settle(hyper)
    assert_same_bits(whole, restored)


@pytest.mark.parametrize("batch_size", [1, 7, 150])
@pytest.mark.parametrize("name", KINDS)
def test_the_length_of_a_call_changes_no_bit(data, name, batch_size):
    rule = ELEMENTWISE[name]
    hyper = settings(rule)
    order = order_of(20, batch_size, 400)
    whole, parts = build("fused", rule, batch_size), build("fused", rule, batch_size)
    loss = whole.train(data, order, 0, len(order), hyper).loss_sum
    losses = [
        parts.train(data, order, first, min(first + 3 * batch_size, len(order)), hyper).loss_sum
        for first in range(0, len(order), 3 * batch_size)
    ]
    assert sum(losses) == pytest.approx(loss, rel=1e-14)
    assert_same_bits(whole, parts)


@pytest.mark.parametrize("engine", ENGINES)
def test_looking_changes_nothing(data, engine):
    hyper = {"lr": 0.05, "alpha": 0.9}
    order = order_of(10, 7, 400)
    watched, alone = build(engine, momentum, 7), build(engine, momentum, 7)
    run(alone, data, order, hyper)
    run(watched, data, order, hyper)
    watched.weights[:] = 0
    for array in watched.state().values():
        array[:] = 0
    assert watched.evaluate(data) == watched.evaluate(data)
    for one in (alone, watched):
        run(one, data, order, hyper)
    assert_same_bits(alone, watched)


def test_settling_twice_is_settling_once(data):
    hyper = {"lr": 0.05, "alpha": 0.9}
    engine = build("fused", momentum, 1)
    run(engine, data, order_of(10, 1, 400), hyper)
    before = engine.weights
    engine.settle(hyper)
    assert engine.weights.tobytes() == before.tobytes()


@pytest.mark.parametrize("name", KINDS)
def test_an_engine_beside_it_changes_no_bit(data, name):
    rule = ELEMENTWISE[name]
    hyper = settings(rule)
    order = order_of(300, 7, 400)
    alone = build("fused", rule, 7)
    run(alone, data, order, hyper)

    beside = [build("fused", rule, 7), build("fused", rule, 7), build("fused", rule, 7, seed=5)]
    gate = threading.Barrier(len(beside))

    def go(engine):
        gate.wait()
        run(engine, data, order, hyper)

    threads = [threading.Thread(target=go, args=(engine,)) for engine in beside]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert_same_bits(alone, beside[0])
    assert_same_bits(alone, beside[1])
    assert alone.weights.tobytes() != beside[2].weights.tobytes()


def test_python_goes_on_while_the_kernel_works(data):
    engine = build("fused", momentum, 100)
    hyper = {"lr": 1e-4, "alpha": 0.9}
    order = order_of(100, 100, 400)
    engine.compile()
    start = time.perf_counter()
    engine.train(data, order, 0, len(order), hyper)
    half_a_second = np.tile(order, 1 + int(0.5 / (time.perf_counter() - start)))
    begun = threading.Event()

    def go():
        begun.set()
        engine.train(data, half_a_second, 0, len(half_a_second), hyper)

    thread = threading.Thread(target=go)
    thread.start()
    begun.wait()
    ticks = 0
    while thread.is_alive():
        time.sleep(0.002)
        ticks += 1
    # With the interpreter's lock held there would be one tick before the call and one after it.
    assert ticks > 10


@pytest.mark.parametrize("layout", ["writable", "int32", "strided"])
def test_any_array_of_sample_numbers_will_do(data, layout):
    engine, expected = build("fused", momentum, 7), build("fused", momentum, 7)
    hyper = {"lr": 0.05, "alpha": 0.9}
    order = order_of(5, 7, 400)
    run(expected, data, order, hyper)
    order = {"writable": order.copy(), "int32": order.astype(np.int32), "strided": np.repeat(order, 2)[::2]}[layout]
    own = split(data.features, data.targets)
    object.__setattr__(own, "targets", data.targets.astype(np.int64))
    run(engine, own, order, {"lr": 1 / 20, "alpha": 0.9})
    assert_same_bits(engine, expected)


def test_a_batch_that_is_too_large_for_the_memory_is_refused(data):
    engine = build("fused", momentum, 7)
    with pytest.raises(ValueError, match="batches of 100 in a workspace for batches of 7"):
        engine.train(data, order_of(2, 100, 400), 0, 150, {"lr": 0.05, "alpha": 0.9}, batch_size=100)
    assert engine.steps == 0


def test_evaluating_needs_no_hyper_parameters_and_tabulates_nothing(data):
    engine = build("fused", momentum, 7)
    engine.evaluate(data)
    assert not engine._space._buffers.work.table.any()
    run(engine, data, order_of(3, 7, 400), {"lr": 0.05, "alpha": 0.9})
    assert engine._space._buffers.work.table.any()


@rule
def with_a_literal(g, m, v, *, lr=0.01):
    m = 0.9 * m + 0.1 * g
    v = 0.99 * v + 0.01 * g * g
    return lr * m * np.where(lr > 1, 0.5 / (np.sqrt(v) + 1e-3), 1), m, v


@rule
def with_a_number(g, m, v, *, lr=0.01, one=1.0):
    m = 0.9 * m + 0.1 * g
    v = 0.99 * v + 0.01 * g * g
    return lr * m * np.where(lr > 1, 0.5 / (np.sqrt(v) + 1e-3), one), m, v


def test_a_literal_and_a_hyper_parameter_of_the_same_value_give_the_same_bits():
    # A compiler that knows that a factor is 1 leaves it out, and then rounds what is left in another way. It shows in
    # few weights, and so many are looked at.
    network, data = Network((784, 300, 100, 10)), sparse_split(400, width=784)
    weights, order = starting_point(network), order_of(30, 10, 400)
    engines = [make_engine("fused", network, each, weights, "float32", 10) for each in (with_a_literal, with_a_number)]
    run(engines[0], data, order, {"lr": 0.3})
    run(engines[1], data, order, {"lr": 0.3, "one": 1.0})
    assert_same_bits(*engines)

"""The fused engine on bytes, floats and sparse data, narrow and wide: as the reference engine on the same numbers."""

from __future__ import annotations

import gc
import itertools
import weakref

import numpy as np
import pytest
import scipy.sparse
from engine_cases import assert_same, assert_same_bits, order_of, pair, run, settings, starting_point

from optimizer_cases import ELEMENTWISE
from ravine.data import Split
from ravine.data.compact import FEW, Compact, Dense
from ravine.engines import make_engine
from ravine.engines.fused import memory
from ravine.engines.fused import samples as samples_module
from ravine.engines.fused.frame import BYTES, MATRIX, REALS, SCATTERED_SHARE
from ravine.engines.fused.samples import samples
from ravine.engines.fused.workspace import BLOCK
from ravine.errors import ConfigError
from ravine.formulas.compose import with_stages
from ravine.formulas.elementwise import rule
from ravine.networks import Network
from ravine.optimizers.adagrad import adagrad
from ravine.optimizers.adam import adam
from ravine.optimizers.momentum import momentum
from ravine.optimizers.sgd import sgd

STEPS = 200
CLASSES = 5
WIDE = 70_001
"""More columns than 16 bits can number."""

CLIPPED = with_stages(sgd, {"clip_norm": 1, "clip_layer_norm": 1})


def _coasting(v, n, *, alpha):
    return alpha * (1 - alpha**n) / (1 - alpha) * v, alpha**n * v


@rule(lazy=_coasting)
def normed(g, v, norm, layer_norm, *, lr, alpha=0.9):
    v = alpha * v + lr * g / (1 + norm + layer_norm)
    return v, v


RULES = {
    **{name: ELEMENTWISE[name] for name in ("sgd", "momentum", "adagrad", "adam", "sgld")},
    "norms": CLIPPED,
    "lazy norms": normed,
}


def drawn(share: float, count: int = 60, width: int = 83, seed: int = 0) -> np.ndarray:
    """Return numbers of which a share is not zero; the first sample is empty unless all are full."""
    rng = np.random.default_rng(seed)
    numbers = rng.normal(0, 1, (count, width)) * (rng.random((count, width)) < share)
    numbers[0] *= share == 1
    return numbers


def targets(count: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, CLASSES, count)


def as_bytes(share: float, width: int = 83) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.integers(1, 256, (60, width)) * (rng.random((60, width)) < share)).astype(np.uint8)


FORMS = {
    "full": (drawn(1.0), MATRIX),
    "half": (drawn(0.4), MATRIX),
    "floats with many zeros": (drawn(0.15), REALS),
    "single": (drawn(0.4).astype(np.float32), MATRIX),
    "csr": (scipy.sparse.csr_array(drawn(0.15)), REALS),
    "csr with few zeros": (scipy.sparse.csr_array(drawn(0.8)), REALS),
    "scattered": (scipy.sparse.csr_array(drawn(0.015, width=400)), REALS),
    "bytes": (as_bytes(0.2), BYTES),
    "csr of bytes": (scipy.sparse.csr_array(as_bytes(0.015, 400)), BYTES),
}


@pytest.mark.parametrize("batch_size", [1, 7, 100])
@pytest.mark.parametrize("form", ["full", "half", "csr", "scattered", "bytes"])
@pytest.mark.parametrize("name", RULES)
def test_200_steps_on_numbers_of_every_form(name, form, batch_size):
    features, kind = FORMS[form]
    data = Split(features, targets(60))
    assert samples(data, np.dtype("float64")).data.form == kind
    after_some_steps(data, RULES[name], (features.shape[1], 12, 9, CLASSES), batch_size % 2 == 0, batch_size, STEPS)


@pytest.mark.parametrize("batch_size", [1, 7, BLOCK + 40])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", RULES)
def test_biases_and_batches_of_several_blocks(name, form, batch_size):
    features, kind = FORMS[form]
    data = Split(features, targets(60))
    assert samples(data, np.dtype("float64")).data.form == kind
    after_some_steps(data, RULES[name], (features.shape[1], 7, CLASSES), True, batch_size, 12)


@pytest.mark.parametrize("batch_size", [1, 7, 140])
@pytest.mark.parametrize("kind", ["float64", "uint8"])
@pytest.mark.parametrize("name", ["sgd", "momentum", "norms"])
def test_more_columns_than_16_bits_can_number(name, kind, batch_size):
    data = Split(wide(kind), targets(30))
    assert data.compact.columns.dtype == np.uint32
    after_some_steps(data, RULES[name], (WIDE, 3, CLASSES), True, batch_size, 6)


def wide(kind) -> scipy.sparse.csr_array:
    """Return samples of which two columns would be one, had these but 16 bits."""
    rng = np.random.default_rng(4)
    columns = np.stack([np.sort(rng.choice(WIDE - 1, 9, replace=False)) for _ in range(30)])
    columns[:, 0], columns[:, -1] = 3, 65536 + 3
    columns.sort(axis=1)
    values = rng.integers(1, 256, columns.size).astype(kind)
    return scipy.sparse.csr_array((values, columns.ravel(), np.arange(31) * 9), shape=(30, WIDE))


def test_a_dense_matrix_of_bytes_with_many_columns():
    numbers = np.zeros((3, WIDE), np.uint8)
    numbers[:, [5, 65541]] = [[1, 2], [3, 4], [0, 5]]
    after_some_steps(Split(numbers, targets(3)), sgd, (WIDE, 3, CLASSES), False, 2, 5)


def after_some_steps(data, rule, layers, bias, batch_size, steps):
    hyper = settings(rule)
    fused, reference = pair(Network(layers, bias=bias), rule, batch_size)
    order = order_of(steps, batch_size, len(data.targets))
    # In three calls, as the loop of training makes them.
    cuts = [0, batch_size * (steps // 3), batch_size * (steps // 2), len(order)]
    sums = [0.0, 0.0]
    for first, stop in itertools.pairwise(cuts):
        for which, engine in enumerate((fused, reference)):
            sums[which] = engine.train(data, order, first, stop, hyper, sums[which]).loss_sum
    for engine in (fused, reference):
        engine.settle(hyper)
    assert sums[0] == pytest.approx(sums[1], rel=1e-10)
    assert_same(fused, reference, 1e-10)
    ours, theirs = fused.evaluate(data), reference.evaluate(data)
    assert ours.loss == pytest.approx(theirs.loss, rel=1e-10)
    assert (ours.accuracy, ours.live_units) == (theirs.accuracy, theirs.live_units)


@pytest.mark.parametrize("form", ["full", "half", "csr", "scattered"])
@pytest.mark.parametrize("batch_size", [1, 64])
def test_one_sample(form, batch_size):
    features, _ = FORMS[form]
    one = features[[7]]
    after_some_steps(Split(one, targets(1)), momentum, (features.shape[1], 6, CLASSES), True, batch_size, 9)


@pytest.mark.parametrize("batch_size", [1, 4, 150])
def test_samples_without_nonzeros(batch_size):
    empty = scipy.sparse.csr_array((20, 300), dtype=np.float64)
    for bias in (False, True):
        after_some_steps(Split(empty, targets(20)), adagrad, (300, 6, CLASSES), bias, batch_size, 9)


def test_one_layer():
    for form in ("full", "scattered"):
        features, _ = FORMS[form]
        after_some_steps(Split(features, targets(60)), sgd, (features.shape[1], CLASSES), True, 10, 9)


def test_zeros_that_a_matrix_stores_are_dropped_and_nan_is_not_zero():
    matrix = scipy.sparse.csr_array(np.array([[0, 2.0, 0, 3], [5, 0, 0, 0], [0, 0, np.nan, 7]]))
    matrix.data[[1, 2]] = 0
    form = Split(matrix, targets(3)).compact
    assert form.starts.tolist() == [0, 1, 1, 3]
    assert form.columns.tolist() == [1, 2, 3]
    np.testing.assert_array_equal(form.values, [2, np.nan, 7])
    dense = Split(np.pad(matrix.toarray(), ((0, 0), (0, 30))), targets(3)).compact
    assert form.starts.tolist() == dense.starts.tolist()
    assert form.columns.tolist() == dense.columns.tolist()
    np.testing.assert_array_equal(form.values, dense.values)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.9])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_every_form_holds_the_same_numbers(dtype, share, monkeypatch):
    from ravine.data import compact as module

    monkeypatch.setattr(module, "_BLOCK", 7 * 83)  # some blocks, the last one smaller
    numbers = (drawn(share) * 40).astype(np.int8).astype(np.uint8).astype(dtype)
    for features in (numbers, scipy.sparse.csr_array(numbers)):
        form = module.compact(features, 2.0)
        assert form.scale == 2
        assert np.count_nonzero(numbers) == (form.nonzeros if isinstance(form, Dense) else len(form.values))
        assert isinstance(form, Dense) == (features is numbers and dtype != np.uint8 and share > FEW)
        if isinstance(form, Dense):
            assert form.values.base is numbers
            continue
        assert isinstance(form, Compact)
        assert form.columns.dtype == (np.uint16 if dtype == np.uint8 else np.uint32)
        assert form.values.dtype == dtype
        assert not any(a.flags.writeable for a in (form.starts, form.columns, form.values))
        again = scipy.sparse.csr_array((form.values, form.columns.astype(np.int32), form.starts), shape=numbers.shape)
        np.testing.assert_array_equal(again.toarray(), numbers)


def test_what_has_the_dtype_already_is_shared_and_the_rest_converted_once():
    matrix = scipy.sparse.csr_array(drawn(0.1).astype(np.float32))
    data = Split(matrix, targets(60))
    single, double = (samples(data, np.dtype(name)) for name in ("float32", "float64"))
    assert np.shares_memory(single.data.reals, matrix.data)
    assert np.shares_memory(single.data.wide, matrix.indices)
    assert not np.shares_memory(double.data.reals, matrix.data)
    assert samples(data, np.dtype("float64")) is double
    assert matrix.data.flags.writeable
    dense = drawn(0.9)
    assert np.shares_memory(samples(Split(dense, targets(60)), np.dtype("float64")).data.reals, dense)
    gone = weakref.ref(data)
    del data
    gc.collect()
    assert gone() is None
    assert all(split is not None for split in samples_module._made)


@pytest.mark.parametrize("which", [sgd, momentum, adam], ids=lambda which: which.name)
def test_an_engine_may_meet_data_of_every_form_in_turn(which):
    # The lists grow, and nothing of one form stays behind for the next.
    network = Network((400, 7, CLASSES), bias=True)
    few, many = drawn(0.015, width=400), drawn(0.9, width=400)
    data = [
        Split(scipy.sparse.csr_array(few), targets(60)),
        Split(many, targets(60)),
        Split(as_bytes(0.9, 400), targets(60)),
        Split(few, targets(60)),
    ]
    for batch_size in (5, 40, 200):
        fused, reference = pair(network, which, batch_size)
        order = order_of(3, batch_size, 60)
        for split in data:
            for engine in (fused, reference):
                run(engine, split, order, settings(which))
                engine.evaluate(data[1])
        assert_same(fused, reference, 1e-10)


def test_the_same_numbers_in_another_form_are_the_same_run():
    # Bytes over 255 and the floats that they stand for; one scattered form and one that is not.
    for share in (0.01, 0.2):
        numbers = as_bytes(share, 400)
        floats = np.divide(numbers, 255, dtype=np.float64)
        forms = [
            Split(numbers, targets(60)),
            Split(floats, targets(60)),
            Split(scipy.sparse.csr_array(floats), targets(60)),
        ]
        assert all(samples(one, np.dtype("float64")).data.scattered == (share < SCATTERED_SHARE) for one in forms)
        for which in (sgd, momentum, adam):
            for batch_size in (1, 9, 150):
                network = Network((400, 7, CLASSES))
                engines = [
                    make_engine("fused", network, which, starting_point(network), "float64", batch_size) for _ in forms
                ]
                for engine, split in zip(engines, forms, strict=True):
                    run(engine, split, order_of(9, batch_size, 60), settings(which))
                for other in engines[1:]:
                    assert_same_bits(engines[0], other)


@pytest.mark.parametrize("which", [sgd, momentum, CLIPPED, normed], ids=["sgd", "momentum", "norms", "lazy norms"])
@pytest.mark.parametrize("batch_size", [1, 9, 300])
def test_a_batch_whose_loss_is_not_finite_leaves_nothing_behind(which, batch_size):
    features = scipy.sparse.csr_array(drawn(0.015, width=400))
    good = Split(features, targets(60))
    features = features.copy()
    features.data[-1] = np.inf
    bad = Split(features, targets(60))
    order = np.arange(60).repeat(10)
    network = Network((400, 7, CLASSES), bias=True)
    fused, untouched = (
        make_engine("fused", network, which, starting_point(network), "float64", batch_size) for _ in range(2)
    )
    last = order[-min(batch_size, 60) :] if batch_size < 300 else order[-300:]
    assert fused.train(bad, last, 0, len(last), settings(which)).steps == 0
    for engine in (fused, untouched):
        run(engine, good, order[:300], settings(which))
    assert_same_bits(fused, untouched)


def test_many_classes():
    classes = 300  # more than a byte can number
    features, _ = FORMS["csr"]
    data = Split(features, np.random.default_rng(0).integers(0, classes, 60))
    assert data.targets.max() > 255
    after_some_steps(data, sgd, (83, 9, classes), True, 7, 20)


def refusal(rule, batch_size, features, there, monkeypatch):
    """Return the message of a run for which so many bytes are available, or at each look one of several numbers."""
    monkeypatch.setattr(memory, "available_memory", lambda: there.pop(0) if isinstance(there, list) else there)
    network = Network((features.shape[1], 64, CLASSES))
    weights = np.zeros(network.layout.size, np.float32)
    data, order = Split(features, targets(features.shape[0])), np.zeros(batch_size, np.int64)

    def trains():
        engine = make_engine("fused", network, rule, weights, "float32", batch_size)
        engine.train(data, order, 0, batch_size, settings(rule))

    with pytest.raises(ConfigError) as raised:
        trains()
    return str(raised.value)


def test_more_than_the_memory_holds_is_refused_in_a_sentence(monkeypatch):
    few = scipy.sparse.csr_array(([1.0], ([0], [5])), shape=(3, 400_000))
    many = np.ones((3, 400_000), np.float32)
    said = refusal(adam, 10, few, 300 * 10**6, monkeypatch)
    assert said == (
        "the weights of 400000-64-5 and the state of adam need 310,412,800 bytes of memory, and 300,000,000 are "
        "available: give data of fewer columns, or a smaller first hidden layer."
    )
    said = refusal(sgd, 128, many, 190 * 10**6, monkeypatch)
    assert said.startswith("lists of up to 12,400,000 inputs of a batch need 198,")
    said = refusal(sgd, 128, scipy.sparse.csr_array(many), 205 * 10**6, monkeypatch)
    assert said.startswith("the inputs of 128 samples need 209,600,000 bytes of memory")
    said = refusal(CLIPPED, 2, many, [10**9, 10**9, 10**8], monkeypatch)
    assert said.startswith("the gradients of a batch need 102,404,096 bytes of memory, and 100,000,000 are")

"""Sample weights from arrays: what becomes of them, what a part of the data keeps, the digest, and what is refused."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from ravine.data import dataset
from ravine.data.given import is_unchanged
from ravine.errors import DataError

X = np.array([[0.5, 0.0, -3.25], [1e-3, 7.0, 0.0], [0.0, 0.0, 2.0], [4.0, -1.0, 0.125]])
Y = np.array([2, 0, 1, 0])
W = [0.5, 2.0, 0.0, 1.25]


def weights(given):
    return dataset(X, Y, sample_weights=given).train.sample_weights


@pytest.mark.parametrize(
    "given",
    [
        W,
        tuple(W),
        np.array(W),
        np.array(W, np.float32),
        np.array(W, np.float16),
        np.array(W, np.longdouble),
        np.array(W, ">f4"),
        np.repeat(W, 2)[::2],
        pd.Series(W, index=[9, 8, 7, 6]),
    ],
    ids=lambda given: f"{type(given).__name__}-{getattr(given, 'dtype', '')}",
)
def test_numbers_in_any_form_become_float64(given):
    found = weights(given)
    assert (found.dtype, found.shape, found.tolist()) == (np.float64, (4,), W)
    assert not found.flags.writeable
    assert not np.shares_memory(found, np.asarray(given))


@pytest.mark.parametrize(
    ("given", "found"),
    [([3, 0, 1, 2], [3, 0, 1, 2]), ([True, False, True, True], [1, 0, 1, 1]), (np.array([7, 1, 1, 0], np.uint8),) * 2],
    ids=str,
)
def test_whole_numbers_and_flags_are_weights_too(given, found):
    assert weights(given).tolist() == list(found)


@pytest.mark.parametrize("y", [Y, ["a", "b", "a", "c"], [0.5, 1.5, 2.5, -1.0], [[1.0, 2.0]] * 4], ids=str)
@pytest.mark.parametrize("x", [X, sparse.csr_array(X), np.abs(X).astype(np.uint8), X.reshape(4, 1, 3)], ids=type)
def test_they_go_with_every_kind_of_data(x, y):
    data = dataset(x, y, sample_weights=W, test=(x, y))
    assert data.train.sample_weights.tolist() == W
    assert data.test.sample_weights is None
    assert data.info.weighted


def test_weights_of_classes_are_a_table():
    table = np.array([0.5, 3.0, 1.0])
    assert weights(table[Y]).tolist() == [1.0, 0.5, 3.0, 0.5]


def test_without_weights_there_are_none():
    data = dataset(X, Y)
    assert data.train.sample_weights is None
    assert data.train.weights_of([0, 2]) is None
    assert not data.info.weighted


@pytest.mark.parametrize("ones", [np.ones(4), [1, 1, 1, 1], [True] * 4], ids=str)
def test_weights_that_are_all_1_are_none(ones):
    assert dataset(X, Y, sample_weights=ones).info == dataset(X, Y).info
    assert weights(ones) is None


# ------------------------------------------------------------------------------------------------------------
# Parts


@pytest.mark.parametrize("x", [X, sparse.csr_array(X)], ids=["dense", "csr"])
def test_a_part_has_the_weights_of_its_samples(x):
    part = dataset(x, Y, sample_weights=W).train.part(np.array([True, False, False, True]))
    assert part.sample_weights.tolist() == [0.5, 1.25]
    assert not part.sample_weights.flags.writeable
    assert part.weights_of(np.array([1, 1, 0])).tolist() == [1.25, 1.25, 0.5]


def test_samples_that_are_held_out_have_no_weights_and_the_others_keep_theirs():
    count = 90
    w = np.random.default_rng(0).random(count)
    data = dataset(np.arange(count, dtype=float)[:, None], np.arange(count) % 3, sample_weights=w)
    held = data.held_out(0.2, seed=3)
    assert held.validation.sample_weights is None
    assert held.train.sample_weights.tolist() == w[held.train.features.ravel().astype(int)].tolist()
    plain = dataset(np.arange(count, dtype=float)[:, None], np.arange(count) % 3).held_out(0.2, seed=3)
    assert (plain.validation.features == held.validation.features).all()


def test_the_memory_of_weights_is_told():
    plain, weighted = dataset(X, Y), dataset(X, Y, sample_weights=W)
    assert weighted.nbytes == plain.nbytes + 4 * 8
    assert weighted.held_out(1).nbytes == plain.nbytes + 3 * 8


# ------------------------------------------------------------------------------------------------------------
# The digest


def digest(given=None, **settings):
    return dataset(X, Y, sample_weights=given, **settings).info.digest


def test_the_digest_is_the_hash_of_bytes_that_must_not_change():
    # Written out by hand: were it to change, no run on weighted data would be found again.
    numbers = np.array([[0.5, -2.0], [0.0, 8.0], [1.0, 1.0]], np.float32)
    parts = [
        b'["dense","float32",[3,2],3,1.0]',
        numbers.astype("<f4").tobytes(),
        np.array([1, 0, 1], "<i8").tobytes(),
        b'null[["a","b"],null]sample_weights',
        np.array([0.25, 1.0, 4.0], "<f8").tobytes(),
    ]
    found = dataset(numbers, ["b", "a", "b"], sample_weights=[0.25, 1, 4]).info.digest
    assert found == hashlib.sha256(b"".join(parts)).hexdigest()


def test_other_weights_are_other_data_and_the_same_weights_are_the_same():
    different = [None, W, W[::-1], np.array(W) * 2, [0.5, 2.0, 0.0, np.nextafter(1.25, 2)], [2.0] * 4]
    assert len({digest(each) for each in different}) == len(different)
    assert len({digest(each) for each in different if each is None or len(set(each)) > 1}) == len(different) - 1
    same = [W, np.array(W, np.float32), pd.Series(W), [0.5, 2.0, -0.0, 1.25]]
    assert len({digest(each) for each in same}) == 1
    assert digest(W) != digest(W, test=(X, Y))


def test_weights_that_were_changed_are_noticed():
    given = np.array(W)
    data = dataset(X, Y, sample_weights=given)
    given[0] = 9  # a copy was taken
    assert is_unchanged(data)
    kept = data.train.sample_weights.base
    kept[0] = 9
    assert not is_unchanged(data)
    other = dataclasses.replace(dataset(X, Y), train=dataclasses.replace(data.train, sample_weights=None))
    assert is_unchanged(other)
    assert not is_unchanged(dataclasses.replace(other, train=data.train))


# ------------------------------------------------------------------------------------------------------------
# What is refused


def having(row, value, dtype=float):
    changed = np.array(W, dtype)
    changed[row] = value
    return changed


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (W[:3], "sample_weights have 3 numbers, and X has 4 rows; give one for each row."),
        ([2.0], "sample_weights have 1 number, and X has 4 rows"),
        ([], "sample_weights have 0 numbers, and X has 4 rows"),
        (having(2, -0.5), "sample_weights have -0.5 in row 2, counted from 0, and must be finite and 0 or more: give"),
        (having(1, np.nan), "sample_weights have nan in row 1"),
        (having(3, np.inf), "sample_weights have inf in row 3"),
        (having(0, -np.inf, np.float32), "sample_weights have -inf in row 0"),
        (having(3, 1, np.longdouble) * np.longdouble(10) ** 400, "sample_weights have inf in row 0"),
        (having(1, -3, np.int8), "sample_weights have -3 in row 1"),
        (pd.Series([1.0, None, 2.0, 1.0]), "sample_weights have nan in row 1"),
        ([0, 0.0, -0.0, False], "sample_weights are all 0, so no sample would be trained on: give some"),
        (np.ones((4, 2)), "sample_weights have shape (4, 2); they must be (4,), one number a sample: all targets of a"),
        (np.ones((4, 1)), "sample_weights have shape (4, 1); they must be (4,), one number a sample: give sample"),
        (np.ones((1, 4)), "sample_weights have shape (1, 4); they must be (4,), one number a sample: give sample"),
        (3.0, "sample_weights are 3.0; they must be one number a sample, in shape (4,): for a weight a class, give"),
        ({0: 1.0, 1: 5.0}, "sample_weights are {0: 1.0, 1: 5.0}; they must be one number a sample"),
        ("balanced", "sample_weights are 'balanced'; they must be one number a sample"),
        (["1", "2", "3", "4"], "sample_weights have '1' in row 0, counted from 0, and dtype <U1: give a number"),
        (np.array(W) + 1j, "sample_weights have (0.5+1j) in row 0, counted from 0, and dtype complex128: give"),
        (np.array([1, 2, None, 3], object), "sample_weights have None in row 2, counted from 0, and dtype object"),
        (np.array([1, 2j, 1, 3], object), "sample_weights have 2j in row 1, counted from 0, and dtype object"),
        (np.array(W, object), "sample_weights have dtype object, though all they hold are numbers: give sample"),
        (pd.array([1, None, 2, 3], "Int64"), "sample_weights have nan in row 1, counted from 0"),
        (np.array(["2020-01-01"] * 4, "M8[D]"), "counted from 0, and dtype datetime64[D]: give a number of 0 or more"),
        ([1, [2, 3], 4, 5], "sample_weights are no array of numbers: "),
        (np.ma.masked_array(W, [0, 1, 0, 0]), "sample_weights are a masked array; give a plain array with one number"),
        (sparse.csr_array([W]), "sample_weights are a sparse matrix; give a plain array with one number"),
    ],
    ids=lambda given: given[:40] if isinstance(given, str) else "",
)  # fmt: skip
def test_weights_that_are_none(given, message):
    with pytest.raises(DataError) as found:
        dataset(X, Y, sample_weights=given)
    text = str(found.value)
    assert message in text
    assert text.count(". ") == 0, "one sentence"
    assert text.endswith(".")

"""Data from arrays: what becomes of features, targets, names and scale, and what the digest says."""

from __future__ import annotations

import hashlib
import json
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import ravine
from ravine.data import Dataset, Split, dataset, inputs_of, load, value_of
from ravine.errors import ConfigError

X = np.array([[0.5, 0.0, -3.25], [1e-3, 7.0, 0.0], [0.0, 0.0, 2.0], [4.0, -1.0, 0.125]])
Y = np.array([2, 0, 1, 0])


def features(given, **settings):
    return dataset(given, Y[: len(given)] if not sparse.issparse(given) else Y, **settings).train.features


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_an_array_of_a_dtype_that_is_read_is_used_in_place(dtype):
    given = np.abs(X).astype(dtype)
    found = features(given)
    assert np.shares_memory(found, given)
    assert (found.dtype, found.shape) == (dtype, (4, 3))
    assert not found.flags.writeable
    assert given.flags.writeable


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csr_matrix])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_a_canonical_csr_matrix_is_used_in_place(kind, dtype):
    given = kind(np.abs(X).astype(dtype))
    found = features(given)
    assert isinstance(found, sparse.csr_array)
    for name in ("data", "indices", "indptr"):
        assert np.shares_memory(getattr(found, name), getattr(given, name))
        assert not getattr(found, name).flags.writeable
        assert getattr(given, name).flags.writeable
    assert (found.toarray() == given.toarray()).all()
    assert found.dtype == dtype


@pytest.mark.parametrize("form", ["coo", "csc", "bsr", "lil", "dok", "dia"])
def test_other_sparse_matrices_become_csr(form):
    found = features(sparse.coo_array(X).asformat(form))
    assert found.format == "csr"
    assert (found.toarray() == X).all()


def test_duplicates_of_a_coo_matrix_are_added_up():
    given = sparse.coo_array(([1.5, 2.0, 4.0], ([0, 0, 1], [2, 2, 0])), shape=(2, 3))
    assert dataset(given, [0, 1]).train.features.toarray().tolist() == [[0.0, 0.0, 3.5], [4.0, 0.0, 0.0]]


@pytest.mark.parametrize(
    ("given", "dtype"),
    [
        ([[True, False], [False, True]], np.float32),
        ([[1, -2], [3, 4]], np.float32),
        (np.array([[2**24, -(2**24)], [0, 1]]), np.float32),
        (np.array([[2**24 + 1, 0], [0, 1]]), np.float64),
        (np.array([[0, 0], [0, -(2**24) - 1]]), np.float64),
        (np.array([[2**63, 0], [5, 1]], np.uint64), np.float64),
        (np.array([[300, -300], [1, 2]], np.int16), np.float32),
        (np.array([[-7, 7], [1, 2]], np.int8), np.float32),
        (np.array([[0.5, 65504], [1, 2]], np.float16), np.float32),
        (np.array([[0.5, 1.25], [1, 2]], np.longdouble), np.float64),
        (np.array([[0.5, 1.25], [1, 2]], ">f4"), np.float32),
        (np.array([[0.5, 1.25], [1, 2]], ">f8"), np.float64),
        (np.matrix([[0.5, 1.25], [1, 2]]), np.float64),
        (np.array([[0.5, 9, 1.25, 9], [1, 9, 2, 9]])[:, ::2], np.float64),
        (np.array([[0.5, 1], [1.25, 2]], np.float32, order="F"), np.float32),
        (pd.DataFrame({"a": [0.5, 1.0], "b": [3, 4]}), np.float64),
        (pd.DataFrame({"a": [True, False], "b": [False, False]}), np.float32),
        (((0.5, 1), (2, 3)), np.float64),
    ],
    ids=lambda given: f"{type(given).__name__}-{getattr(given, 'dtype', '')}",
)
def test_numbers_in_other_forms(given, dtype):
    found = dataset(given, [1, 0]).train.features
    assert type(found) is np.ndarray
    assert found.dtype == dtype
    assert found.dtype.isnative
    assert found.flags.c_contiguous
    assert (found == np.asarray(given).astype(np.float64)).all()


def test_sparse_values_become_floats_as_dense_ones_do():
    for values, dtype in ((np.array([3, 2**24]), np.float32), (np.array([3, 2**25]), np.float64)):
        found = dataset(sparse.csr_array((values, [1, 0], [0, 1, 2]), shape=(2, 2)), [0, 1]).train.features
        assert found.dtype == dtype
        assert found.data.tolist() == values.tolist()
    assert dataset(sparse.csr_array((2, 5), dtype=np.int64), [0, 1]).train.features.nnz == 0


def test_images_have_a_shape():
    pixels = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)
    data = dataset(pixels, [0, 1, 1])
    assert data.info.shape == (4, 5)
    assert data.train.features.tolist() == [list(range(20)), list(range(20, 40)), list(range(40, 60))]
    flat = dataset(pixels.reshape(3, 20), [0, 1, 1], shape=(4, 5))
    assert flat.info == data.info
    assert dataset(pixels.reshape(3, 20), [0, 1, 1]).info.shape is None


@pytest.mark.parametrize(
    ("given", "names", "numbers"),
    [
        ([7, 3, 3, 90], ("3", "7", "90"), [1, 0, 0, 2]),
        ([-1, 1, 1, -1], ("-1", "1"), [0, 1, 1, 0]),
        ([True, False, True, True], ("False", "True"), [1, 0, 1, 1]),
        (["dog", "cat", "ox", "cat"], ("cat", "dog", "ox"), [1, 0, 2, 0]),
        (np.array([2**40, 0, 2**40, 5], np.uint64), ("0", "5", str(2**40)), [2, 0, 2, 1]),
        (np.array(["b", "a", "a", "b"], object), ("a", "b"), [1, 0, 0, 1]),
        (np.array([5, 4, 4, 5], object), ("4", "5"), [1, 0, 0, 1]),
        (pd.Series(["b", "a", "a", "b"]), ("a", "b"), [1, 0, 0, 1]),
        (pd.Series([0, 4, 4, 0]), ("0", "4"), [0, 1, 1, 0]),
        (pd.Categorical(["b", "a", "a", "b"]), ("a", "b"), [1, 0, 0, 1]),
        ([5, 5, 5, 5], ("5",), [0, 0, 0, 0]),
    ],
    ids=str,
)
def test_targets_become_class_numbers_and_names_keep_what_they_were(given, names, numbers):
    data = dataset(X, given)
    assert data.info.class_names == names
    assert data.info.classes == len(names)
    assert data.train.targets.tolist() == numbers
    assert data.train.targets.dtype == np.uint8
    assert not data.train.targets.flags.writeable


def test_class_names_that_are_given_have_their_order():
    names = ["ox", "cat", "dog"]
    assert dataset(X, ["cat", "dog", "ox", "cat"], class_names=names).train.targets.tolist() == [1, 2, 0, 1]
    assert dataset(X, [1, 2, 0, 1], class_names=names).info.class_names == ("ox", "cat", "dog")
    assert dataset(X, [True, False, True, True], class_names=("no", "yes")).train.targets.tolist() == [1, 0, 1, 1]
    data = dataset(X, [1, 2, 0, 1], test=(X[:2], [2, 1]), class_names=names)
    assert data.test.targets.tolist() == [2, 1]


@pytest.mark.parametrize(
    ("classes", "dtype"), [(256, np.uint8), (257, np.uint16), (65_536, np.uint16), (70_000, np.int32)]
)
def test_class_numbers_have_the_smallest_dtype(classes, dtype):
    targets = np.random.default_rng(1).permutation(classes)
    found = dataset(np.zeros((classes, 1), np.uint8), 3 * targets - 5).train.targets
    assert found.dtype == dtype
    assert (found == targets).all()


def test_one_sample_is_enough():
    data = dataset([[2.5]], ["only"])
    assert (data.info.width, data.info.classes, data.info.train_count) == (1, 1, 1)


def test_a_test_set_has_the_classes_of_the_training_set():
    data = dataset(X, ["b", "c", "a", "c"], test=(X[:3], ["c", "c", "a"]))
    assert data.test.targets.tolist() == [2, 2, 0]
    assert (data.info.train_count, data.info.test_count) == (4, 3)
    assert dataset(X, Y).test is None


def test_bytes_have_a_scale_and_other_numbers_none():
    pixels = np.array([[0, 51], [255, 102]], np.uint8)
    assert dataset(pixels, [0, 1]).train.scale == 255
    assert dataset(sparse.csr_array(pixels), [0, 1]).train.scale == 255
    assert dataset(pixels, [0, 1], scale=1).train.scale == 1
    assert dataset(pixels, [0, 1], test=(pixels, [1, 0]), scale=17).test.scale == 17
    assert dataset(pixels.astype(int), [0, 1]).train.scale == 1
    assert dataset(pixels.astype(np.float32), [0, 1], scale=1.0).train.scale == 1


def nearest(value, dtype):
    """Return the number of a dtype that is nearest to a fraction."""
    about = dtype(float(value))
    around = (np.nextafter(about, dtype(-1)), about, np.nextafter(about, dtype(1e9)))
    return min(around, key=lambda one: abs(Fraction(float(one)) - value))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [255.0, 1.0, 7.0, 0.1, 1e-3])
def test_an_input_is_a_byte_over_the_scale_rounded_once(dtype, scale):
    values = np.arange(256, dtype=np.uint8)[:, None]
    found = dataset(values, [0, 1] * 128, scale=scale).train.inputs(slice(None), dtype)
    divisor = Fraction(float(np.float32(scale) if dtype == np.float32 else scale))
    exact = np.array([[nearest(Fraction(k) / divisor, dtype)] for k in range(256)])
    assert found.dtype == dtype
    assert (found == exact).all()


@pytest.mark.parametrize("given", [np.float32, np.float64])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_inputs_of_some_samples_dense_and_sparse(given, dtype):
    numbers = X.astype(given)
    for one in (numbers, sparse.csr_array(numbers)):
        split = dataset(one, Y).train
        for rows in (slice(1, 3), np.array([3, 0, 3]), [2]):
            found = split.inputs(rows, dtype)
            assert type(found) is np.ndarray
            assert found.dtype == dtype
            assert (found == numbers[rows].astype(dtype)).all()


def test_a_part_of_a_sparse_split_is_read_only_and_the_rows_that_were_chosen():
    split = dataset(sparse.csr_array(X), Y).train
    part = split.part(np.array([True, False, False, True]))
    assert (part.features.toarray() == X[[0, 3]]).all()
    assert part.targets.tolist() == [2, 0]
    assert not any(array.flags.writeable for array in (part.features.data, part.features.indices, part.features.indptr))


def test_feature_names():
    frame = pd.DataFrame(X, columns=["age", "height", 3])
    assert dataset(frame, Y).info.feature_names == ("age", "height", "3")
    assert dataset(X, Y).info.feature_names is None
    assert dataset(X, Y, feature_names=["u", "v", "w"]).info.feature_names == ("u", "v", "w")
    assert dataset(frame, Y, feature_names=["u", "v", "w"]).info.feature_names == ("u", "v", "w")
    assert dataset(frame, Y, test=(frame[:2], Y[:2])).test is not None


def test_the_memory_of_data_is_told():
    assert dataset(X.astype(np.float32), Y, test=(X, Y)).nbytes == 4 * 3 * 4 + 4 + 4 * 3 * 8 + 4
    held = dataset(np.zeros((10, 6), np.uint8), [0, 1] * 5).held_out(2)
    assert (held.nbytes, held.train.nbytes, held.validation.nbytes) == (70, 56, 14)
    matrix = sparse.csr_array(X)
    assert dataset(matrix, Y).train.nbytes == matrix.nnz * (8 + 4) + 5 * 4 + 4


def test_a_validation_split_of_given_data_has_each_class_in_its_share():
    targets = np.repeat([4, 8, 9], [60, 30, 10])
    data = dataset(sparse.csr_array(np.arange(100.0)[:, None]), targets).held_out(0.2, seed=3)
    assert np.bincount(data.validation.targets).tolist() == [12, 6, 2]
    assert np.bincount(data.train.targets).tolist() == [48, 24, 8]
    seen = np.concatenate([part.features.toarray().ravel() for part in (data.train, data.validation)])
    assert sorted(seen) == list(range(100))


# ------------------------------------------------------------------------------------------------------------
# The digest


def digest(*arguments, **settings):
    return dataset(*arguments, **settings).info.digest


def test_the_digest_is_the_hash_of_bytes_that_must_not_change():
    # Written out by hand: were it to change, no run on given data would be found again.
    numbers = np.array([[0.5, -2.0], [0.0, 8.0], [1.0, 1.0]], np.float32)
    head = b'["dense","float32",[3,2],3,1.0]' + b"".join(
        [numbers.astype("<f4").tobytes(), np.array([1, 0, 1], "<i8").tobytes(), b"null", b'[["a","b"],null]']
    )
    assert digest(numbers, ["b", "a", "b"]) == hashlib.sha256(head).hexdigest()
    sparse_parts = [
        b'["csr","float32",[3,2],3,1.0]',
        *(np.array(numbers, "<i8").tobytes() for numbers in ([0, 2, 3, 5], [0, 1, 1, 0, 1])),
        np.array([0.5, -2, 8, 1, 1], "<f4").tobytes(),
        np.array([1, 0, 1], "<i8").tobytes(),
        b'null[["a","b"],null]',
    ]
    assert digest(sparse.csr_array(numbers), ["b", "a", "b"]) == hashlib.sha256(b"".join(sparse_parts)).hexdigest()


def test_whatever_decides_a_result_changes_the_digest():
    pixels = np.arange(24, dtype=np.uint8).reshape(4, 6)
    other = pixels.copy()
    other[3, 5] = 0
    found = [
        digest(pixels, Y),
        digest(other, Y),
        digest(pixels, Y[::-1]),
        digest(pixels, Y, scale=1),
        digest(pixels, Y, shape=(2, 3)),
        digest(pixels, Y, shape=(3, 2)),
        digest(pixels, Y, class_names=["a", "b", "c"]),
        digest(pixels, Y, test=(pixels, Y)),
        digest(pixels, Y, test=(other, Y)),
        digest(pixels, Y, test=(pixels, Y[::-1])),
        digest(pixels[:, :5], Y),
        digest(pixels.astype(np.float32), Y),
        digest(pixels.astype(np.float64), Y),
        digest(sparse.csr_array(pixels), Y),
        digest(np.concatenate([pixels, pixels]), np.concatenate([Y, Y])),
    ]
    assert len(set(found)) == len(found)


def test_the_same_data_have_one_digest_in_whatever_form_they_come():
    table = X.astype(np.float32)
    forms = [
        table,
        np.asfortranarray(table),
        table.astype(">f4"),
        np.repeat(table, 2, axis=1)[:, ::2],
        pd.DataFrame(table, columns=["a", "b", "c"]),
    ]
    assert len({digest(form, Y) for form in forms}) == 1
    matrix = sparse.csr_array(table)
    wide = sparse.csr_array((matrix.data, matrix.indices.astype(np.int64), matrix.indptr.astype(np.int64)), (4, 3))
    assert len({digest(form, Y) for form in (matrix, wide, matrix.tocoo(), matrix.tocsc())}) == 1
    assert digest(X, list(map(int, Y))) == digest(X, Y) == digest(X, Y.astype(np.int8))


# ------------------------------------------------------------------------------------------------------------
# What is given as data


def test_data_are_a_pair_four_arrays_or_a_data_set():
    made = dataset(X, Y, test=(X[1:], Y[1:]))
    assert value_of(made) is made
    assert value_of((X, Y, X[1:], Y[1:])).info == made.info
    assert value_of([X, Y]).info == dataset(X, Y).info
    for wrong in (X, (X,), (X, Y, X), "mnist", None, {"X": X}, 3):
        with pytest.raises(ConfigError, match=r"it must be \(X, y\), or \(X, y, X_test, y_test\), or what"):
            value_of(wrong)


def test_a_data_set_that_was_put_together_by_hand_is_not_taken(small):
    import dataclasses

    made = dataset(X, Y)
    changed = dataclasses.replace(made, train=made.test)
    by_hand = Dataset(small.info, Split(small.train.features, small.train.targets))
    for wrong in (changed, by_hand, small.held_out(20)):
        with pytest.raises(ConfigError, match="was changed, or put together by hand"):
            value_of(wrong)
    assert value_of(load("small")).info is small.info


def test_it_is_public():
    assert ravine.dataset is dataset


@pytest.mark.parametrize(("rows", "width"), [(1, 1), (1, 4), (3, 1)])
def test_inputs_of_one_row_and_one_column(rows, width):
    assert inputs_of(np.full((rows, width), 51, np.uint8), np.float64, 255.0).tolist() == [[0.2] * width] * rows


def test_the_facts_go_through_json():
    import msgspec

    info = dataset(pd.DataFrame(X, columns=list("abc")), ["ja", "nein", "ja", "ja"]).info
    text = msgspec.json.encode(info)
    assert json.loads(text)["class_names"] == ["ja", "nein"]
    assert msgspec.json.decode(text, type=type(info)) == info


def test_sparse_rows_whose_arrays_have_gaps_in_memory():
    matrix = sparse.csr_array(np.array([[0.0, 2.0], [3.0, 0.0], [0.0, 5.0]]))
    gaps = sparse.csr_array(matrix.shape)
    gaps.data, gaps.indices, gaps.indptr = (
        np.repeat(part, 2)[::2] for part in (matrix.data, matrix.indices, matrix.indptr)
    )
    found, same = ravine.dataset(gaps, [0, 1, 1]), ravine.dataset(matrix, [0, 1, 1])
    assert found.info.digest == same.info.digest
    assert all(part.flags.c_contiguous for part in (found.train.features.data, found.train.features.indices))

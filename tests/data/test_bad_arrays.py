"""Arrays that cannot be trained on: one sentence names the row, the column, the value and the mend."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from ravine.data import dataset
from ravine.data import features as reading
from ravine.errors import ConfigError, DataError

X = np.array([[0.5, 0.0, -3.25], [1e-3, 7.0, 0.0], [0.0, 0.0, 2.0], [4.0, -1.0, 0.125]])
Y = np.array([2, 0, 1, 0])
FRAME = pd.DataFrame({"age": [3.5, 2.0], "city": ["Bern", "Rom"]})


def having(row, column, value, dtype=float):
    changed = X.astype(dtype)
    changed[row, column] = value
    return changed


def csr(values, columns, starts, shape):
    """Return a CSR matrix that SciPy has not looked at."""
    matrix = sparse.csr_array(shape)
    matrix.data, matrix.indices, matrix.indptr = np.asarray(values, float), np.asarray(columns), np.asarray(starts)
    return matrix


def refused(error, *arguments, **settings):
    with pytest.raises(error) as found:
        dataset(*arguments, **settings)
    text = str(found.value)
    assert text.count(". ") == 0, "one sentence"
    assert text.endswith(".")
    return text


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (having(2, 1, np.nan), "X has nan in row 2, column 1, counted from 0: put a number there"),
        (having(3, 0, -np.inf), "X has -inf in row 3, column 0, counted from 0: put a number there"),
        (having(1, 2, np.inf, np.float32), "X has inf in row 1, column 2"),
        (
            having(1, 2, 1e30, np.float64).astype(np.longdouble) * np.longdouble(10) ** 300,
            "X has inf in row 1, column 2",
        ),
        (sparse.csr_array(having(3, 1, np.nan)), "X has nan in row 3, column 1, counted from 0"),
        (sparse.csc_array(having(2, 2, np.inf)), "X has inf in row 2, column 2"),
        (pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, None]}), "X has nan in row 1, column 1 ('b'), counted from 0"),
        (X.astype(complex), "X has (0.5+0j) in row 0, column 0, counted from 0, and dtype complex128: give its real"),
        (np.array([["1", "2"], ["3", "x"]]), "X has '1' in row 0, column 0"),
        (np.array([[b"1", b"2"]]), "X has b'1' in row 0, column 0"),
        (np.array([["2020-01-01"]], "M8[D]"), "dtype datetime64[D]: give a time as a number, such as days"),
        (np.array([[5]], "m8[s]"), "dtype timedelta64[s]: give a time as a number, such as seconds"),
        (np.zeros((2, 2), [("a", float)]), "give its fields as columns of one dtype"),
        (np.array([[1, 2], [3, None]], object), "X has None in row 1, column 1, counted from 0, and dtype object"),
        (np.array([[1, True], [3, 2.5]], object), "X has dtype object, though all it holds are numbers: give X.astype"),
        (
            FRAME,
            "X has 'Bern' in row 0, column 1 ('city'), counted from 0, and dtype object: give numbers, such as one",
        ),
        (pd.DataFrame({"n": pd.array([1, None], "Int64")}), "in row 1, column 0 ('n'), counted from 0"),
        (
            np.ma.masked_array(X, X == 7),
            "the number in row 1, column 1, counted from 0, is masked: give X.filled(NUMBER)",
        ),
        (np.ma.masked_array(X), "X is a masked array: give X.filled(NUMBER)"),
        (
            [[1, 2], [3, 4], [5, 6, 7]],
            "X is no array of numbers: row 0 has 2 numbers and row 2 has 3, and all must have",
        ),
        ([[1, 2], 3], "X is no array of numbers"),
        (X[0], "X has shape (3,); it must be (samples, features)"),
        (X.reshape(1, 2, 2, 3), "X has shape (1, 2, 2, 3); it must be (samples, features)"),
        (X[:0], "X has shape (0, 3), and so no number; give at least one sample and one feature"),
        (X[:, :0], "X has shape (4, 0), and so no number"),
        ([], "X has shape (0,)"),
        ([[]], "X has shape (1, 0)"),
        (sparse.csr_array((0, 3)), "X has shape (0, 3), and so no number"),
        (sparse.csr_array((4, 0)), "X has shape (4, 0), and so no number"),
        (None, "X is None; it must be an array of shape (samples, features)"),
        (3.5, "X is 3.5; it must be an array"),
        ("a text", "X is 'a text'; it must be an array"),
        ({1, 2}, "X is {1, 2}; it must be an array"),
        (sparse.csr_array(X.astype(complex)), "X is a sparse matrix of dtype complex128; it must hold real numbers"),
        (sparse.coo_array(X[0]), "X has shape (3,); a sparse matrix must be (samples, features)"),
        (sparse.csr_array((4, 2**31 + 5)), "X has 2,147,483,653 columns; it must have at most 2,147,483,647"),
    ],
    ids=str,
)
def test_features(given, message):
    assert message in refused(DataError, given, Y)


@pytest.mark.parametrize(("row", "column"), [(0, 2), (1, 0), (2, 1), (3, 2)])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_the_place_is_right_in_every_block(row, column, kind, monkeypatch):
    monkeypatch.setattr(reading, "_BLOCK", 4)  # a row of a dense matrix, four values of a sparse one
    text = refused(DataError, kind(having(row, column, np.inf)), Y)
    assert f"X has inf in row {row}, column {column}, counted from 0" in text


VALUES = [1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (csr(VALUES, [0, 2, 1, 0], [0, 2, 4], (2, 3)), "X has column 0 after column 1 in row 1, counted from 0: call "
         "X.sort_indices() first"),
        (csr(VALUES, [2, 0, 0, 1], [0, 2, 4], (2, 3)), "X has column 0 after column 2 in row 0"),
        (csr(VALUES, [0, 1, 2, 2], [0, 2, 4], (2, 3)), "X has column 2 twice in row 1, counted from 0: call "
         "X.sum_duplicates() first"),
        (csr(VALUES, [0, 1, -2, 2], [0, 2, 4], (2, 3)), "X has the column -2 in row 1, counted from 0; its columns "
         "are 0 to 2: build"),
        (csr(VALUES, [0, 3, 0, 2], [0, 2, 4], (2, 3)), "X has the column 3 in row 0"),
        (csr(VALUES, [0, 1, 0, 2], [0, 5, 4], (2, 3)), "X.indptr falls from 5 to 4 in row 1, counted from 0; it must"),
        (csr(VALUES, [0, 1, 0, 2], [1, 2, 4], (2, 3)), "X.indptr begins with 1; it must begin with 0"),
        (csr(VALUES, [0, 1, 0, 2], [0, 2, 9], (2, 3)), "it has 4 values, 4 columns, and an indptr that ends with 9"),
        (csr(VALUES, [0, 1, 0], [0, 2, 3], (2, 3)), "it has 4 values, 3 columns"),
        (csr(VALUES, [0, 1, 0, 2], [0, 2, 2, 4], (2, 3)), "X.indptr has 4 numbers; 2 rows need 3"),
    ],
    ids=lambda given: given[:30] if isinstance(given, str) else "",
)  # fmt: skip
def test_damaged_sparse_rows(matrix, message):
    assert message in refused(DataError, matrix, [0, 1])


def test_columns_that_fall_from_row_to_row_are_right(monkeypatch):
    monkeypatch.setattr(reading, "_BLOCK", 3)  # the end of a block is no end of a row
    matrix = csr(np.ones(8), [4, 0, 1, 2, 3, 4, 2, 3], [0, 1, 1, 6, 7, 8], (5, 5))
    assert (dataset(matrix, [0, 1, 0, 1, 0]).train.features.toarray() == matrix.toarray()).all()
    for at in range(1, 5):  # within row 2, also at the ends of blocks
        wrong = matrix.indices.copy()
        wrong[at + 1] = wrong[at]
        text = refused(DataError, csr(np.ones(8), wrong, matrix.indptr, (5, 5)), [0, 1, 0, 1, 0])
        assert f"X has column {wrong[at]} twice in row 2" in text


def test_values_behind_the_last_row_are_left_alone():
    matrix = csr([1.0, 2.0, np.nan], [1, 0, 77], [0, 1, 2], (2, 3))
    assert dataset(matrix, [0, 1]).train.features.toarray().tolist() == [[0, 1, 0], [2, 0, 0]]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([0, 1, 2], "y has 3 targets, and X has 4 rows; give one for each row"),
        (range(9), "y has 9 targets, and X has 4 rows"),
        ([], "y has 0 targets"),
        ([0.0, 1.0, 1.0], "y has 3 targets, and X has 4 rows; give one for each row"),
        ([[0.0, 1.0], [1.0, 2.0], [np.nan, 0.0], [1.0, 1.0]], "y has nan in row 2, column 0, counted from 0"),
        (np.zeros((4, 2, 2)), "y has shape (4, 2, 2); it must be (4,), one class a sample"),
        ([0.0, 1.0, np.nan, 0.0], "y has nan in row 2"),
        ([0.0, np.inf, 1.0, 0.0], "y has inf in row 1"),
        (np.array(["a", "b", None, "a"], object), "y has None in row 2, counted from 0: classes are all whole"),
        (np.array(["a", "b", 3, "a"], object), "y has 3 in row 2, counted from 0, and 'a' in row 0: classes are all"),
        (np.array([True, 2, 1, 1], object), "y has 2 in row 1, counted from 0, and True in row 0"),
        (np.array([1j, 0, 0, 0]), "y has dtype complex128"),
        (np.array([b"a", b"b", b"a", b"b"]), "y has dtype |S1, with"),
        (np.array(["2020-01-01"] * 4, "M8[D]"), "y has dtype datetime64[D]"),
        (np.ma.masked_array(Y, Y == 1), "y is a masked array; give the class of each sample, as a plain array"),
        (sparse.csr_array(Y[:, None]), "y is a sparse matrix; give the class of each sample"),
        (None, "y is None; it must have the class of each sample, in shape (4,)"),
        (3, "y is 3; it must have the class"),
        ([3, 10**30, 3, 4], "which has more than 64 bits: give classes as texts"),
        ([[1], [2, 3], [4], [5]], "y is no array of classes"),
    ],
    ids=str,
)
def test_targets(given, message):
    assert message in refused(DataError, X, given)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ([0, 1, 3, 4], "class 2 ('c') has no sample in y, the targets to train on: give samples of it, or leave its"),
        (
            [0, 1, 2, 5],
            "y has the class 5, counted from 0, and class_names has 5 names: give one for each class.",
        ),
        ([0, -1, 2, 3], "y has the class -1 in row 1"),
        (
            ["a", "b", "x", "c"],
            "y has the class 'x' in row 2, counted from 0, and the classes to train on are a, b, c, d, e",
        ),
        (["a", "b", "c", "d"], "class 4 ('e') has no sample in y"),
    ],
    ids=str,
)
def test_class_names_and_targets_that_do_not_fit(targets, message):
    assert message in refused(DataError, X, targets, class_names=list("abcde"))


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (
            (X, [2, 0, 3, 0]),
            "y_test has the class 3 in row 2, counted from 0, and the classes to train on are 0, 1, 2:",
        ),
        ((X, ["a"] * 4), "y_test has 'a' in row 0, and classes are given as 0: give all in one way"),
        ((X, Y[:2]), "y_test has 2 targets, and X_test has 4 rows"),
        ((X[:, :2], Y), "X_test has 2 columns, and X has 3; give the same features"),
        ((X.astype(np.uint8), Y), "X_test has dtype uint8 and X has float64, and bytes (uint8) are divided by a scale"),
        ((having(0, 0, np.nan), Y), "X_test has nan in row 0, column 0"),
        ((X[:0], Y[:0]), "X_test has shape (0, 3), and so no number"),
    ],
    ids=["class", "text", "count", "columns", "bytes", "nan", "empty"],
)
def test_test_sets_that_do_not_fit(test, message):
    assert message in refused(DataError, X, Y, test=test)


def test_a_test_frame_has_the_columns_in_the_same_order():
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    text = refused(DataError, frame, Y, test=(frame[["a", "c", "b"]], Y))
    assert "column 1 is 'c' in X_test and 'b' in X: give the columns in one order" in text


def test_many_classes_are_not_all_listed():
    text = refused(DataError, np.zeros((500, 1)), range(500), test=([[1.0]], [500]))
    assert "are 0, 1, 2, 3, 4, 5, 6, 7 and 492 more: leave the row out" in text


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scale": 2}, "scale is 2, and X has dtype float64: only bytes (uint8) have one; divide X yourself"),
        ({"scale": 0}, "scale is 0; it must be a number above 0"),
        ({"scale": -1.5}, "scale is -1.5; it must be a number above 0"),
        ({"scale": float("nan")}, "scale is nan"),
        ({"scale": float("inf")}, "scale is inf"),
        ({"scale": "255"}, "scale is '255'"),
        ({"scale": True}, "scale is True"),
        ({"scale": 1 << 5000}, "scale is "),
        ({"numbers": np.array([True, False])}, "numbers is [True, False]; it must be true or false"),
        ({"numbers": "yes"}, "numbers is 'yes'; it must be true or false"),
        ({"shape": (2, 2)}, "shape is 2 x 2, which is 4 numbers, and a sample of X has 3"),
        ({"shape": 3}, "shape is 3; it must be rows and columns of an image"),
        ({"shape": (3, 1.0)}, "shape is (3, 1.0)"),
        ({"shape": (-3, -1)}, "shape is (-3, -1)"),
        ({"feature_names": ["a", "b"]}, "feature_names has 2 names, and X has 3 columns; give one for each"),
        ({"feature_names": "abc"}, "feature_names is 'abc'; it must be a list"),
        ({"feature_names": 3}, "feature_names is 3"),
        ({"class_names": "abc"}, "class_names is 'abc'; it must be a list"),
        ({"class_names": []}, "class_names is empty; it must have one name for each class"),
        ({"class_names": np.array("abc")}, "class_names is array('abc'"),
        ({"feature_names": {"a": 1}}, "feature_names is {'a': 1}"),
        ({"class_names": 3}, "class_names is 3"),
        ({"class_names": ["a", "b", "a"]}, "class_names has 'a' twice; give each class a name of its own"),
        ({"test": X}, "it must be (X_test, y_test), or None"),
        ({"test": (X,)}, "it must be (X_test, y_test), or None"),
    ],
    ids=str,
)
def test_other_arguments(settings, message):
    assert message in refused(ConfigError, X, Y, **settings)


def test_data_that_need_more_memory_than_there_is(monkeypatch):
    wide = np.broadcast_to(np.float64(1.5), (2**30, 2**20))  # 9 million GB, none of which are there
    assert "needs 9,007,199.3 GB in the form that ravine reads" in refused(DataError, wide, Y)

    def full(*arguments):
        raise MemoryError

    monkeypatch.setattr(reading, "_array", full)
    assert "the memory does not suffice" in refused(DataError, X, Y)

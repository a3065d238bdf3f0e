"""The sizes of columns, dense and sparse, against plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from ravine.data import Split
from ravine.training.sizes import columns_of, columns_of_inputs

RNG = np.random.default_rng(3)
X = np.where(RNG.random((90, 7)) < 0.3, RNG.normal(5, 2, (90, 7)) * 10.0 ** np.arange(-3, 4), 0)
X[:, 2] = 0
SAMPLES = np.arange(0, 90, 3)


def assert_columns(seen, x):
    nonzeros = [column[column != 0] for column in x.T]
    sizes = [np.sqrt(np.square(each).mean()) if len(each) else 0 for each in nonzeros]
    assert seen.sizes == pytest.approx(np.array(sizes), rel=1e-12)
    assert seen.means == pytest.approx(x.mean(axis=0), rel=1e-12)
    assert seen.spreads == pytest.approx(x.std(axis=0), rel=1e-9)
    assert seen.largest.tolist() == pytest.approx(np.abs(x).max(axis=0).tolist(), rel=1e-12)


def test_columns():
    assert_columns(columns_of(X), X)
    assert_columns(columns_of_inputs(Split(X, np.zeros(90, int)), SAMPLES), X[SAMPLES])


def test_a_sparse_matrix_is_never_made_dense(monkeypatch):
    matrix = sparse.csr_array(X)
    matrix.data[::7] = 0  # zeros that are stored
    x = matrix.toarray()
    for method in ("toarray", "todense"):
        monkeypatch.setattr(sparse.csr_array, method, None)
    assert_columns(columns_of_inputs(Split(matrix, np.zeros(90, int)), SAMPLES), x[SAMPLES])


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
def test_bytes_are_inputs_over_their_scale(form):
    x = RNG.integers(0, 256, (90, 7)).astype(np.uint8)
    assert_columns(columns_of_inputs(Split(form(x), np.zeros(90, int), 51.0), SAMPLES), x[SAMPLES] / 51)


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("scale", [1e-250, 1e250])
def test_no_square_overflows(form, scale):
    seen = columns_of_inputs(Split(form(X * scale), np.zeros(90, int)), SAMPLES)
    wanted = columns_of(X[SAMPLES])
    assert seen.sizes / scale == pytest.approx(wanted.sizes)
    assert seen.spreads / scale == pytest.approx(wanted.spreads)


def test_a_spread_that_is_small_beside_the_mean_keeps_its_digits():
    x = 1e9 + RNG.normal(size=(90, 1))
    for form in (np.asarray, sparse.csr_array):
        seen = columns_of_inputs(Split(form(x), np.zeros(90, int)), np.arange(90))
        assert seen.spreads == pytest.approx(x.std(axis=0), rel=1e-5)

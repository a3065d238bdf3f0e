"""Factors of matrices for optimizers, in the dtype of the matrix, even where LAPACK does not have it."""

from __future__ import annotations

import numpy as np

from ravine.arrays import Array


def eigenvectors(matrix: Array) -> tuple[Array, Array]:
    """Return the eigenvalues of a symmetric matrix, the largest first, and in columns its eigenvectors, in its dtype.

    They are computed in double precision. If the matrix is not finite, all of them are nan, so that the run ends as
    diverged, with a cause, and not with an error of LAPACK.
    """
    if not np.isfinite(matrix).all():
        return np.full(len(matrix), np.nan, matrix.dtype), np.full_like(matrix, np.nan)
    values, vectors = np.linalg.eigh(matrix.astype(np.float64))
    return values[::-1].astype(matrix.dtype), vectors[:, ::-1].astype(matrix.dtype)


def orthonormal(matrix: Array) -> Array:
    """Return the orthogonal factor of a square matrix, in its dtype; NumPy computes it in double precision."""
    known = matrix.astype(np.float64) if matrix.dtype == np.longdouble else matrix
    return np.linalg.qr(known).Q.astype(matrix.dtype, copy=False)

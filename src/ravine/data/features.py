"""Features from outside, brought into the forms that ravine trains on: bytes, floats, or compressed sparse rows."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ravine.errors import DataError, beginning, shortened
from ravine.words import several

MOST = 2**31 - 1
"""The most features of a sample."""

_EXACT = 2**24
"""Whole numbers up to this one are exact in float32."""

_BLOCK = 1 << 22
"""Numbers that are looked through at a time, so that masks stay small."""

_REBUILD = "build the matrix anew with scipy.sparse.csr_array"


class Read(NamedTuple):
    """Features that were read.

    Attributes:
        features: (b, i) uint8, float32 or float64, read-only: a C-contiguous array, or a canonical CSR array of SciPy.
        names: the names of the columns of a data frame.
        shape: rows and columns of an image, if images were given as (b, rows, columns).
    """

    features: Any
    names: tuple[str, ...] | None = None
    shape: tuple[int, int] | None = None


def features_of(name: str, given: Any) -> Read:
    """Return features in a form that ravine trains on; `name` is their name in messages.

    Bytes (uint8), float32 and float64 stay as they are. Flags and float16 become float32; whole numbers become float32
    if it has all of them, else float64, as other floats do. An array that is C-contiguous, and a CSR matrix, are used
    in place; other sparse matrices of SciPy are converted to CSR, and the duplicates of a COO matrix are added up. Data
    frames and other things that NumPy can read are read as arrays.

    Raises:
        DataError: they are no numbers, not finite, not of shape (b, i) or (b, rows, columns), empty, or a CSR matrix
            that is not sorted or damaged.

    >>> features_of("X", [[True, False]]).features
    array([[1., 0.]], dtype=float32)
    """
    names = _column_names(given)
    if is_sparse(given):
        return Read(_compressed(name, given))
    array = _array(name, given)
    _require_numbers(name, array, names)
    if array.ndim not in (2, 3):
        raise DataError(
            f"{name} has shape {array.shape}; it must be (samples, features), or (samples, rows, columns) for images: "
            f"{_reshaped(name, array.ndim)}."
        )
    if array.size == 0:
        raise DataError(f"{name} has shape {array.shape}, and so no number; give at least one sample and one feature.")
    shape = (int(array.shape[1]), int(array.shape[2])) if array.ndim == 3 else None
    dtype = _dtype_for(array)
    if dtype != array.dtype or not array.flags.c_contiguous:
        _require_memory(name, array.size * dtype.itemsize)
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused below
        flat = np.ascontiguousarray(array, dtype).reshape(len(array), -1)
    _require_width(name, flat.shape[1])
    for first, block in _blocks(flat):
        if not (finite := np.isfinite(block)).all():
            row, column = np.argwhere(~finite)[0]
            raise _not_finite(name, flat[first + row, column], first + int(row), int(column), names)
    return Read(read_only(flat), names, shape)


def is_sparse(given: Any) -> bool:
    """Tell whether something is a sparse matrix or array of SciPy."""
    sparse = sys.modules.get("scipy.sparse")  # without it there is none
    return sparse is not None and bool(sparse.issparse(given))


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Return a read-only view of an array."""
    view = array.view()
    view.flags.writeable = False
    return view


def memory_of_machine() -> int:
    """Return the bytes of memory that the machine has; a very large number if it does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return 2**62


def _require_memory(name: str, size: int) -> None:
    """Refuse a copy that the machine has no memory for, before anything is read."""
    if size > memory_of_machine():
        raise DataError(
            f"{name} needs {size / 1e9:,.1f} GB in the form that ravine reads, and this machine has "
            f"{memory_of_machine() / 1e9:,.1f} GB: give fewer samples, float32, or a CSR array of scipy.sparse."
        )


def _require_width(name: str, width: int) -> None:
    if width > MOST:
        raise DataError(f"{name} has {several(width, 'column')}; it must have at most {MOST:,}.")


def place(row: int, column: int, names: tuple[str, ...] | None = None) -> str:
    """Say where a number stands."""
    named = "" if names is None else f" ({beginning(names[column])!r})"
    return f"row {row}, column {column}{named}, counted from 0"


def _not_finite(name: str, value: Any, row: int, column: int, names: tuple[str, ...] | None = None) -> DataError:
    return DataError(
        f"{name} has {value} in {place(row, column, names)}: put a number there, or leave out the row or the column."
    )


def _column_names(given: Any) -> tuple[str, ...] | None:
    """Return the names of a data frame's columns."""
    columns = getattr(given, "columns", None)
    return None if columns is None or not hasattr(given, "__array__") else tuple(map(str, columns))


def _array(name: str, given: Any) -> NDArray[Any]:
    if isinstance(given, np.ma.MaskedArray):
        masked = np.argwhere(np.ma.getmaskarray(given)).tolist()
        where = f"; the number in {place(masked[0][0], masked[0][1])}, is masked" if masked and given.ndim == 2 else ""
        raise DataError(
            f"{name} is a masked array{where}: give {name}.filled(NUMBER), with a number for what is masked."
        )
    try:
        array = np.asarray(given)
    except (ValueError, TypeError, OverflowError) as error:
        raise DataError(f"{name} is no array of numbers: {_uneven(given) or first_sentence(error)}.") from None
    if array.ndim == 0:
        raise DataError(f"{name} is {shortened(given)}; it must be an array of shape (samples, features).")
    return array


def first_sentence(error: Exception) -> str:
    """Return the first sentence of an error of NumPy's, without its point."""
    return str(error).partition(". ")[0].rstrip(".")


def _uneven(given: Any) -> str | None:
    """Say which row of a list of lists has another length than the first."""
    if not isinstance(given, (list, tuple)) or not all(isinstance(row, (list, tuple, np.ndarray)) for row in given):
        return None
    lengths = [len(row) for row in given]
    other = next((row for row, length in enumerate(lengths) if length != lengths[0]), None)
    if other is None:
        return None
    return f"row 0 has {several(lengths[0], 'number')} and row {other} has {lengths[other]}, and all must have as many"


def _require_numbers(name: str, array: NDArray[Any], names: tuple[str, ...] | None) -> None:
    """Refuse an array of anything but real numbers and flags."""
    kind = array.dtype.kind
    if kind in "biuf":
        return
    if array.size == 0:
        raise DataError(f"{name} has dtype {array.dtype} and shape {array.shape}; give at least one number.")
    first = next((at for at, value in enumerate(array.flat) if not _is_real(value)), None) if kind == "O" else 0
    if first is None:
        raise DataError(f"{name} has dtype object, though all it holds are numbers: give {name}.astype(float).")
    index = np.unravel_index(first, array.shape)
    known = names if array.ndim == 2 else None
    where = place(int(index[0]), int(index[-1]), known) if array.ndim > 1 else f"row {int(index[0])}, counted from 0"
    value = array[tuple(index)]
    mend = {
        "c": "give its real and its imaginary part as two columns",
        "M": "give a time as a number, such as days since a day",
        "m": "give a time as a number, such as seconds",
        "V": "give its fields as columns of one dtype",
    }.get(kind, "give numbers, such as one column of 0 and 1 for each value that a text can have")
    raise DataError(f"{name} has {shortened(_plain(value))} in {where}, and dtype {array.dtype}: {mend}.")


def _is_real(value: Any) -> bool:
    return isinstance(value, (Real, np.bool_))


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, (np.str_, np.bytes_, np.complexfloating)) else value


def _dtype_for(array: Any) -> np.dtype[Any]:
    """Return the dtype in which ravine keeps the numbers of an array, or of the values of a sparse matrix."""
    dtype = array.dtype
    for kept in (np.dtype(np.uint8), np.dtype(np.float32), np.dtype(np.float64)):
        if dtype.newbyteorder("=") == kept:
            return kept
    if dtype.kind == "f":
        return np.dtype(np.float32 if dtype == np.float16 else np.float64)
    exact = dtype.kind == "b" or dtype.itemsize <= 2 or (array.min() >= -_EXACT and array.max() <= _EXACT)
    return np.dtype(np.float32 if exact else np.float64)


def _reshaped(name: str, ndim: int) -> str:
    return (
        f"{name}.reshape(1, -1) is one sample, {name}.reshape(-1, 1) one feature"
        if ndim == 1
        else (f"{name}.reshape(len({name}), -1) has one row a sample")
    )


def _blocks(array: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield the rows of floats some at a time, with the number of the first; nothing of bytes, which are finite."""
    if array.dtype.kind != "f":
        return
    step = max(1, _BLOCK // array.shape[1])
    for first in range(0, len(array), step):
        yield first, array[first : first + step]


# ------------------------------------------------------------------------------------------------------------
# Compressed sparse rows


def _compressed(name: str, given: Any) -> Any:
    """Return a sparse matrix as a canonical CSR array, whose arrays are read-only views."""
    from scipy import sparse

    if given.ndim != 2:
        raise DataError(f"{name} has shape {given.shape}; a sparse matrix must be (samples, features).")
    if given.dtype.kind not in "biuf":
        raise DataError(f"{name} is a sparse matrix of dtype {given.dtype}; it must hold real numbers, as float32.")
    count, width = given.shape
    if count == 0 or width == 0:
        raise DataError(f"{name} has shape {given.shape}, and so no number; give at least one sample and one feature.")
    _require_width(name, width)
    matrix = given if given.format == "csr" else given.tocsr()
    starts, columns, values = map(np.ascontiguousarray, (matrix.indptr, matrix.indices, matrix.data))
    _check_starts(name, starts, count, len(columns), len(values))
    columns, values = columns[: starts[-1]], values[: starts[-1]]
    _check_columns(name, starts, columns, width)
    values = values.astype(_dtype_for(values) if len(values) else np.float32, copy=False)
    for first in range(0, len(values), _BLOCK):
        finite = np.isfinite(values[first : first + _BLOCK])
        if not finite.all():
            at = first + int(np.argmin(finite))
            raise _not_finite(name, values[at], row_of(starts, at), int(columns[at]))
    found = sparse.csr_array((values, columns, starts), shape=(count, width))
    found.data, found.indices, found.indptr = map(read_only, (found.data, found.indices, found.indptr))
    # SciPy need not look again, and would sort in place.
    found.has_sorted_indices = found.has_canonical_format = True
    return found


def row_of(starts: NDArray[Any], at: int) -> int:
    """Return the row of a stored value."""
    return int(np.searchsorted(starts, at, side="right")) - 1


def _check_starts(name: str, starts: NDArray[Any], count: int, columns: int, values: int) -> None:
    if len(starts) != count + 1:
        raise DataError(
            f"{name}.indptr has {len(starts)} numbers; {several(count, 'row')} need {count + 1}: {_REBUILD}."
        )
    if starts[0] != 0:
        raise DataError(f"{name}.indptr begins with {starts[0]}; it must begin with 0: {_REBUILD}.")
    falls = np.flatnonzero(starts[1:] < starts[:-1])
    if len(falls):
        row = int(falls[0])
        raise DataError(
            f"{name}.indptr falls from {starts[row]} to {starts[row + 1]} in row {row}, counted from 0; it must ascend:"
            f" {_REBUILD}."
        )
    if columns != values or starts[-1] > values:
        raise DataError(
            f"{name} is a damaged CSR matrix: it has {several(values, 'value')}, {several(columns, 'column')}, and an "
            f"indptr that ends with {starts[-1]}: {_REBUILD}."
        )


def _check_columns(name: str, starts: NDArray[Any], columns: NDArray[Any], width: int) -> None:
    """Refuse columns that are outside the matrix, and rows whose columns do not ascend."""
    begins = starts[1:-1]
    for first in range(0, len(columns), _BLOCK):
        block = columns[first : first + _BLOCK + 1]  # one more, to compare with
        outside = (block < 0) | (block >= width)
        if outside.any():
            at = first + int(np.argmax(outside))
            raise DataError(
                f"{name} has the column {columns[at]} in row {row_of(starts, at)}, counted from 0; its columns are 0 "
                f"to {width - 1}: {_REBUILD}."
            )
        wrong = block[1:] <= block[:-1]
        # The first value of a row is not compared with the last of the row before.
        own = begins[(begins > first) & (begins < first + len(block))] - first - 1
        wrong[own] = False
        if wrong.any():
            at = first + int(np.argmax(wrong))
            here = f"row {row_of(starts, at)}, counted from 0"
            if columns[at] == columns[at + 1]:
                raise DataError(f"{name} has column {columns[at]} twice in {here}: call {name}.sum_duplicates() first.")
            raise DataError(
                f"{name} has column {columns[at + 1]} after column {columns[at]} in {here}: call {name}.sort_indices() "
                "first."
            )

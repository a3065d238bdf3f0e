"""Sample weights from outside: one number a sample, by which its loss is multiplied while a network is trained."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ravine.data.features import first_sentence, is_sparse, read_only
from ravine.errors import DataError, shortened
from ravine.words import several

_NAME = "sample_weights"


def sample_weights_of(given: Any, count: int) -> NDArray[np.float64] | None:
    """Return the weights of `count` samples, (b,) float64, read-only; None if there are none, or if all are 1.

    Raises:
        DataError: they are not one finite number of 0 or more for each sample, or all are 0; the message names the row,
            the value and the mend.

    >>> sample_weights_of([1, 0.5, 0], 3)
    array([1. , 0.5, 0. ])
    """
    if given is None:
        return None
    if isinstance(given, np.ma.MaskedArray) or is_sparse(given):
        form, mend = ("sparse matrix", "toarray().ravel()") if is_sparse(given) else ("masked array", "filled(0)")
        raise DataError(f"{_NAME} are a {form}; give a plain array with one number a sample, as {_NAME}.{mend}.")
    try:
        array = np.asarray(given)
    except (ValueError, TypeError, OverflowError) as error:
        raise DataError(f"{_NAME} are no array of numbers: {first_sentence(error)}.") from None
    if array.ndim == 0:
        raise DataError(
            f"{_NAME} are {shortened(given)}; they must be one number a sample, in shape ({count},): for a weight a "
            "class, give table[y], where table is an array of these."
        )
    if array.ndim > 1:
        mend = f"give {_NAME}.ravel()" if array.size == count else "all targets of a sample have one weight"
        raise DataError(f"{_NAME} have shape {array.shape}; they must be ({count},), one number a sample: {mend}.")
    if len(array) != count:
        raise DataError(
            f"{_NAME} have {several(len(array), 'number')}, and X has {several(count, 'row')}; give one for each row."
        )
    _require_numbers(array)
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused below
        weights = array.astype(np.float64) + 0.0  # which makes 0 of -0: equal data have equal digests
    wrong = ~(np.isfinite(weights) & (weights >= 0))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"{_NAME} have {weights[row]:g} in row {row}, counted from 0, and must be finite and 0 or more: give 0 if "
            "the sample is to be left out of the loss."
        )
    if not weights.any():
        raise DataError(f"{_NAME} are all 0, so no sample would be trained on: give some of them a number above 0.")
    return None if (weights == 1).all() else read_only(weights)


def _require_numbers(array: NDArray[Any]) -> None:
    """Refuse an array of anything but real numbers and flags."""
    kind = array.dtype.kind
    if kind in "biuf":
        return
    row = 0 if kind != "O" else next((row for row, value in enumerate(array) if not _is_real(value)), None)
    if row is None:
        raise DataError(f"{_NAME} have dtype object, though all they hold are numbers: give {_NAME}.astype(float).")
    value = array[row].item() if isinstance(array[row], np.generic) else array[row]
    mend = "give the size of each, or its real part" if kind == "c" else "give a number of 0 or more for each sample"
    raise DataError(f"{_NAME} have {shortened(value)} in row {row}, counted from 0, and dtype {array.dtype}: {mend}.")


def _is_real(value: Any) -> bool:
    return isinstance(value, (Real, np.bool_))

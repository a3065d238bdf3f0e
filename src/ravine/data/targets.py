"""Class targets from outside: whole numbers, flags or texts become class numbers, and their names are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ravine.data.features import first_sentence, is_sparse, read_only
from ravine.errors import ConfigError, DataError, beginning, shortened
from ravine.words import several


def numbers_of(name: str, given: Any, count: int, of: str, whole: bool = False) -> NDArray[Any] | None:
    """Return targets that are numbers, (b, k) float64, read-only; None if they are not floats nor rows of numbers.

    With `whole`, whole numbers (b,) are numbers too, and not classes.

    Raises:
        DataError: a number is not finite, or there are not as many rows as samples.
    """
    if isinstance(given, np.ma.MaskedArray) or is_sparse(given):
        return None
    try:
        array = np.asarray(given)
    except (ValueError, TypeError, OverflowError):
        return None
    kinds = "fbiu" if array.ndim == 2 else "fiu" if whole else "f"
    if array.size == 0 or array.ndim not in (1, 2) or array.dtype.kind not in kinds:
        return None
    rows = np.array(array, np.float64, ndmin=1).reshape(len(array), -1)
    if len(rows) != count:
        raise DataError(
            f"{name} has {several(len(rows), 'target')}, and {of} has {several(count, 'row')}; give one for each row."
        )
    wrong = ~np.isfinite(rows)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        where = f"row {row}" if array.ndim == 1 else f"row {row}, column {column}"
        raise DataError(
            f"{name} has {rows[row, column]} in {where}, counted from 0: leave the sample out, or fill it in."
        )
    return read_only(rows)


def targets_of(name: str, given: Any, count: int, of: str) -> NDArray[Any]:
    """Return targets as an array of whole numbers, flags or texts, (b,).

    Args:
        name: their name in messages.
        given: one target for each sample.
        count: the number of samples.
        of: the name of the features.

    Raises:
        DataError: they are something else, or not as many as there are samples.
    """
    if isinstance(given, np.ma.MaskedArray) or is_sparse(given):
        form = "sparse matrix" if is_sparse(given) else "masked array"
        raise DataError(f"{name} is a {form}; give the class of each sample, as a plain array.")
    try:
        array = np.asarray(given)
    except (ValueError, TypeError, OverflowError) as error:
        raise DataError(f"{name} is no array of classes: {first_sentence(error)}.") from None
    if array.ndim == 0:
        raise DataError(f"{name} is {shortened(given)}; it must have the class of each sample, in shape ({count},).")
    if array.ndim > 1:
        mend = f"{name}.ravel()" if array.size == len(array) else f"{name}.argmax(axis=1), if it has a column a class"
        raise DataError(f"{name} has shape {array.shape}; it must be ({count},), one class a sample: give {mend}.")
    if len(array) != count:
        raise DataError(
            f"{name} has {several(len(array), 'target')}, and {of} has {several(count, 'row')}; give one for each row."
        )
    return _classes(name, array)


def _classes(name: str, array: NDArray[Any]) -> NDArray[Any]:
    kind = array.dtype.kind
    if kind in "biuU":
        return array
    if kind == "f":
        # A target that is not finite is named first: it is a fault in any kind of target.
        wrong = ~np.isfinite(array)
        row = int(np.argmax(wrong)) if wrong.any() else int(np.argmax(array != np.round(array)))
        whole = not wrong.any() and array[row] == round(float(array[row]))
        mend = f"give {name}.astype(int)" if whole else "classes are whole numbers, flags or texts"
        raise DataError(f"{name} has {array[row]} in row {row}, counted from 0, and dtype {array.dtype}: {mend}.")
    if kind == "O":
        kinds = [_kind_of(value) for value in array]
        row = next((row for row, each in enumerate(kinds) if each is None or each is not kinds[0]), -1)
        if row < 0:
            return _as(name, array, kinds[0])
        before = "" if kinds[row] is None else f", and {shortened(array[0])} in row 0"
        raise DataError(
            f"{name} has {shortened(array[row])} in row {row}, counted from 0{before}: classes are all whole "
            "numbers, all flags, or all texts."
        )
    raise DataError(
        f"{name} has dtype {array.dtype}, with {shortened(array[0])} in row 0: classes are whole numbers, flags or "
        "texts."
    )


def _as(name: str, array: NDArray[Any], kind: Any) -> NDArray[Any]:
    """Return objects of one kind as an array of that kind."""
    try:
        return array.astype(kind)
    except OverflowError:
        row = next(row for row, value in enumerate(array) if not -(2**63) <= value < 2**63)
        raise DataError(
            f"{name} has {shortened(array[row])} in row {row}, counted from 0, which has more than 64 bits: give "
            "classes as texts."
        ) from None


def _kind_of(value: Any) -> type | None:
    for kind, known in ((bool, (bool, np.bool_)), (int, (int, np.integer)), (str, str)):
        if isinstance(value, known):
            return kind
    return None


def names_of(name: str, given: Any, of: str) -> tuple[str, ...]:
    """Return names that were given in a list, or in something that NumPy reads as one."""
    names = given if isinstance(given, (list, tuple, range)) else np.asarray(given)
    if isinstance(names, np.ndarray) and names.ndim != 1:
        raise ConfigError(f"{name} is {shortened(given)}; it must be a list with one name for each {of}.")
    return tuple(map(str, names))


def class_names_of(given: Any) -> tuple[str, ...]:
    """Return class names that were given, one a class; they must differ."""
    names = names_of("class_names", given, "class")
    if not names:
        raise ConfigError("class_names is empty; it must have one name for each class.")
    if len(set(names)) < len(names):
        twice = next(name for number, name in enumerate(names) if name in names[:number])
        raise ConfigError(f"class_names has {twice!r} twice; give each class a name of its own.")
    return names


@dataclass(frozen=True, eq=False)
class Classes:
    """The classes of a data set.

    Attributes:
        names: one name a class; the place of a name is the number of its class.
        values: the target that stands for each class, in the same order.
    """

    names: tuple[str, ...]
    values: NDArray[Any]

    def numbers(self, name: str, targets: NDArray[Any]) -> NDArray[Any]:
        """Return targets as class numbers, (b,), in the smallest dtype that has them all.

        Raises:
            DataError: a target is none of the classes.
        """
        if (self.values.dtype.kind == "U") != (targets.dtype.kind == "U"):
            raise DataError(
                f"{name} has {shortened(_plain(targets[0]))} in row 0, and classes are given as "
                f"{shortened(_plain(self.values[0]))}: give all in one way."
            )
        order = np.argsort(self.values, kind="stable")
        ascending = self.values[order]
        at = np.minimum(np.searchsorted(ascending, targets), len(ascending) - 1)
        wrong = ascending[at] != targets
        if wrong.any():
            row = int(np.argmax(wrong))
            raise DataError(
                f"{name} has the class {shortened(_plain(targets[row]))} in row {row}, counted from 0, and the classes "
                f"to train on are {_some(self.values)}: leave the row out, or train on samples of this class too."
            )
        dtype = np.uint8 if len(self.names) <= 2**8 else np.uint16 if len(self.names) <= 2**16 else np.int32
        return read_only(order[at].astype(dtype))


def classes_in(name: str, targets: NDArray[Any], names: tuple[str, ...] | None) -> tuple[Classes, NDArray[Any]]:
    """Return the classes of training targets, and these as class numbers, (b,).

    Without names, the classes are the values that occur, in ascending order. With names, a text must be one of them,
    and a whole number or a flag is the place of one, counted from 0.

    Raises:
        DataError: a target is no class, or a class does not occur.
    """
    if names is None:
        values = np.unique(targets)
        classes = Classes(tuple(map(str, values.tolist())), values)
        return classes, classes.numbers(name, targets)
    if targets.dtype.kind != "U" and targets.max() >= len(names):
        raise DataError(
            f"{name} has the class {targets.max()}, counted from 0, and class_names has {several(len(names), 'name')}: "
            "give one for each class."
        )
    classes = Classes(names, np.array(names) if targets.dtype.kind == "U" else np.arange(len(names)))
    numbers = classes.numbers(name, targets)
    missing = np.flatnonzero(np.bincount(numbers, minlength=len(names)) == 0)
    if len(missing):
        k = int(missing[0])
        raise DataError(
            f"class {k} ({beginning(names[k])!r}) has no sample in {name}, the targets to train on: give samples of "
            "it, or leave its name out."
        )
    return classes, numbers


def _some(values: NDArray[Any]) -> str:
    first = ", ".join(beginning(str(value)) for value in values[:8].tolist())
    return first if len(values) <= 8 else f"{first} and {len(values) - 8:,} more"


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value

"""A data set from arrays: whatever a user has in memory becomes a `Dataset`, or one sentence says why it cannot."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from ravine.arrays import Array
from ravine.data.datasets import Dataset, Split, whole
from ravine.data.digest import digest_of
from ravine.data.features import Read, features_of
from ravine.data.info import GivenInfo
from ravine.data.targets import Classes, class_names_of, classes_in, names_of, numbers_of, targets_of
from ravine.data.weights import sample_weights_of
from ravine.errors import ConfigError, DataError, beginning, shortened
from ravine.inputs import convert, plain
from ravine.words import several

IMAGES = 255.0
"""The scale of bytes, unless another one is given: they are taken for the pixels of images."""


def dataset(
    X: Any,
    y: Any,
    *,
    test: tuple[Any, Any] | None = None,
    class_names: Sequence[str] | None = None,
    feature_names: Sequence[str] | None = None,
    shape: tuple[int, int] | None = None,
    scale: float | None = None,
    numbers: bool = False,
    sample_weights: Any = None,
) -> Dataset:
    """Return a data set from arrays, to train on with `ravine.train(data=...)`.

    Features that are uint8, float32 or float64 in a C-contiguous array, or in a canonical CSR matrix of SciPy, are used
    in place, so do not change them afterwards. Flags and float16 become float32; whole numbers become float32 if it has
    all of them, else float64. Other sparse matrices are converted to CSR. Data frames, lists of lists and whatever else
    NumPy reads are read as arrays.

    Args:
        X: features, (samples, features), or (samples, rows, columns) for images.
        y: the class of each sample, (samples,): whole numbers, flags or texts. The classes are the values that occur,
            in ascending order, and have these values as names. Or the numbers that are to be predicted: floats,
            (samples,), or one row of numbers or flags a sample, (samples, targets).
        test: features and targets of other samples, (X_test, y_test), on which a run is judged.
        class_names: a name for each class; `y` has numbers from 0, or these names.
        feature_names: a name for each feature; those of the columns of a data frame if None.
        shape: rows and columns of an image, if the samples are images in one row each.
        scale: an input of the network is a feature over this number. Only bytes (uint8) have one, 255 if None, as
            pixels do; give 1 if they are numbers of another kind.
        numbers: whether whole numbers in `y` are numbers to be predicted, such as counts, and not classes.
        sample_weights: (samples,) finite numbers of 0 or more, not all 0, by which the losses of the samples to train
            on are multiplied. With weights w the loss of a batch of m samples is sum_b w_b L_b / m, as in Keras. The
            sum of the weights is no divisor, as it is in PyTorch's losses with `weight=` and in scikit-learn's
            averages: so the gradient of a batch is that of all samples in the mean, whatever the batch. Weights of mean
            1 leave the scale of the learning rate as it is. They weigh the training loss and its gradient, and nothing
            else: validation and test losses and all scores count each sample once.

    Raises:
        ConfigError: an argument is not allowed.
        DataError: X, y or the weights are not as they must be; the message names the row, the column, the value and the
            mend.

    >>> data = dataset([[0.5, 1.0], [2.0, 0.0], [1.5, 0.0]], ["no", "yes", "yes"])
    >>> data.train.features.shape, data.train.targets.tolist(), data.info.class_names
    ((3, 2), [0, 1, 1], ('no', 'yes'))

    A weight for each class, here the inverse of its share, so that both classes weigh the same:

    >>> y = np.array([0, 1, 1, 1])
    >>> table = len(y) / (2 * np.bincount(y))
    >>> dataset([[0.5], [2.0], [1.5], [1.0]], y, sample_weights=table[y]).train.sample_weights.round(2).tolist()
    [2.0, 0.67, 0.67, 0.67]
    """
    try:
        return _dataset(X, y, test, class_names, feature_names, shape, scale, numbers, sample_weights)
    except MemoryError:
        raise DataError(
            "the memory does not suffice to bring X into the form that ravine reads: give fewer samples, "
            "float32, or a CSR array of scipy.sparse."
        ) from None


def is_unchanged(data: Dataset) -> bool:
    """Tell whether the arrays of a data set still hold what its digest stands for; those of the catalog always do."""
    info = data.info
    return not isinstance(info, GivenInfo) or info.digest == digest_of(
        data.train, data.test, info.class_names, info.shape
    )


def value_of(data: Any, numbers: bool = False) -> Dataset:
    """Return what is given as data: a `Dataset`, (X, y), or (X, y, X_test, y_test).

    With `numbers`, whole numbers in y are numbers and not classes.

    Raises:
        ConfigError: it is none of these, or a data set that was put together by hand.
    """
    if isinstance(data, Dataset):
        if not data.is_whole:
            raise ConfigError(
                "data is a Dataset that was changed, or put together by hand: give what ravine.dataset or "
                "ravine.load_data returns."
            )
        return data
    if isinstance(data, (tuple, list)) and len(data) in (2, 4):
        return dataset(data[0], data[1], test=None if len(data) == 2 else (data[2], data[3]), numbers=numbers)
    kind = (
        f"{type(data).__name__} of {several(len(data), 'part')}" if isinstance(data, (tuple, list)) else shortened(data)
    )
    raise ConfigError(f"data is {kind}; it must be (X, y), or (X, y, X_test, y_test), or what ravine.dataset returns.")


def _dataset(
    X: Any,
    y: Any,
    test: Any,
    class_names: Any,
    feature_names: Any,
    shape: Any,
    scale: Any,
    as_numbers: Any,
    sample_weights: Any,
) -> Dataset:
    if test is not None and not (isinstance(test, (tuple, list)) and len(test) == 2):
        raise ConfigError(f"test is {shortened(test)}; it must be (X_test, y_test), or None if there is no test set.")
    as_numbers = convert(plain(as_numbers), bool, "numbers")
    read = features_of("X", X)
    count, width = read.features.shape
    names = None if class_names is None else class_names_of(class_names)
    found = numbers_of("y", y, count, "X", as_numbers)
    if found is not None and names is not None:
        raise ConfigError("class_names are given, and y has numbers, which are no classes: leave the names out.")
    classes = None
    if found is None:
        classes, found = classes_in("y", targets_of("y", y, count, "X"), names)
    divisor = _scale(scale, read.features.dtype)
    train = Split(read.features, found, divisor, sample_weights_of(sample_weights, count))
    tested = None
    if test is not None:
        other = features_of("X_test", test[0])
        _require_alike(read, other)
        tested = Split(
            other.features, _test_targets(test[1], other.features.shape[0], classes, found, as_numbers), divisor
        )
    image = _shape(shape, width) or read.shape
    class_names = () if classes is None else classes.names
    info = GivenInfo(
        digest=digest_of(train, tested, class_names, image),
        width=width,
        class_names=class_names,
        numbers=found.shape[1] if classes is None else 0,
        train_count=count,
        test_count=0 if tested is None else len(tested.targets),
        dtype=read.features.dtype.name,
        sparse=not isinstance(read.features, np.ndarray),
        scale=divisor,
        shape=image,
        feature_names=_feature_names(feature_names, width) or read.names,
        weighted=train.sample_weights is not None,
    )
    return whole(Dataset(info, train, tested))


def _test_targets(given: Any, count: int, classes: Classes | None, trained: Array, as_numbers: bool) -> Array:
    """Return the targets of the test set, which are of the kind of those that are trained on."""
    if classes is not None:
        return classes.numbers("y_test", targets_of("y_test", given, count, "X_test"))
    numbers = numbers_of("y_test", given, count, "X_test", as_numbers)
    if numbers is None or numbers.shape[1] != trained.shape[1]:
        has = "classes" if numbers is None else several(numbers.shape[1], "target")
        raise DataError(
            f"y_test has {has} for each sample, and y has {several(trained.shape[1], 'number')}: give both alike."
        )
    return numbers


def _scale(given: Any, dtype: np.dtype[Any]) -> float:
    """Return the number by which features are divided."""
    scale = plain(given)
    if scale is None:
        return IMAGES if dtype == np.uint8 else 1.0
    if isinstance(scale, bool) or not isinstance(scale, (int, float)) or not 0 < scale <= sys.float_info.max:
        raise ConfigError(f"scale is {shortened(given)}; it must be a number above 0, by which bytes are divided.")
    if dtype != np.uint8 and scale != 1:
        raise ConfigError(
            f"scale is {scale:g}, and X has dtype {dtype}: only bytes (uint8) have one; divide X yourself."
        )
    return float(scale)


def _shape(given: Any, width: int) -> tuple[int, int] | None:
    shape = plain(given)
    if shape is None:
        return None
    if (
        not isinstance(shape, (tuple, list))
        or len(shape) != 2
        or not all(type(one) is int and one > 0 for one in shape)
    ):
        raise ConfigError(f"shape is {shortened(given)}; it must be rows and columns of an image, as (28, 28).")
    if shape[0] * shape[1] != width:
        raise ConfigError(
            f"shape is {shape[0]} x {shape[1]}, which is {shape[0] * shape[1]:,} numbers, and a sample of X has "
            f"{width:,}: give the rows and columns of one image."
        )
    return shape[0], shape[1]


def _feature_names(given: Any, width: int) -> tuple[str, ...] | None:
    if given is None:
        return None
    names = names_of("feature_names", given, "column of X")
    if len(names) != width:
        raise ConfigError(
            f"feature_names has {several(len(names), 'name')}, and X has {several(width, 'column')}; give one for each."
        )
    return names


def _require_alike(train: Read, test: Read) -> None:
    """Check that test features are of the kind of those to train on."""
    a, b = train.features, test.features
    if b.shape[1] != a.shape[1]:
        raise DataError(
            f"X_test has {several(b.shape[1], 'column')}, and X has {a.shape[1]:,}; give the same features."
        )
    if (a.dtype == np.uint8) != (b.dtype == np.uint8):
        raise DataError(
            f"X_test has dtype {b.dtype} and X has {a.dtype}, and bytes (uint8) are divided by a scale: give both in "
            "one dtype."
        )
    if train.names is not None and test.names is not None and train.names != test.names:
        column = next(k for k, pair in enumerate(zip(train.names, test.names, strict=True)) if pair[0] != pair[1])
        raise DataError(
            f"column {column} is {beginning(test.names[column])!r} in X_test and {beginning(train.names[column])!r} in "
            "X: give the columns in one order."
        )

"""The validation split: which training samples a run holds out, to choose settings on."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ravine.errors import ConfigError, shortened

_STREAM = 2
"""The stream of a seed that draws the split; those of initial weights and shuffles are in `training/seeds.py`."""


def samples_of(given: int | float, total: int) -> int:
    """Return how many of `total` training samples a validation split has; 0 means that there is none.

    >>> samples_of(10_000, 60_000), samples_of(0.1, 60_000), samples_of(0, 60_000)
    (10000, 6000, 0)

    Args:
        given: a whole number of samples, or a share of them below 1, which is rounded to whole samples.
        total: the number of training samples.

    Raises:
        ConfigError: it is neither, or one of the two splits would have no sample.
    """
    number = isinstance(given, (int, float, np.integer, np.floating)) and not isinstance(given, bool)
    whole = isinstance(given, (int, np.integer))
    if not number or not (given >= 0 if whole else 0 <= given < 1):
        point = ""
        if number and not whole and math.isfinite(given) and given >= 1 and given == int(given):
            point = ", written without a point"
        raise ConfigError(
            f"validation is {shortened(given)}; it must be a number of samples, 1 or more{point}, a share of them "
            "below 1, or 0 for none."
        )
    count = int(given) if whole else round(float(given) * total)
    if given > 0 and count == 0:
        raise ConfigError(f"validation is {given:g}, which is less than one of {total:,} samples; give more.")
    if count >= total:
        raise ConfigError(
            f"validation is {shortened(given)}, and of {total:,} training samples none would be left to train on; "
            "give less."
        )
    return count


def held_out(labels: ArrayLike, count: int, seed: int) -> NDArray[np.bool_]:
    """Draw a validation split with each class in its share; return which samples it has, (b,) bool.

    Class k with n_k of the n samples gives n_k count / n, rounded down; the classes with the largest remainders give
    one sample more each until there are `count`, of equal ones the lower class first. So no class is off its share by a
    whole sample, and with few samples a class may have none. A class gives those of its samples that come first in a
    shuffle of all samples.

    The split is a function of the labels, the count and the seed alone: the seed of a run has no part in it.

    >>> int(held_out([0, 0, 0, 0, 1, 1], 3, seed=0).sum())
    3

    Args:
        labels: the classes of the training samples, (b,), whole numbers from 0; of floats, (b, ..), all are alike.
        count: the number of samples to hold out, from 1 to b - 1.
        seed: a whole number of 0 or more.

    Raises:
        ConfigError: the count is not allowed.
    """
    classes = np.asarray(labels)
    if classes.dtype.kind == "f":  # numbers have no classes: every sample is of one
        classes = np.zeros(len(classes), np.int64)
    count = samples_of(count, len(classes))
    sizes = np.bincount(classes)
    quotas, remainders = np.divmod(sizes.astype(np.int64) * count, len(classes))
    quotas[np.argsort(-remainders, kind="stable")[: count - quotas.sum()]] += 1
    shuffle = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_STREAM,))).permutation(len(classes))
    # The shuffle, class after class; within a class it keeps its order.
    by_class = shuffle[np.argsort(classes[shuffle], kind="stable")]
    place_in_class = np.arange(len(classes)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    held = np.zeros(len(classes), bool)
    held[by_class[place_in_class < np.repeat(quotas, sizes)]] = True
    return held

"""Hints about data: features and targets of a bad size, targets that are all alike or sorted, a mean out of reach."""

from __future__ import annotations

import math

import numpy as np

from ravine.errors import beginning
from ravine.formulas.intervals import ends
from ravine.formulas.loss import FLAGS
from ravine.training.facts import Facts
from ravine.training.learned import best_before

_LARGE = 100
"""Numbers of more than this size are large for a network, whose initial weights are made for numbers of size 1."""

_SMALL = 0.01
"""Numbers of less than this size are small."""

_APART = 1000
"""A column that is larger than the usual one by this factor is all that a network sees."""

_MOST = 0.9
"""Targets that this share of the samples have drown the others; so do the last ones of an epoch."""

_DEAR = 2
"""The mean is far from 0 if outputs of 0 have a loss that is larger by this factor than that of constant ones."""


def equal_targets(facts: Facts) -> str | None:
    """Say that all training samples, or nearly all, have the same targets."""
    targets, share = facts.common
    told = f"target{'s' if ',' in targets else ''} {targets}"
    if share == 1:
        all_of = "All training samples with a weight above 0" if facts.weighted else "All training samples"
        return f"{all_of} have the {told}: there is nothing to tell apart. Train on several."
    if share >= _MOST:
        what = "weight of the training samples is that of those with" if facts.weighted else "training samples have"
        return f"{100 * share:.0f} % of the {what} the {told}; give others a larger share."
    return None


def sorted_targets(facts: Facts) -> str | None:
    """Say that the order of training is sorted by target."""
    targets, share = facts.last
    if share < _MOST:
        return None
    return (
        f"The last training samples nearly all have targets of {targets}, as only a fifth of all samples have, which "
        "pushes out the others; shuffle the order."
    )


def sizes(facts: Facts) -> str | None:
    """Say which features and targets are too large, too small or too far from 0, and by what to divide them."""
    said = [part for part in (_features(facts), _targets(facts)) if part is not None]
    return " ".join(said) or None


def _features(facts: Facts) -> str | None:
    seen = facts.features
    if seen is None or not seen.sizes.any():
        return None
    there = np.flatnonzero(seen.sizes)
    usual, top = float(np.median(seen.sizes[there])), int(seen.sizes.argmax())
    size, most = seen.sizes[top], min(_LARGE, _APART * usual)
    large = np.count_nonzero(seen.sizes > most)
    column = _column(facts, top)
    if size < _SMALL:
        return (
            f"All features are small; the largest, {column}, is about {_about(size, 2)} in size: {_mend(facts, None)}."
        )
    if not large:
        return None
    if large > 1:
        many = f"{large:,} of {len(seen.sizes):,} columns are large; the largest, {column}, is about"
        return f"{many} {_about(size, 2)} in size: {_mend(facts, None)}."
    others = f", and most other columns about {_about(usual, 2)}" if len(there) > 1 else ""
    mend = _mend(facts, top if size > _LARGE else None)
    return f"{column[0].upper()}{column[1:]} is about {_about(size, 2)} in size{others}: {mend}."


def _column(facts: Facts, column: int) -> str:
    assert facts.given is not None
    names = facts.given.feature_names
    return f"column {column} ({'counted from 0' if names is None else repr(beginning(names[column]))})"


def _mend(facts: Facts, column: int | None) -> str:
    """Return how to bring a column, or all of them, to a good size."""
    given, seen = facts.given, facts.features
    assert given is not None
    assert seen is not None
    if given.dtype == "uint8":
        return f"give scale={seen.largest.max() * given.scale:g} to ravine.dataset, by which its bytes are divided"
    if given.sparse:
        return (
            "divide each column by its largest size"
            if column is None
            else (f"divide it by its largest size, {_about(seen.largest[column])}")
        )
    if column is None:
        return "subtract from each column its mean, and divide it by its standard deviation"
    return f"{_standardized('it', 'its', seen.means[column], seen.spreads[column])}"


def _standardized(it: str, its: str, mean: float, spread: float) -> str:
    if abs(mean) < 0.1 * spread:
        return f"divide {it} by {its} standard deviation, {_about(spread)}"
    divided = f", and divide {it} by {its} standard deviation, {_about(spread)}" if spread > 0 else ""
    return f"subtract {its} mean, {_about(mean)}{divided}"


def _targets(facts: Facts) -> str | None:
    seen, loss = facts.targets, facts.network.objective
    low, high = (-math.inf, math.inf) if loss.targets == FLAGS else ends(loss.targets)
    if seen is None or high < math.inf or low not in (-math.inf, 0):
        return None
    far = (np.abs(seen.means) > _LARGE * seen.spreads) & (seen.spreads > 0)
    small = (seen.sizes < _SMALL) & (seen.sizes > 0) & (loss.prediction is None)
    bad = np.flatnonzero((seen.sizes > _LARGE) | far | small)
    if not len(bad):
        return None
    output = int(bad[seen.sizes[bad].argmax()])
    mean, spread = float(seen.means[output]), float(seen.spreads[output])
    of = f" of output {output} (counted from 0)" if len(seen.sizes) > 1 else ""
    if low == 0:
        return f"The targets{of} are about {_about(mean)} in the mean: divide them by that."
    return (
        f"The targets{of} are about {_about(mean)} in the mean, with a standard deviation of {_about(spread)}: "
        "subtract the mean and divide by the standard deviation, and undo both in what is predicted."
    )


def without_bias(facts: Facts) -> str | None:
    """Say that the outputs cannot reach the mean of the targets without a bias."""
    if facts.spec.bias or facts.kind == "classes" or best_before(facts) is not None:
        return None
    least, constant = float(facts.trained.least.mean()), float(facts.trained.constant.mean())
    if not facts.zero_loss - least > _DEAR * (constant - least):
        return None
    return (
        f"Outputs of 0 have a loss of {facts.zero_loss:.3g}, and the best constant ones {constant:.3g}, which a "
        "network without biases hardly gives; train with bias=True."
    )


def _about(number: float, digits: int = 4) -> str:
    """Return a number in a few digits.

    >>> _about(41234.5), _about(41234.5, 2), _about(1.2), _about(3e-5), _about(2e12)
    ('41,230', '41,000', '1.2', '3e-05', '2e+12')
    """
    plain = 1e-3 <= abs(number) < 1e9 or number == 0
    return f"{float(f'{number:.{digits}g}'):,.10g}" if plain else f"{number:.{min(3, digits)}g}"

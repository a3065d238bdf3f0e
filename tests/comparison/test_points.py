"""The points of a search: even, a function of the problem and the seed alone, and the same for ever."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from comparison_cases import TOY

from ravine.comparison.points import MOST_AXES, MOST_TRIALS, points


@pytest.mark.parametrize("count", [4, 16, 256, MOST_TRIALS])
@pytest.mark.parametrize("first", [0, 1])
def test_each_of_as_many_equal_parts_of_an_axis_has_one_point(count, first):
    if (first + 1) * count > MOST_TRIALS:
        return
    found = points(TOY, 3)[first * count : (first + 1) * count]
    for axis in range(MOST_AXES):
        assert sorted(np.floor(found[:, axis] * count)) == list(range(count))


def test_points_are_between_0_and_1_and_are_not_changed():
    found = points(TOY, 0)
    assert found.shape == (MOST_TRIALS, MOST_AXES)
    assert found.min() >= 0
    assert found.max() < 1
    with pytest.raises(ValueError, match="read-only"):
        found[0, 0] = 0.5


def test_points_depend_on_what_is_trained_and_on_the_seed_alone():
    other_words = msgspec.structs.replace(TOY, name="other", title="other", target=0.9, validation=5000)
    assert np.array_equal(points(TOY, 0), points(other_words, 0))
    for changed in (
        {"epochs": 3},
        {"batch_size": 10},
        {"layers": (784, 20, 10)},
        {"bias": True},
        {"label_smoothing": 0.1},
    ):
        assert not np.array_equal(points(TOY, 0), points(msgspec.structs.replace(TOY, **changed), 0))
    assert not np.array_equal(points(TOY, 0), points(TOY, 1))
    assert points(TOY, 2**53 - 1).shape == points(TOY, 0).shape


def test_points_stay_those_that_they_are():
    # Another version of SciPy or NumPy must not draw others: stored trials would no longer be those of the plan.
    found = points(TOY, 0)[:3, :2]
    pinned = [[0.87590861, 0.82960264], [0.29093721, 0.44599574], [0.22523660, 0.71769317]]
    assert found == pytest.approx(np.array(pinned), abs=1e-7)

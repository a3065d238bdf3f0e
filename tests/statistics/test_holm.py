"""Holm's correction against a definition by rejections, and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ravine.statistics.holm import levels


def rejected(p_values, level):
    """Return which hypotheses Holm rejects, from his adjusted p-values: p_(j) times m - j, which never fall."""
    p = np.asarray(p_values)
    order = np.argsort(p)
    adjusted = np.empty(len(p))
    adjusted[order] = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    return adjusted <= level


@pytest.mark.parametrize("count", [1, 2, 3, 6, 45])
def test_rejections_are_those_of_adjusted_p_values(count):
    rng = np.random.default_rng(count)
    for _ in range(200):
        p = rng.random(count) ** rng.choice([1, 4, 12])
        for level in (0.05, 0.2):
            own = np.asarray(levels(list(p), level))
            assert list(p <= own) == list(rejected(p, level))
            assert all(level / count <= one <= level for one in own)


def test_levels_by_hand():
    assert levels([0.04, 0.001, 0.03], 0.05) == pytest.approx([0.025, 0.05 / 3, 0.025])
    assert levels([0.01, 0.01], 0.05) == pytest.approx([0.025, 0.05])  # of equal ones the earlier goes first
    assert levels([0.9], 0.05) == [0.05]
    assert levels([], 0.05) == []


def test_a_border_case_is_rejected():
    assert levels([0.025, 0.05], 0.05) == [0.025, 0.05]


def test_a_p_value_that_is_not_known_is_not_rejected_nor_are_those_behind_it():
    found = levels([float("nan"), 0.001], 0.05)
    assert found == [0.05, 0.025]
    assert not float("nan") <= found[0]


def test_any_of_ten_true_hypotheses_is_rejected_as_often_as_the_level():
    rng = np.random.default_rng(1)
    p = rng.random((4000, 10))
    errors = np.mean([np.any(row <= np.asarray(levels(list(row), 0.05))) for row in p])
    assert stats.binom.ppf(0.001, 4000, 0.049) <= errors * 4000 <= stats.binom.ppf(0.999, 4000, 0.05)


def test_each_look_turns_the_level_of_each_step():
    asked = []

    def nominal(level):
        asked.append(level)
        return level / 10

    assert levels([0.001, 0.9], 0.05, nominal) == pytest.approx([0.0025, 0.005])
    assert set(asked) == {0.025, 0.05}

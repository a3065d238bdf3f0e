"""The page of the schedules: whatever lies on the shelf is on it, with a curve that is its own."""

from __future__ import annotations

import numpy as np
import pytest

import ravine
from ravine.formulas.shelves import SCHEDULES
from schedule_pages import EPOCHS, curve, page, section, write


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_curve_is_the_schedule_s(name):
    (axes,) = curve(SCHEDULES[name]).axes
    times, factors = axes.lines[0].get_data()
    assert (times[0], times[-1]) == (0, EPOCHS)
    assert factors[0] == 1 or (SCHEDULES[name].warms_up and 0 <= factors[0] < 1)
    assert np.isfinite(factors).all()


def test_one_of_your_own_gets_all_that_ravine_s_have(tmp_path):
    @ravine.schedule(bounds={"cut": "[0, 1)"})
    def slower(share, *, cut=0.5):
        """Slower: less and less.

            eta_k = eta_0 (1 - cut a)

        Source: nobody, 2020.
        """
        return 1 - cut * share

    (tmp_path / "gone.svg").write_text("")
    write(tmp_path, [*SCHEDULES.values(), slower])
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(
        ["index.md", "slower.svg", *(f"{name}.svg" for name in SCHEDULES)]
    )
    text = "\n".join(section(slower))
    for words in ("## slower", "```text\neta_k = eta_0 (1 - cut a)\n```", "| `cut` | 0.5 | [0, 1) |", "Source: nobody"):
        assert words in text
    assert page([slower]).startswith("# Schedules\n")

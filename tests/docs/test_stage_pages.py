"""The page of the stages: whatever lies on the shelf is on it, in the order in which stages stand."""

from __future__ import annotations

import ravine
from ravine.formulas.shelves import STAGES
from stage_pages import page


def test_every_stage_is_on_the_page_in_order():
    titles = [line[3:].replace("\\", "") for line in page(STAGES.values()).splitlines() if line.startswith("## ")]
    assert sorted(titles) == sorted(STAGES)
    places = [(STAGES[title].formula.first == "step", STAGES[title].order) for title in titles]
    assert places == sorted(places)


def test_one_of_your_own_gets_all_that_ravine_s_have():
    @ravine.stage(bounds={"pull": "[0, 1)"})
    def pull(step, w, *, lr, pull=0.5):
        """Pull every weight to 0.

        step = step + lr pull w
        """
        return step + lr * pull * w

    text = page([pull])
    for words in (
        "## pull",
        "behind the optimizer",
        "```text\nstep = step + lr pull w\n```",
        "| `pull` | 0.5 | [0, 1) |",
    ):
        assert words in text

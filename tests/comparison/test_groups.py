"""Groups of optimizers that cannot be told apart."""

from __future__ import annotations

import itertools
import re

from hypothesis import given
from hypothesis import strategies as st
from outcome_cases import pair

from ravine.comparison.groups import groups
from ravine.comparison.page_parts import lanes

LABELS = [f"o{place}" for place in range(6)]
PAIRS = list(itertools.combinations(LABELS, 2))


@given(st.lists(st.sampled_from(["better", "worse", "equivalent", "undecided"]), min_size=15, max_size=15))
def test_two_share_a_group_if_and_only_if_neither_is_better(said):
    found = groups(LABELS, [pair(a, b, verdict) for (a, b), verdict in zip(PAIRS, said, strict=True)])
    for (a, b), verdict in zip(PAIRS, said, strict=True):
        assert any(a in group and b in group for group in found) == (verdict in ("equivalent", "undecided"))
    for group in found:
        assert len(group) >= 2
        assert group == sorted(group, key=LABELS.index)


def test_all_alike_are_one_group_and_all_apart_are_none():
    assert groups(LABELS, [pair(a, b, "undecided") for a, b in PAIRS]) == [LABELS]
    assert groups(LABELS, [pair(a, b, "better") for a, b in PAIRS]) == []


def test_pairs_that_are_not_judged_join_none_and_part_none():
    judged = [pair("o0", other, "better" if other > "o3" else "undecided") for other in LABELS[1:]]
    assert groups(LABELS, judged) == [["o0", "o1", "o2", "o3"]]
    assert groups(LABELS, judged[3:]) == []


def test_lines_that_overlap_lie_beside_each_other_and_others_share_a_lane():
    found = lanes([["a", "b"], ["b", "d"], ["c", "d"]], ["a", "b", "c", "d"])
    places = {
        label: [
            (match[1].split(), match[2]) for match in re.finditer(r'class="(lane[^"]*)" style="left: ([^"]*)rem', html)
        ]
        for label, html in found.items()
    }
    left, right = "0.3", "1.05"
    assert places["a"] == [(["lane", "first", "member"], left)]
    assert places["b"] == [(["lane", "last", "member"], left), (["lane", "first", "member"], right)]
    assert places["c"] == [
        (["lane"], right),
        (["lane", "first", "member"], left),
    ]  # it is passed by the line of b and d
    assert places["d"] == [(["lane", "last", "member"], right), (["lane", "last", "member"], left)]
    assert 'aria-label="group 1, 2"' in found["b"]

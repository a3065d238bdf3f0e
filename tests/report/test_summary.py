"""The findings at the head of a page."""

from __future__ import annotations

import pytest

from ravine.paper.claims import CLAIMS, TOPICS
from ravine.report.summary import Topic, evidence, headlines
from ravine.report.verdicts import ClaimFinding, JudgedClaim, verdict_of

HOLDS, FAILS = ClaimFinding("q", "1 against 2", True), ClaimFinding("q", "3 against 2", False)
OPEN, QUICK = ClaimFinding("q", "2 against 2", None, "too few seeds"), ClaimFinding("q", "-", None, "quick look")


def judged(*findings: ClaimFinding, name: str = "a") -> JudgedClaim:
    return JudgedClaim(name, "1", "It is so.", *verdict_of(list(findings)), list(findings), [], "")


@pytest.mark.parametrize(
    ("findings", "words"),
    [
        ((HOLDS,), "1 against 2"),
        ((HOLDS, FAILS), "1 against 2; 3 against 2"),
        ((HOLDS, OPEN), "1 against 2; 2 against 2"),
        ((QUICK,), ""),
        ((HOLDS, HOLDS, HOLDS), "3 of 3 measurements hold"),
        ((HOLDS, FAILS, HOLDS), "2 of 3 measurements hold, 1 does not"),
        ((FAILS, FAILS, OPEN), "0 of 3 measurements hold, 2 do not, 1 undecided"),
        ((OPEN, OPEN, QUICK), "0 of 3 measurements hold, 3 undecided"),
    ],
)
def test_the_evidence_in_words(findings, words):
    assert evidence(judged(*findings)) == words


def test_a_headline_for_each_topic_that_was_judged():
    judgments = [judged(HOLDS, name="a"), judged(OPEN, name="b")]
    topics = [Topic("B", "b", best=True), Topic("C", "c"), Topic("A", "a")]
    found = headlines(topics, judgments, "x leads.")
    assert [(each.topic, each.best, each.judgment.id) for each in found] == [("B", "x leads.", "b"), ("A", "", "a")]
    assert headlines(topics, [], "x leads.") == []


def test_the_topics_of_the_paper_are_its_claims():
    claims = [claim.id for claim in CLAIMS]
    assert len({topic.claim for topic in TOPICS}) == len(TOPICS) == 5
    assert all(topic.claim in claims for topic in TOPICS)
    assert [topic.best for topic in TOPICS] == [True, False, False, False, False]

"""The findings at the head of a page: sentences made from verdicts and tables, a topic each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ravine.report.verdicts import JudgedClaim


@dataclass(frozen=True)
class Topic:
    """A topic of the summary: its name, the claim that stands for it, and whether the best row belongs to it."""

    name: str
    claim: str
    best: bool = False


@dataclass(frozen=True)
class Headline:
    """What was found on a topic: the sentence on the best row, if it belongs here, the claim, and the evidence."""

    topic: str
    best: str
    judgment: JudgedClaim
    evidence: str


def headlines(topics: Sequence[Topic], judgments: Sequence[JudgedClaim], best: str) -> list[Headline]:
    """Return what was found on each topic whose claim was judged; `best` is the sentence on the best row, if any."""
    by_id = {judgment.id: judgment for judgment in judgments}
    return [
        Headline(topic.name, best if topic.best else "", judgment, evidence(judgment))
        for topic in topics
        if (judgment := by_id.get(topic.claim)) is not None
    ]


def evidence(judgment: JudgedClaim) -> str:
    """Return the numbers of a claim with one or two measurements, and of one with more how many of them hold."""
    findings = judgment.findings
    if len(findings) <= 2:
        return "; ".join(finding.measured for finding in findings if finding.measured != "-")
    holds, fails = (sum(finding.holds is value for finding in findings) for value in (True, False))
    parts = [f"{holds} of {len(findings)} measurements hold"]
    if fails:
        parts.append(f"{fails} {'does' if fails == 1 else 'do'} not")
    if holds + fails < len(findings):
        parts.append(f"{len(findings) - holds - fails} undecided")
    return ", ".join(parts)

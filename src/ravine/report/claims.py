"""A published claim and how it is judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from ravine.report.evidence import Evidence
from ravine.report.findings import Test
from ravine.report.verdicts import Finding, Judgment, verdict_of


@dataclass(frozen=True)
class Cause:
    """A possible cause of a difference: in words, and a test that holds if it explains the difference."""

    statement: str
    test: Test


@dataclass(frozen=True)
class Claim:
    """A statement that can be tested.

    Attributes:
        id: its name in `claims.json`.
        section: the section of the publication that makes it.
        statement: the claim in our words.
        tests: the tests that must hold for it to be reproduced.
        causes: possible causes of a difference; they are tested if there is one.
        note: a further remark.
    """

    id: str
    section: str
    statement: str
    tests: tuple[Test, ...]
    causes: tuple[Cause, ...] = ()
    note: str = ""


def judge(claim: Claim, evidence: Evidence) -> Judgment:
    """Put a claim to its tests and return the verdict with all that was found."""
    findings = [test(evidence) for test in claim.tests]
    verdict, undecided = verdict_of(findings)
    differs = any(finding.holds is False for finding in findings)
    causes = [_tested(cause, evidence) for cause in claim.causes] if differs else []
    return Judgment(claim.id, claim.section, claim.statement, verdict, undecided, findings, causes, claim.note)


def judge_all(claims: Sequence[Claim], evidence: Evidence) -> list[Judgment]:
    """Judge every claim, in order."""
    return [judge(claim, evidence) for claim in claims]


def _tested(cause: Cause, evidence: Evidence) -> Finding:
    found = cause.test(evidence)
    return msgspec.structs.replace(found, quantity=f"{cause.statement}: {found.quantity}")

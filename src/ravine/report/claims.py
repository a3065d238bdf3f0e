"""A published claim and how it is judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from ravine.report.findings import Test
from ravine.report.looks import Look, find, wants
from ravine.report.stored_study import StoredStudy
from ravine.report.verdicts import ClaimFinding, JudgedClaim, verdict_of


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


def judge(claim: Claim, study: StoredStudy, looks: Sequence[Look] = ()) -> JudgedClaim:
    """Put a claim to its tests and return the verdict with all that was found.

    With looks, each test is decided at the first of them that can; otherwise once, on the whole study.
    """
    findings = [find(test, study, looks) for test in claim.tests]
    verdict, undecided = verdict_of(findings)
    differs = any(finding.holds is False for finding in findings)
    causes = [_tested(cause, study, looks) for cause in claim.causes] if differs else []
    return JudgedClaim(claim.id, claim.section, claim.statement, verdict, undecided, findings, causes, claim.note)


def judge_claims(claims: Sequence[Claim], study: StoredStudy, looks: Sequence[Look] = ()) -> list[JudgedClaim]:
    """Judge every claim, in order."""
    return [judge(claim, study, looks) for claim in claims]


def rows_wanted(claims: Sequence[Claim], study: StoredStudy, looks: Sequence[Look]) -> set[str]:
    """Return the rows of which more seeds are needed, by the tests that leave a claim undecided at the last look."""
    undecided = [claim for claim in claims if judge(claim, study, looks).verdict is None]
    return {row for claim in undecided for test in claim.tests for row in wants(test, study, looks)}


def _tested(cause: Cause, study: StoredStudy, looks: Sequence[Look]) -> ClaimFinding:
    found = find(cause.test, study, looks)
    return msgspec.structs.replace(found, quantity=f"{cause.statement}: {found.quantity}")

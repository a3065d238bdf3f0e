"""Verdicts on claims, and the findings behind them, as plain data."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Literal

import msgspec

Verdict = Literal["reproduced", "reproduced in part", "not reproduced", "cannot be true as written"]
Undecided = Literal["one seed", "too few seeds", "quick look", "not run", "the check cannot tell"]


class ClaimFinding(msgspec.Struct, frozen=True):
    """One measurement for a claim.

    Attributes:
        quantity: the measured quantity and the condition on it, in words.
        measured: the numbers, as text.
        holds: whether the numbers meet the condition; None if that cannot be told.
        undecided: why it cannot be told.
        impossible: whether no measurement can be as the claim needs it.
    """

    quantity: str
    measured: str
    holds: bool | None
    undecided: Undecided | None = None
    impossible: bool = False


class JudgedClaim(msgspec.Struct, frozen=True):
    """A claim and the verdict on it.

    Attributes:
        id, section, statement: the claim, and the section of the publication that makes it.
        verdict: the verdict; None if it cannot be told, and then `undecided` says why.
        findings: the measurements for it.
        causes: possible causes of a difference, each tested: it holds if it explains the difference.
        note: a further remark.
    """

    id: str
    section: str
    statement: str
    verdict: Verdict | None
    undecided: Undecided | None
    findings: list[ClaimFinding]
    causes: list[ClaimFinding]
    note: str


def verdict_of(findings: list[ClaimFinding]) -> tuple[Verdict | None, Undecided | None]:
    """Return the verdict on a claim from all its findings, or why there is none.

    If some findings hold and some fail, the claim is reproduced in part, even if others are undecided. If some fail and
    none holds, it is not reproduced.
    """
    if any(finding.impossible for finding in findings):
        return "cannot be true as written", None
    holds = any(finding.holds for finding in findings)
    if any(finding.holds is False for finding in findings):
        return ("reproduced in part" if holds else "not reproduced"), None
    return next(((None, finding.undecided) for finding in findings if finding.holds is None), ("reproduced", None))


_HEAD = ("claim", "section", "statement", "verdict", "measured")


def verdicts_to_csv(judgments: Sequence[JudgedClaim]) -> str:
    """Write the verdicts as CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([_HEAD, *map(_cells, judgments)])
    return text.getvalue()


def verdicts_to_markdown(judgments: Sequence[JudgedClaim]) -> str:
    """Write the verdicts as a Markdown table."""
    rows = [_HEAD, ("---",) * len(_HEAD), *map(_cells, judgments)]
    return "".join("| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |\n" for row in rows)


def _cells(judgment: JudgedClaim) -> tuple[str, ...]:
    measured = "; ".join(finding.measured for finding in judgment.findings)
    verdict = judgment.verdict or f"undecided ({judgment.undecided})"
    return (judgment.id, judgment.section, judgment.statement, verdict, measured)

"""How a claim is judged, and verdicts as files."""

from __future__ import annotations

import csv
import io
from itertools import product

import pytest

from ravine.report.claims import Cause, Claim, judge, judge_claims
from ravine.report.stored_study import StoredStudy
from ravine.report.verdicts import ClaimFinding, verdict_of, verdicts_to_csv, verdicts_to_markdown

HOLDS = ClaimFinding("q", "m", True)
FAILS = ClaimFinding("q", "m", False)
NEVER = ClaimFinding("q", "m", False, impossible=True)
ONE = ClaimFinding("q", "m", None, "one seed")
FEW = ClaimFinding("q", "m", None, "too few seeds")


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        ([HOLDS], ("reproduced", None)),
        ([HOLDS, HOLDS], ("reproduced", None)),
        ([FAILS], ("not reproduced", None)),
        ([HOLDS, FAILS], ("reproduced in part", None)),
        ([FAILS, ONE], ("not reproduced", None)),
        ([HOLDS, FAILS, ONE], ("reproduced in part", None)),
        ([HOLDS, ONE], (None, "one seed")),
        ([HOLDS, FEW, ONE], (None, "too few seeds")),
        ([ONE, FEW], (None, "one seed")),
        ([NEVER, HOLDS], ("cannot be true as written", None)),
        ([ONE, NEVER, FAILS], ("cannot be true as written", None)),
    ],
)
def test_a_verdict(findings, expected):
    assert verdict_of(findings) == expected


def test_verdicts_do_not_depend_on_the_order_of_what_is_decided():
    for findings in product((HOLDS, FAILS, NEVER, ONE), repeat=3):
        assert verdict_of(list(findings)) == verdict_of(list(findings[::-1]))
        verdict, undecided = verdict_of(list(findings))
        assert (verdict is None) == (undecided is not None)


def claim_of(*findings: ClaimFinding) -> tuple[Claim, list[str]]:
    """Return a claim with these findings and two causes, and the list of what was tested."""
    tested: list[str] = []

    def test(name: str, found: ClaimFinding):
        def run(study: StoredStudy) -> ClaimFinding:
            tested.append(name)
            return found

        return run

    causes = (Cause("It was the moon", test("moon", HOLDS)), Cause("It was the sun", test("sun", ONE)))
    tests = tuple(test(f"test {number}", found) for number, found in enumerate(findings))
    return Claim("moon", "1.2", "A claim.", tests, causes, "A note."), tested


NOTHING = StoredStudy([], {}, {})


@pytest.mark.parametrize(
    ("findings", "differs"), [([HOLDS], False), ([ONE], False), ([HOLDS, FAILS], True), ([NEVER], True)]
)
def test_causes_are_tested_only_if_something_fails(findings, differs):
    claim, tested = claim_of(*findings)
    judgment = judge(claim, NOTHING)
    tests = [f"test {number}" for number in range(len(findings))]
    assert tested == ([*tests, "moon", "sun"] if differs else tests)
    assert judgment.findings == findings
    assert [cause.quantity for cause in judgment.causes] == (
        ["It was the moon: q", "It was the sun: q"] if differs else []
    )
    assert (judgment.id, judgment.section, judgment.statement, judgment.note) == ("moon", "1.2", "A claim.", "A note.")


def test_verdicts_as_files():
    judgments = judge_claims(
        [claim_of(HOLDS, FAILS)[0], claim_of(ONE)[0], claim_of(ClaimFinding("q", "a | b", True))[0]], NOTHING
    )
    head, part, undecided, good = csv.reader(io.StringIO(verdicts_to_csv(judgments)))
    assert head == ["claim", "section", "statement", "verdict", "measured"]
    assert part == ["moon", "1.2", "A claim.", "reproduced in part", "m; m"]
    assert undecided[3:] == ["undecided (one seed)", "m"]
    assert good[3:] == ["reproduced", "a | b"]
    lines = verdicts_to_markdown(judgments).splitlines()
    assert len(lines) == 5
    assert lines[1] == "| --- | --- | --- | --- | --- |"
    assert r"a \| b" in lines[4]

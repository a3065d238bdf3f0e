"""What a gradient check says of the paper's section 2.2, on checks that are made up."""

from __future__ import annotations

import pytest

from ravine.gradients.networks.check import NetworkCheck
from ravine.paper.claims import CLAIMS
from ravine.paper.study import load_paper
from ravine.report.claims import judge
from ravine.report.stored_study import StoredStudy
from ravine.report.verdicts import JudgedClaim
from ravine.studies import cut_short, find_rows, plan
from report.stored_cases import check_of, result

PAPER = load_paper()
PLANNED = plan(type(PAPER)(name="paper", groups=PAPER.groups, seeds=[0, 1, 2]))
CHECKED = find_rows(PLANNED, "further:1 epoch")


def judged(name: str, *checks: NetworkCheck) -> JudgedClaim:
    """Judge a claim on the gradient checks of the first seeds."""
    (claim,) = [claim for claim in CLAIMS if claim.id == name]
    stored = {run.id: check for run, check in zip(CHECKED, checks, strict=False)}
    return judge(claim, StoredStudy(PLANNED, {run.id: result(run) for run in PLANNED}, stored))


def three(**changes) -> list[NetworkCheck]:
    return [check_of(**changes), check_of(digits=None, **changes), check_of(digits=None, **changes)]


def test_a_check_of_each_seed_is_needed():
    assert judged("gradient-right", *three()).verdict == "reproduced"
    for checks in ([], three()[:2]):
        judgment = judged("gradient-right", *checks)
        assert (judgment.verdict, judgment.undecided) == (None, "not run")


def test_the_claim_of_3e_40_percent_cannot_be_true():
    judgment = judged("gradient-error", *three(central=2e-6))
    assert judgment.verdict == "cannot be true as written"
    doubles, distance = judgment.findings
    assert (doubles.measured, doubles.holds) == ("2.0e-04 % to 2.0e-04 %", False)
    # Two to the power of -52 is 2.22e-16.
    assert "2.2e-14 %" in distance.measured
    (cause,) = judgment.causes
    assert (cause.measured, cause.holds) == ("1.0e-42 % in 60 digits with h = 1e-35", True)


@pytest.mark.parametrize(("error", "holds"), [(2.9e-42, True), (3.1e-42, False)])
def test_many_digits(error, holds):
    (cause,) = judged("gradient-error", *three()[1:], check_of(digits=error)).causes
    assert (cause.measured, cause.holds) == ("-", None)
    (cause,) = judged("gradient-error", check_of(digits=error), *three()[1:]).causes
    assert cause.holds is holds


@pytest.mark.parametrize(
    ("changes", "holds"),
    [
        ({}, [True, True]),
        ({"central": 3.5e-6}, [False, False]),
        ({"p99": {"central": 9e-5}}, [True, False]),
        ({"central": 3.5e-6, "p99": {"central": 1e-6}}, [False, True]),
    ],
)
def test_the_central_difference_is_the_closest_and_the_narrowest(changes, holds):
    findings = judged("central-better", *three(**changes)).findings
    assert [finding.holds for finding in findings] == holds
    one_seed = judged("central-better", *three()[:2], check_of(digits=None, **changes)).findings
    assert [finding.holds for finding in one_seed] == holds
    assert one_seed[0].measured.startswith("forward 3.0e-06, backward 4.0e-06, central 1.0e-06; lowest with ")


@pytest.mark.parametrize(("step", "verdict"), [(1e-5, "not reproduced"), (1e-8, "reproduced"), (1e-9, "reproduced")])
def test_what_rules_the_step_of_the_paper(step, verdict):
    judgment = judged("central-order", *three(best_step=step))
    assert judgment.verdict == verdict
    assert judgment.findings[0].measured == f"best step {step:.1e}, where the median error is 1.0e-09"


@pytest.mark.parametrize("changes", [{"answer": "fails"}, {"complex_step": 2e-13}])
def test_a_wrong_gradient(changes):
    assert judged("gradient-right", *three()[:2], check_of(**changes)).verdict == "not reproduced"
    (finding,) = judged("gradient-right", *three()[:2], check_of(answer="fails")).findings
    assert finding.measured == "passes with 2 of 3 seeds; median error of the complex step 1.0e-16"


def test_a_check_that_cannot_tell_decides_nothing_but_does_not_hide_one_that_fails():
    open_ = judged("gradient-right", *three()[:2], check_of(answer="cannot tell"))
    assert (open_.verdict, open_.undecided) == (None, "the check cannot tell")
    assert open_.findings[0].measured.startswith("passes with 2 of 3 seeds")
    failed = judged("gradient-right", three()[0], check_of(answer="fails"), check_of(answer="cannot tell"))
    assert failed.verdict == "not reproduced"


@pytest.mark.parametrize(("seconds", "verdict"), [(0.1, "not reproduced"), (1.0, "reproduced"), (3, "not reproduced")])
def test_a_second_each(seconds, verdict):
    judgment = judged("second-each", *three(seconds=seconds))
    assert judgment.verdict == verdict
    assert judgment.findings[0].measured == ", ".join(
        f"{name} {seconds:.2f} s" for name in ("forward", "backward", "central")
    )


def test_a_quick_look_has_the_same_gradient_check():
    assert [run.id for run in find_rows(cut_short(PLANNED), "further:1 epoch")] == [run.id for run in CHECKED]

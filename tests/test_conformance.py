"""The checks of an optimizer: ravine's own pass them, and each kind of broken one fails the check meant for it."""

from __future__ import annotations

import json

import numpy as np
import pytest

import ravine
from optimizer_cases import ELEMENTWISE
from ravine.cli.main import run
from ravine.conformance import DECLARED, TRAINED, declared, findings_of, trained
from ravine.conformance.finding import moved, settings
from ravine.formulas.elementwise import rule
from ravine.formulas.shelves import STAGES


@pytest.mark.slow
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_every_element_wise_one_of_ravine_passes(name):
    findings = list(findings_of(ELEMENTWISE[name], speed=False))
    assert [finding for finding in findings if finding.outcome == "failed"] == []
    made = {finding.check for finding in findings if finding.outcome == "passed"}
    assert made >= {"text", *DECLARED, *TRAINED} - {"lazy update", "evaluated weights", "contains"}
    assert ("lazy update" in made) == (ELEMENTWISE[name].formula.lazy is not None)
    assert ("evaluated weights" in made) == (ELEMENTWISE[name].evaluates_others)
    assert ("contains" in made) == bool(ELEMENTWISE[name].contains)


@rule
def climbs(g, *, lr=0.1):
    """Goes up."""
    return -lr * g


@rule
def ignores_its_rate(g, *, lr=0.1):
    """Steps by 0.1."""
    return 0.1 * g + 0 * lr


@rule(inert=True)
def not_inert(g, v, *, lr=0.1):
    """Has a velocity."""
    v = 0.9 * v + lr * g
    return v, v


def _too_far(v, n, *, alpha):
    return (1 - alpha**n) / (1 - alpha) * v, alpha**n * v


@rule(lazy=_too_far)
def wrong_lazy(g, v, *, lr=0.1, alpha=0.9):
    """Momentum with a lazy update that forgets a factor."""
    v = alpha * v + lr * g
    return v, v


@rule
def unguarded(g, v, *, lr=0.1):
    """Divides zero by zero."""
    v = v + g * g
    return lr * g / np.sqrt(v), v


@rule(inert=True)
def not_inert_later(g, a, t, *, lr=0.1):
    """Takes what it has added up at every thirtieth step."""
    return lr * np.where(t % 30 == 0, a + g, 0), np.where(t % 30 == 0, 0, a + g)


@rule
def keeps_a_condition(g, v, *, lr=0.1):
    """Keeps whether the gradient was positive."""
    return lr * g, g > 0


@rule
def takes_a_name_of_a_run(g, *, lr=0.1, warmup=5.0):
    """Has a hyper-parameter that nobody can give."""
    return lr * g * warmup


def _mean(w, a):
    return a


@rule(evaluated=_mean)
def averages_badly(g, a, w, *, lr=0.1):
    """Evaluates a mean that is not corrected for its start at zero."""
    return lr * g, 0.9 * a + 0.1 * w


def _missing(w, a):
    return mean(a)  # noqa: F821


@rule(evaluated=_missing)
def averages_nothing(g, a, w, *, lr=0.1):
    """Evaluates what is not there."""
    return lr * g, 0.9 * a + 0.1 * w


BROKEN = {
    "descent": [climbs, ignores_its_rate],
    "zero gradient": [not_inert, not_inert_later],
    "lazy update": [wrong_lazy],
    "finite": [unguarded],
    "shapes and dtypes": [keeps_a_condition],
    "hyper-parameters": [takes_a_name_of_a_run],
    "evaluated weights": [averages_badly, averages_nothing],
}


@pytest.mark.parametrize(
    ("check", "broken"),
    [(check, broken) for check, rules in BROKEN.items() for broken in rules],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_broken_rule_fails_the_check_that_is_meant_for_it_and_is_told_what_to_do(check, broken):
    findings = {finding.check: finding for finding in findings_of(broken, speed=False)}
    assert findings[check].outcome == "failed"
    assert findings[check].detail
    assert findings[check].mend
    # What is wrong by itself is not compiled.
    assert all(findings[name].outcome == "left out" for name in TRAINED)


def test_a_rule_that_divides_by_zero_is_not_told_to_multiply_by_its_rate():
    @rule
    def starts_late(g, t, *, lr=0.1):
        return lr * g / (t - 1)

    findings = {finding.check: finding for finding in findings_of(starts_late, speed=False)}
    assert findings["finite"].detail.endswith("lr * g / (t - 1) divides by 0 at step 1.")
    assert findings["descent"].outcome == "left out"


def test_a_rule_that_divides_by_its_rate_is_not_told_to_multiply_by_it():
    @rule
    def divides_by_lr(g, *, lr=0.1):
        return lr * lr / lr * g

    finding = declared.descent(divides_by_lr)
    assert finding.detail == "at lr = 0 the weights are not finite"
    assert "division" in finding.mend


def test_every_check_of_the_function_alone_has_a_rule_that_fails_it():
    assert set(BROKEN) == set(DECLARED)


def test_a_text_that_cannot_be_run_ends_the_checks_at_its_line():
    @rule
    def branches(g, *, lr=0.1):
        if lr > 1:
            return g
        return lr * g

    (finding,) = findings_of(branches)
    assert (finding.check, finding.outcome) == ("text", "failed")
    assert "test_conformance.py:" in finding.detail
    assert "np.where(condition, this, that)" in finding.detail


def test_a_rule_that_could_be_declared_inert_is_told_so():
    @rule
    def could_be(g, *, lr=0.1):
        return lr * g

    finding = declared.zero_gradient(could_be)
    assert finding.outcome == "passed"
    assert "declare inert=True" in finding.detail


def test_a_number_that_is_not_finite_is_one_finding_and_not_a_traceback():
    @rule
    def divides(g, *, lr=0.1, parts=1.0):
        return lr / (parts - 1) * g

    findings = list(findings_of(divides, speed=False))
    (failed,) = [finding for finding in findings if finding.outcome == "failed"]  # and not once for each check
    line = divides.function.__code__.co_firstlineno + 2
    assert failed.detail == f"{__file__}:{line}: lr / (parts - 1) is inf at step 1."
    assert "lr / np.maximum(parts - 1, 1)" in failed.mend


HALF = np.float64(0.5)


def test_numbers_of_numpy_and_its_functions_of_numbers_are_as_good_as_python_s():
    @rule(bounds={"beta": "[0, 1)"})
    def widens(g, v, t, *, lr=0.1, beta=0.9):
        v = beta * v + HALF * g
        size = np.where(g * v > 0, 1.2, 0.5)
        return lr * np.sqrt(1 - beta**t) / np.sqrt(t) * np.power(t, -1) * np.exp(-t / 100) * size * v, v

    findings = [*(check(widens) for check in DECLARED.values()), trained.same_in_double(widens)]
    assert [finding for finding in findings if finding.outcome == "failed"] == []


def test_a_right_lazy_update_passes_though_its_steps_are_lost_in_the_weights():
    def shrinks(w, n, *, lr, wd):
        return w * (1 - (1 - lr * wd) ** n)

    @rule(bounds={"wd": "[0, inf)"}, lazy=shrinks)
    def decays(g, w, *, lr=0.001, wd=1e-5):
        return lr * (g + wd * w)

    assert declared.lazy_update(decays).outcome == "passed"


@pytest.mark.parametrize("given", [lambda g: g, 3, None, climbs.function], ids=["lambda", "3", "None", "function"])
def test_what_is_no_optimizer_is_told_how_it_becomes_one(given):
    for take in (ravine.check_optimizer, lambda what: ravine.train(optimizer=what)):
        with pytest.raises(ravine.ConfigError, match=r"what @ravine\.rule or @ravine\.matrix_rule makes of a function"):
            take(given)


def test_settings_give_a_value_to_what_has_no_default():
    @rule(bounds={"lr": "(0, 1)", "a": "[-2, -1]", "b": "(3, inf)"})
    def needs(g, *, lr, a, b, c):
        return lr * g * a * b * c

    assert settings(needs) == {"lr": 0.1, "a": -1.95, "b": 5.0, "c": 0.1}


FILE = '''
import numpy as np
from ravine import rule


@rule(bounds={"beta": "[0, 1)"})
def sign_of_mean(g, m, *, lr=0.001, beta=0.9):
    """Sign of the mean: steps of one length."""
    m = beta * m + (1 - beta) * g
    return lr * np.sign(m), m


@rule
def misspells(g, m, *, lr=0.001):
    """Misspelled."""
    m = 0.9 * mm + g
    return lr * m, m
'''


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(FILE)
    return path


def test_the_command_prints_a_table_and_ends_with_0(file, capsys):
    assert run(["check-optimizer", f"{file}:sign_of_mean"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "sign_of_mean: Sign of the mean: steps of one length."
    assert lines[-1] == "13 of 13 checks passed."
    assert any("speed" in line and "times sgd" in line for line in lines)


def test_the_command_ends_with_1_and_names_the_line_and_the_mend(file, capsys):
    assert run(["check-optimizer", f"{file}:misspells", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert not told["passed"]
    (finding,) = told["findings"]
    assert f"{file}:16: rule misspells uses mm, which is not defined; did you mean m?" in finding["detail"]


def test_in_python_the_findings_print_as_those_of_the_command(capsys):
    found = ravine.check_optimizer(climbs, speed=False)
    assert not found.passed
    assert (found.name, found.findings[0].check) == ("climbs", "text")
    made = [finding for finding in found.findings if finding.outcome != "left out"]
    lines = repr(found).splitlines()
    assert lines[0] == "climbs: Goes up."
    assert lines[-1] == f"{len(made) - 1} of {len(made)} checks passed."
    (broken,) = [finding for finding in made if finding.outcome == "failed"]
    place = next(k for k, line in enumerate(lines) if line.startswith("  failed "))
    assert lines[place].endswith(broken.detail)
    assert lines[place + 1].strip() == broken.mend


def test_in_python_by_a_name_or_a_file(file):
    assert not ravine.check_optimizer(f"{file}:misspells").passed
    with pytest.raises(ravine.ConfigError, match="did you mean 'muon'"):
        ravine.check_optimizer("moun")


@rule(bounds={"beta": "[0, 1)"}, start={"v": 1e-3})
def peak(g, v, *, lr=0.01, beta=0.9):
    """Divide by the largest gradient so far."""
    v = np.maximum(beta * v, g * g)
    return lr * g / np.sqrt(v), v


def test_a_value_that_the_bounds_allow_is_tried():
    found = declared.finite(peak)
    assert found.outcome == "failed"
    assert found.detail.startswith("at beta = 0, which its bounds allow, gradients of zero give weights that are not")


@pytest.mark.slow
@pytest.mark.parametrize("name", STAGES)
def test_ravine_s_own_stages_pass(name):
    found = ravine.check_optimizer("sgd", stages=[name], speed=False)
    assert found.name == f"sgd with {name}"
    assert found.passed, str(found)


@ravine.stage
def divides(step, *, shortest):
    """Divide by the step, which may be 0."""
    return step / np.maximum(np.abs(step), shortest) / np.abs(step)


@ravine.stage(inert=True)
def adds(step, *, share):
    """Say that a zero stays a zero, and add a share."""
    return step + share


@pytest.mark.parametrize(("stage", "check"), [(divides, "finite"), (adds, "zero gradient")])
def test_a_stage_that_is_not_what_it_says_fails(stage, check):
    found = ravine.check_optimizer("sgd", stages=[stage], speed=False)
    assert check in [finding.check for finding in found.findings if finding.outcome == "failed"]


def test_the_command_checks_a_stage_of_a_file(tmp_path, capsys):
    path = tmp_path / "mine.py"
    text = "import ravine\n\n@ravine.stage\ndef halve(step):\n    {}\n    return step / 2\n"
    path.write_text(text.format('"""Halve each step."""'))
    assert run(["check-optimizer", "sgd", "--stage", f"{path}:halve", "--stage", "clip_value", "--no-speed"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("sgd with halve, clip_value: Halve each step. ")
    assert run(["check-optimizer", "sgd", "--stage", f"{path}:half", "--no-speed"]) == 3
    assert "did you mean 'halve'?" in capsys.readouterr().err


def test_the_command_knows_no_rule_that_is_not_there(file, capsys):
    assert run(["check-optimizer", f"{file}:sign"]) == 3
    assert "did you mean 'sign_of_mean'?" in capsys.readouterr().err


def test_flags_and_whole_numbers_are_checked_at_both_ends():
    @rule(inert=True, bounds={"steps": "[1, inf)"})
    def heavy_drifts(g, v, *, lr=0.1, heavy=False, steps: int):
        """Is not inert where heavy is true."""
        v = np.where(heavy, 0.5 * v + g, 0.0)
        return lr * np.where(heavy, v, g) / steps, v

    assert settings(heavy_drifts) == {"lr": 0.1, "heavy": 0.0, "steps": 5.0}
    assert moved(heavy_drifts)["heavy"] == 1
    assert moved(heavy_drifts)["steps"] == 6
    assert declared.bounds(heavy_drifts).outcome == "passed"
    found = declared.zero_gradient(heavy_drifts)
    assert (found.outcome, found.detail[:49]) == ("failed", "inert=True, but a zero gradient changes v, w at s")


def test_a_default_that_float32_has_as_zero_fails():
    @rule(bounds={"eps": "(0, inf)"})
    def guarded(g, *, lr=0.1, eps=1e-70):
        return lr * g / (np.abs(g) + eps)

    found = declared.bounds(guarded)
    assert (found.outcome, found.mend) == ("failed", "Give it a default that float32 has.")
    assert found.detail.startswith("eps of guarded is 1e-70, which is 0 in float32")

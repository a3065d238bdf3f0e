"""`benchmarks.gradient_checks`: its oracle is right, and no wrong gradient passes some of its checks."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def checks(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    return importlib.import_module("benchmarks.gradient_checks")


def test_no_wrong_gradient_passes_and_the_answers_are_laid_out(checks, monkeypatch, capsys):
    outcomes = [checks.one_check(7, number) for number in range(120)]
    wrong = [each for each in outcomes if each.planted != "none"]
    right = [each for each in outcomes if each.planted == "none"]
    assert min(len(wrong), len(right)) > 30
    assert not [each for each in wrong if each.answer == "passes"]
    assert not [each for each in right if each.answer == "fails"]
    assert sum(each.answer == "cannot tell" for each in right if each.tellable) <= 0.1 * len(right)
    assert outcomes[5] == checks.one_check(7, 5)
    monkeypatch.setattr(sys, "argv", ["gradient_checks", "--count", "12", "--seed", "7"])
    checks.main()
    out = capsys.readouterr().out
    passing = sum(each.answer == "passes" for each in outcomes[:12] if each.planted != "none")
    assert f"wrong gradients that pass:           {passing} of " in out
    assert out.count("cannot tell") >= 5


def test_a_check_that_is_blind_would_be_found_out(checks, monkeypatch):
    class Blind:
        answer = "passes"

    monkeypatch.setattr(checks.ravine, "check_gradient", lambda *arguments, **options: Blind)
    outcomes = [checks.one_check(7, number) for number in range(20)]
    assert "wrong gradients that pass:           0 of" not in checks.summary(outcomes)


@pytest.mark.parametrize("size", [1e-9, 1.0, 1e9])
def test_the_oracle_knows_the_derivatives_of_each_term(checks, size):
    rng = np.random.default_rng(0)
    for name in checks.TERMS:
        drawn = checks.Drawn([checks.Term(name, 3.0, [0, 1], [0.7, -1.1])], size * np.array([0.9, -0.4]), [size, size])
        oracle = checks.oracle_of(drawn)
        np.testing.assert_allclose(drawn.gradient(drawn.x), oracle.first, rtol=1e-12)
        # The curvatures, from differences of the gradient.
        for k in rng.permutation(2):
            step = np.eye(2)[k] * size * 1e-4
            ends = [drawn.gradient(drawn.x + sign * step)[k] for sign in (1, 0, -1)]
            second, third = (ends[0] - ends[2]) / (2e-4 * size), (ends[0] - 2 * ends[1] + ends[2]) / (1e-4 * size) ** 2
            assert second == pytest.approx(oracle.second[k], rel=1e-5, abs=1e-6 / size**2)
            assert third == pytest.approx(oracle.third[k], rel=1e-3, abs=1e-4 / size**3)

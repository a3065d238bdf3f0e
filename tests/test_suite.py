"""The suite itself: a plain run and the slow tests together are all of it, and asking for a test brings it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def collected(*arguments: str) -> set[str]:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-qq", "-n", "0", "-p", "no:cacheprovider", *arguments]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr
    return {line for line in ended.stdout.splitlines() if "::" in line and not line.startswith("SKIPPED")}


@pytest.mark.slow
def test_a_plain_run_and_the_slow_tests_are_all_of_it():
    quick, slow, every = (collected("--verbose", *which) for which in ((), ("-m", "slow"), ("-m", "slow or not slow")))
    assert quick | slow == every
    assert not quick & slow
    assert slow


def test_asking_for_a_name_or_a_file_brings_the_slow_ones_too():
    named = collected("-v", "tests/test_conformance.py", "-k", "every_element_wise_one_of_ravine_passes and lion")
    assert any("test_every_element_wise_one_of_ravine_passes[lion]" in line for line in named)

"""Random command lines and calls end as the documentation says: `python -m benchmarks.nonsense` with few cases."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def nonsense(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.nonsense", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize(
    "kind",
    [
        ["--commands", "--only", "^(?!reproduce|compile|check-optimizer)"],
        ["--calls", "--only", "^(?!ravine.check_)"],
    ],
)
def test_no_nonsense_leads_to_a_fault(kind):
    done = nonsense(*kind, "--count", "75", "--seed", "5")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "75 " in done.stdout
    assert "0 with a fault" in done.stdout

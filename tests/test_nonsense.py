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
        ["--calls"],
    ],
)
def test_no_nonsense_leads_to_a_fault(kind):
    done = nonsense(*kind, "--count", "75", "--seed", "5")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "75 " in done.stdout
    assert "0 with a fault" in done.stdout


PLANTED = """
import sys
from pathlib import Path
import benchmarks.nonsense.judge as judge
from ravine.errors import ConfigError

def planted(words):
    '''A command line that does all that it must not.'''
    import warnings
    warnings.warn("old")
    print("a result that is none")
    Path("half").mkdir()
    Path(".file.tmp").write_text("half")
    print("ravine: [Errno 2] at\\nseveral lines", file=sys.stderr)
    return 3

judge.run = planted
sys.argv = ["nonsense", "--commands", "--count", "1"]
import runpy
runpy.run_module("benchmarks.nonsense", run_name="__main__", alter_sys=False)
"""


def test_whatever_is_wrong_is_seen():
    command = [sys.executable, "-c", PLANTED]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1, done.stderr
    for fault in (
        "UserWarning: old",
        "it failed with text on stdout",
        "an empty folder is left: here/half",
        "a temporary file is left: here/.file.tmp",
        "a message tells of the inside",
        "a message of several lines",
        "--commands --seed 0 --first 0 --count 1",
    ):
        assert fault in done.stdout

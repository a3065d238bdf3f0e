"""What the tests of the command line share."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

SMALL = ["--dataset", "small", "--layers", "64,12,10", "-m", "20", "--epochs", "3", "--engine", "reference"]
MNIST = ["train", "--layers", "784,16,10"]


def ravine(environment: dict[str, str], *arguments: str, **options: Any) -> subprocess.Popen[str]:
    """Start the command line in a process of its own, as a user does."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    command = [sys.executable, "-m", "ravine", *arguments]
    return subprocess.Popen(command, env=environment, text=True, **{**pipes, **options})

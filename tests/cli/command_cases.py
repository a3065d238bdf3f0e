"""What the tests of the command line share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

import pytest

SMALL = ["--dataset", "small", "--layers", "64,12,10", "-m", "20", "--epochs", "3", "--engine", "reference"]
MNIST = ["train", "--layers", "784,16,10"]


def ravine(environment: dict[str, str], *arguments: str, **options: Any) -> subprocess.Popen[str]:
    """Start the command line in a process of its own, as a user does."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    command = [sys.executable, "-m", "ravine", *arguments]
    return subprocess.Popen(command, env=environment, text=True, **{**pipes, **options})


def on_a_terminal(start: Callable[..., subprocess.Popen[str]], environment: Mapping[str, str]) -> tuple[int, str, str]:
    """Start a process with stderr on a terminal of 100 columns; return its exit code, its stdout, and what was shown.

    `start` takes the options of `Popen`.
    """
    pty = pytest.importorskip("pty", reason="there are no terminals of this kind")
    ours, theirs = pty.openpty()
    environment = {**environment, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
    process = start(stderr=theirs, stdin=subprocess.DEVNULL, env=environment)
    os.close(theirs)
    shown = b""
    # At the end of the process, Linux reports an error and macOS an end of file.
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.close(ours)
    out, _ = process.communicate(timeout=100)
    return process.returncode, out, shown.decode()

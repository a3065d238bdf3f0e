"""Processes that train, each with one peer: how a benchmark starts and asks them, and how they answer.

A question and an answer are each one JSON document on a line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any, Protocol

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}


def start(module: str, peer: str, core: str) -> subprocess.Popen[str]:
    """Start a process of `python -m MODULE PEER CORE`; CORE is the number of the one core to use, or all."""
    command = [sys.executable, "-m", module, peer, core]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )


def ask(processes: list[subprocess.Popen[str]], question: dict[str, Any]) -> list[dict[str, Any]]:
    """Ask all at once, and return their answers; one whose "error" is told has none."""
    for process in processes:
        print(json.dumps(question), file=process.stdin, flush=True)
    answers: list[dict[str, Any]] = []
    for process in processes:
        line = process.stdout.readline() if process.stdout else ""
        answers.append(json.loads(line) if line else {"error": "ended by itself"})
    return answers


class Answers(Protocol):
    """What a process does."""

    def prepare(self, **task: Any) -> dict[str, Any]:
        """Build the peer and train once, to warm up."""

    def go(self) -> dict[str, Any]:
        """Train once; answer with the seconds."""


def serve(worker: type[Answers]) -> None:
    """Answer the questions that come in on stdin: {"prepare": {..}} and {"go": true}."""
    peer, core = sys.argv[1:]
    if core != "all":
        os.environ.update(ONE_THREAD)  # before any library is loaded
        os.sched_setaffinity(0, {int(core)})
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # so that what a library prints does not get among the answers
    working = worker(peer, threads=0 if core == "all" else 1)  # type: ignore[call-arg]
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = working.prepare(**asked["prepare"]) if "prepare" in asked else working.go()
        except Exception as error:  # whatever a library may raise; the comparison goes on without it
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0][:200]}
        print(json.dumps(answer), file=answers, flush=True)

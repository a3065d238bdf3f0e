"""Seconds from the start of a process to its first training step: `python -m benchmarks.startup [--json]`.

A first process trains the rule once, so that its kernel is in the cache. Then fresh processes are timed from outside:
imports, data, kernel and one step of the paper's network.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time

CHILD = """
import os, sys, time
import ravine

class FirstStep:
    def note(self, text): pass
    def epoch(self, record): pass
    def progress(self, epoch, share, loss):
        print(time.time() - float(sys.argv[1]), flush=True)
        os._exit(0)

ravine.train(optimizer=sys.argv[2], fresh=True, out=sys.argv[3], watcher=FirstStep())
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--optimizer", default="sgd")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    first_step(arguments.optimizer)
    to_first_step = [first_step(arguments.optimizer) for _ in range(arguments.repeats)]
    to_help = [seconds_of([sys.executable, "-m", "ravine", "--help"]) for _ in range(arguments.repeats)]
    result = {
        "optimizer": arguments.optimizer,
        "seconds_to_first_step": statistics.median(to_first_step),
        "seconds_of_help": statistics.median(to_help),
    }
    if arguments.json:
        print(json.dumps(result, indent=2))
    else:
        print(f"to the first step of {arguments.optimizer}: {result['seconds_to_first_step']:.2f} s (median)")
        print(f"ravine --help: {1000 * result['seconds_of_help']:.0f} ms (median)")


def first_step(optimizer: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", CHILD, str(time.time()), optimizer, folder]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def seconds_of(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()

"""Seconds from the start of a process to its first training step: `python -m benchmarks.startup [--json]`.

Fresh processes are timed from outside: imports, data, kernel and one step of the paper's network. They come in turn,
round after round, and each round begins with an empty cache of kernels. So the first optimizer compiles everything;
each further optimizer, and each new combination with stages, compiles only its own part; and an optimizer that was
compiled before compiles nothing. Medians are printed, and how long one process waits for the kernel at each batch size.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

CHILD = """
import json, os, sys, time
import ravine

class FirstStep:
    def note(self, text): pass
    def epoch(self, record): pass
    def progress(self, epoch, share, loss):
        print(time.time() - float(sys.argv[1]), flush=True)
        os._exit(0)

ravine.train(**json.loads(sys.argv[2]), fresh=True, out=sys.argv[3], watcher=FirstStep())
"""

SAME_PROCESS = """
import tempfile
import ravine

def seconds(**settings):
    with tempfile.TemporaryDirectory() as out:
        return ravine.train(out=out, epochs=1, **settings).result.seconds.compile

print(*(seconds(batch_size=m) for m in (10, 1, 100)), seconds(clip_norm=1.0))
"""

CASES: dict[str, dict[str, Any]] = {
    "sgd, with an empty cache": {"optimizer": "sgd"},
    "adam, after sgd": {"optimizer": "adam"},
    "momentum, which has lazy updates": {"optimizer": "momentum"},
    "adam with two new stages": {"optimizer": "adam", "weight_decay": 0.01, "clip_norm": 1.0},
    "momentum with a new stage": {"optimizer": "momentum", "weight_decay": 0.01},
    "sgd, compiled before": {"optimizer": "sgd"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    seconds: dict[str, list[float]] = {name: [] for name in (*CASES, "ravine --help")}
    for _ in range(arguments.repeats):
        with tempfile.TemporaryDirectory() as cache:
            environment = {**os.environ, "XDG_CACHE_HOME": cache}
            for name, settings in CASES.items():
                seconds[name].append(first_step(settings, environment))
            seconds["ravine --help"].append(seconds_of([sys.executable, "-m", "ravine", "--help"]))
            command = [sys.executable, "-c", SAME_PROCESS]
            told = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    medians = {name: statistics.median(taken) for name, taken in seconds.items()}
    sizes = dict(zip(("sgd, m = 10", "m = 1", "m = 100", "with clip_norm"), map(float, told.split()), strict=True))
    if arguments.json:
        print(json.dumps({"seconds_to_first_step": medians, "seconds_to_compile_in_one_process": sizes}, indent=2))
        return
    for name, median in medians.items():
        print(f"{median:6.2f} s  {name}")
    print("compiling or loading in one process: " + ", ".join(f"{name} {taken:.2f} s" for name, taken in sizes.items()))


def first_step(settings: dict[str, Any], environment: dict[str, str]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", CHILD, str(time.time()), json.dumps(settings), folder]
        ended = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
        return float(ended.stdout)


def seconds_of(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()

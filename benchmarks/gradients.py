"""Seconds of the whole gradient check, and of one method a sample: `python -m benchmarks.gradients [--json]`.

All 276,200 weights of the paper's network, float64, one sample. The paper reports about 1 s a method a sample, in C.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

import numpy as np

from ravine.data import load, scaled
from ravine.gradients import METHODS, NetworkPoint, derivatives
from ravine.networks import Network, gradient
from ravine.spec import RunSpec
from ravine.training import start_weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    data = load().train
    x, labels = scaled(data.features[:1], np.float64), data.targets[:1].astype(int)
    point = NetworkPoint(Network((784, 300, 100, 100, 10)), start_weights(RunSpec()), x, labels)
    indices = np.arange(len(point.weights))
    differences = METHODS[:3]
    seconds: dict[str, list[float]] = {"analytic": [], "three differences": [], "complex": []}
    for _ in range(arguments.repeats):
        began = time.perf_counter()
        gradient(point.network, point.weights, point.x, point.labels)
        seconds["analytic"].append(time.perf_counter() - began)
        began = time.perf_counter()
        derivatives(point, indices, differences)
        seconds["three differences"].append(time.perf_counter() - began)
        seconds["complex"].append(derivatives(point, indices, ("complex",))["complex"].seconds)
    medians = {name: statistics.median(taken) for name, taken in seconds.items()}
    if arguments.json:
        print(json.dumps({"weights": len(indices), "seconds": medians}, indent=2))
    else:
        print(f"{len(indices):,} weights, one sample, float64; medians of {arguments.repeats}")
        for name, value in medians.items():
            print(f"  {name:18} {value:8.4f} s")


if __name__ == "__main__":
    main()

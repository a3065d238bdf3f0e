"""Microseconds per sample of both engines on the paper's network: `python -m benchmarks.training [--json]`.

Same data, same batches, same initial weights, float32. Repeats are interleaved, so that a machine that slows down slows
all of them; medians are quoted, and the ratio is that of the medians. The fused engine uses one thread; the reference
engine is timed with BLAS on one thread, as ravine runs it, and on all. `--density 1` takes random images without a zero
pixel in place of MNIST, which the fused engine works on without lists in larger batches.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time

import numpy as np
from threadpoolctl import threadpool_limits

from ravine.data import Split, load
from ravine.engines import Engine, make_engine
from ravine.formulas.shelves import OPTIMIZERS
from ravine.networks import Network
from ravine.spec import RunSpec
from ravine.training import epoch_order, start_weights

NETWORK = Network((784, 300, 100, 100, 10))
SAMPLES = {1: 1_000, 10: 6_000, 100: 12_000, 1000: 12_000}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--optimizer", default="sgd")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 10, 100])
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--density", type=float, metavar="SHARE", help="random images with so many pixels not zero")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()

    data = load().train if arguments.density is None else random_images(arguments.density)
    rows = [measure(data, arguments.optimizer, m, arguments.repeats) for m in arguments.batch_sizes]
    if arguments.json:
        print(json.dumps({"unit": "microseconds per sample", "cores": os.cpu_count(), "rows": rows}, indent=2))
        return
    print(f"{arguments.optimizer}, {'-'.join(map(str, NETWORK.layers))}, float32, microseconds per sample")
    print("     m   fused   reference (1 thread)   (all threads)   ratio to the faster reference")
    for row in rows:
        one, every = row["reference, 1 thread"], row["reference, all threads"]
        print(f"{row['batch_size']:6}  {row['fused']:6.2f}   {one:20.1f}   {every:13.1f}   {row['ratio']:.1f}")


def random_images(density: float) -> Split:
    rng = np.random.default_rng(0)
    images = rng.integers(1, 256, (12_000, NETWORK.layers[0])) * (rng.random((12_000, NETWORK.layers[0])) < density)
    return Split(images.astype(np.uint8), rng.integers(0, NETWORK.layers[-1], 12_000).astype(np.uint8))


def measure(data: Split, optimizer: str, batch_size: int, repeats: int) -> dict[str, object]:
    count = SAMPLES.get(batch_size, 12_000)
    runs = {
        "fused": (_engine("fused", optimizer, batch_size), 1),
        "reference, 1 thread": (_engine("reference", optimizer, batch_size), 1),
        "reference, all threads": (_engine("reference", optimizer, batch_size), os.cpu_count()),
    }
    losses = {name: _train(engine, data, optimizer, count, threads)[1] for name, (engine, threads) in runs.items()}
    assert max(losses.values()) - min(losses.values()) < 1e-3, f"the engines differ: {losses}"
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, (engine, threads) in runs.items():
            seconds[name].append(_train(engine, data, optimizer, count, threads)[0])
    medians = {name: statistics.median(taken) / count * 1e6 for name, taken in seconds.items()}
    fastest = min(medians["reference, 1 thread"], medians["reference, all threads"])
    return {"optimizer": optimizer, "batch_size": batch_size, **medians, "ratio": fastest / medians["fused"]}


def _engine(name: str, optimizer: str, batch_size: int) -> Engine:
    weights = start_weights(RunSpec())
    engine = make_engine(name, NETWORK, OPTIMIZERS.find(optimizer), weights, "float32", batch_size)
    engine.compile()
    return engine


def _train(engine: Engine, data: Split, optimizer: str, count: int, threads: int | None) -> tuple[float, float]:
    """Train on `count` samples; return the seconds and the mean loss."""
    # At a small rate no optimizer diverges over all repeats.
    hyper = OPTIMIZERS.find(optimizer).hyperparameters({"lr": 0.001})
    order = epoch_order(0, 0, len(data.targets))[:count].astype(np.int64)
    with threadpool_limits(threads):
        began = time.perf_counter()
        taken = engine.train(data, order, 0, count, hyper)
        engine.settle(hyper)
        return time.perf_counter() - began, taken.loss_sum / count


if __name__ == "__main__":
    main()

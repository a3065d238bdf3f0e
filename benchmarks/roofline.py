"""How near the fused engine comes to what this machine can do, on one core: `python -m benchmarks.roofline [--json]`.

Three things are found, all on one pinned core and in float32, and put together.

The machine. How many multiply-and-adds it does in registers; and, for sets of rows of 304 numbers that fit into each
cache, how fast it reads rows in random order and adds them to one row, four at a time, which is the forward pass, and
how fast it changes rows in place, which is an update. GB/s count what is read, and for updates what is written as well.
The best of the repeats counts, since these speeds are upper bounds.

The work. What training cannot do without, counted by the reference forward pass over the samples that are timed, at the
initial weights: the multiply-and-adds with a factor that is not zero (forward, deltas, gradient of the weights; in
whole vectors of 16, as they are executed), the weights that a batch reads forward, once for each row that it needs, and
the weights and slots of the optimizer that its step reads and writes, once for each row that has a gradient, or for all
rows where the rule moves all of them (Adam). No program can keep a row in registers for a whole batch, but none can
need less than this. The arithmetic of the rule itself, and all that is done once a unit or a pixel, is left out.

The floor. Training has two phases, forward, and gradient with update. The arithmetic floor of a phase is its
multiply-and-adds over the peak, its traffic floor its bytes over the speed of a set of rows as large as all weights
and slots together. Arithmetic and traffic can overlap, and so the floor of a phase is the larger one; one phase needs
the other, and so the floor of training is the sum of the two. The share is the floor over the median
microseconds that the engine takes. The floor is an estimate and not a proof, since rows that were used a moment ago may
come from a nearer cache than the set as a whole does.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from benchmarks.training import NETWORK, SAMPLES
from ravine.data import Split, scaled
from ravine.data import load as load_data
from ravine.engines import make_engine
from ravine.engines.fused.frame import LANES
from ravine.engines.fused.vectors import load, store, totals
from ravine.formulas.optimizer import Optimizer
from ravine.formulas.shelves import OPTIMIZERS
from ravine.networks import forward
from ravine.spec import RunSpec
from ravine.training import epoch_order, start_weights

u = np.uint64
STRIDE = u(LANES)
WIDTHS = [-(-n // LANES) * LANES for n in NETWORK.layers[1:]]
NUMBER_BYTES = 4
KIB = 1024
CACHES = {1: 32 * KIB, 2: 1024 * KIB, 3: 32 * KIB**2}
"""Bytes of the caches where the system does not tell."""

options = {"error_model": "numpy", "_nrt": False, "fastmath": {"contract"}}
compiled = njit(**options)
inlined = njit(**options, forceinline=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--optimizers", nargs="+", default=["sgd", "momentum", "adagrad", "adam"])
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 10, 100])
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    data = load_data().train
    peak = multiply_adds_per_second(arguments.repeats)
    speeds = {name: row_speeds(size, arguments.repeats) for name, size in working_sets().items()}
    rows = []
    for name in arguments.optimizers:
        rule = OPTIMIZERS.find(name)
        assert rule.formula is not None, f"{name} takes no steps in compiled code"
        own = row_speeds((1 + len(rule.formula.slots)) * weight_bytes(), arguments.repeats)
        for size in arguments.batch_sizes:
            order = epoch_order(0, 0, len(data.targets))[: SAMPLES.get(size, 12_000)].astype(np.int64)
            work = work_of(data, order, rule, size)
            times = seconds(data, order, rule, size, arguments.repeats)
            measured = {
                "measured": 1e6 * statistics.median(times) / len(order),
                "fastest": 1e6 * min(times) / len(order),
            }
            row = {"optimizer": name, "batch_size": size, "samples": len(order), **work, **floors(work, peak, own)}
            rows.append({**row, **measured, "share": row["floor"] / measured["measured"], "speeds": own})
    result = {"unit": "microseconds per sample", "multiply_adds_per_second": peak, "speeds": speeds, "rows": rows}
    if arguments.json:
        print(json.dumps(result, indent=2))
    else:
        _print(result)


# --- The machine ---


@inlined
def five(a, x, y):
    """Multiply five vectors by x and add y."""
    a0, a1, a2, a3, a4 = a
    return a0 * x + y, a1 * x + y, a2 * x + y, a3 * x + y, a4 * x + y


@inlined
def begin(start, at):
    """Load five vectors, which must differ: equal ones would be computed once."""
    n = STRIDE
    return (
        load(start, at),
        load(start, at + n),
        load(start, at + n * u(2)),
        load(start, at + n * u(3)),
        load(start, at + n * u(4)),
    )


@inlined
def sum_of(a):
    a0, a1, a2, a3, a4 = a
    return totals((a0 + a1 + a2 + a3 + a4,))[0]


@compiled
def with_5(start, x, y, times):
    """Keep two pipes of 256 bits busy: five vectors are ten registers."""
    a = begin(start, u(0))
    for _ in range(times):
        a = five(a, x, y)
    return sum_of(a)


@compiled
def with_10(start, x, y, times):
    """Keep two pipes of 512 bits busy."""
    a, b = begin(start, u(0)), begin(start, u(5) * STRIDE)
    for _ in range(times):
        a, b = five(a, x, y), five(b, x, y)
    return sum_of(a) + sum_of(b)


@compiled
def read_rows(w, rows, values, z, passes):
    """Add the rows, times a number each, to z, four at a time."""
    width = u(len(z))
    for _ in range(passes):
        for k in range(u(0), u(len(rows)), u(4)):
            x0, x1, x2, x3 = values[k], values[k + u(1)], values[k + u(2)], values[k + u(3)]
            r0, r1 = u(rows[k]) * width, u(rows[k + u(1)]) * width
            r2, r3 = u(rows[k + u(2)]) * width, u(rows[k + u(3)]) * width
            for j in range(u(0), width, STRIDE):
                a = load(z, j) + x0 * load(w, r0 + j)
                a = a + x1 * load(w, r1 + j)
                a = a + x2 * load(w, r2 + j)
                store(z, j, a + x3 * load(w, r3 + j))


@compiled
def update_rows(w, rows, values, z, passes):
    """Add z, times a number each, to the rows."""
    width = u(len(z))
    for _ in range(passes):
        for k in range(u(0), u(len(rows))):
            x, r = values[k], u(rows[k]) * width
            for j in range(u(0), width, STRIDE):
                store(w, r + j, load(w, r + j) + x * load(z, j))


def multiply_adds_per_second(repeats: int) -> float:
    """Return the most multiply-and-adds of numbers a second."""
    times, start = 1_000_000, aligned(10 * LANES)
    start[:] = np.arange(len(start))
    speeds = []
    for function, held in ((with_5, 5), (with_10, 10)):
        # Each number ends at 1 / (1 - 0.5), which shows that it was computed.
        assert function(start, np.float32(0.5), np.float32(1), 100) == 2 * held * LANES
        spent = best(lambda function=function: function(start, np.float32(0.5), np.float32(1), times), repeats)
        speeds.append(held * LANES * times / spent)
    return max(speeds)


def row_speeds(size: int, repeats: int) -> dict[str, float]:
    """Return the bytes of a set of rows, and the bytes a second of reading and of updating them in random order."""
    width = WIDTHS[0]
    count = max(4, size // (width * NUMBER_BYTES) // 4 * 4)
    held = count * width * NUMBER_BYTES
    w, z, values = aligned(count * width), aligned(width), np.full(count, 2.0**-20, np.float32)
    w[:] = 1
    rows = np.random.default_rng(0).permutation(count).astype(np.uint32)
    passes = max(1, 2**27 // held)
    read_rows(w, rows, values, z, 1)
    assert (z == count * 2.0**-20).all()
    update_rows(w, rows, values, z, 1)
    read = best(lambda: read_rows(w, rows, values, z, passes), repeats)
    update = best(lambda: update_rows(w, rows, values, z, passes), repeats)
    return {"bytes": held, "read": passes * held / read, "update": 2 * passes * held / update}


def best(work: Callable[[], Any], repeats: int) -> float:
    """Return the fewest seconds."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def aligned(count: int) -> NDArray[np.float32]:
    """Return zeros that start at a cache line."""
    raw = np.zeros(count * NUMBER_BYTES + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + count * NUMBER_BYTES].view(np.float32)


def working_sets() -> dict[str, int]:
    """Return numbers of bytes: one that fits into each cache, with room to spare, and one that fits into none."""
    first, second, third = (cache_bytes(level) for level in (1, 2, 3))
    return {"L1": first // 2, "L2": second // 2, "L3": third // 4, "DRAM": max(256 * KIB**2, 2 * third)}


def cache_bytes(level: int) -> int:
    """Return the size of this core's data cache of a level, as the system reports it; otherwise that of `CACHES`."""
    core = max(os.sched_getaffinity(0))
    for folder in sorted(Path(f"/sys/devices/system/cpu/cpu{core}/cache").glob("index*")):
        try:
            told, kind, size = ((folder / name).read_text().strip() for name in ("level", "type", "size"))
        except OSError:
            continue
        if told == str(level) and kind != "Instruction" and size.endswith("K"):
            return int(size[:-1]) * KIB
    return CACHES[level]


# --- The work ---


def weight_bytes() -> int:
    """Return the bytes of the padded weights."""
    return NUMBER_BYTES * sum(n * width for n, width in zip(NETWORK.layers[:-1], WIDTHS, strict=True))


def work_of(data: Split, order: NDArray[np.int64], rule: Optimizer, batch_size: int) -> dict[str, float]:
    """Count what one sample needs, on average; see the top of this file."""
    matrices = start_weights(RunSpec()).astype(np.float32)
    trace = forward(NETWORK, matrices, scaled(data.features[order], np.float32))
    present = [a != 0 for a in trace.activations]
    terms = [float(p.sum()) * width for p, width in zip(present, WIDTHS, strict=True)]
    formula = rule.formula
    assert formula is not None, f"{rule.name} takes no steps in compiled code"
    moves_all = formula.lazy is None and not formula.inert
    needed = moved = 0
    for p, width in zip(present, WIDTHS, strict=True):
        for low in range(0, len(order), batch_size):
            rows = int(p[low : low + batch_size].any(axis=0).sum())
            needed += rows * width
            moved += (p.shape[1] if moves_all else rows) * width
    samples = len(order)
    return {
        "forward_multiply_adds": sum(terms) / samples,
        "gradient_multiply_adds": (sum(terms[1:]) + sum(terms)) / samples,
        "forward_bytes": NUMBER_BYTES * needed / samples,
        "update_bytes": 2 * NUMBER_BYTES * (1 + len(formula.slots)) * moved / samples,
    }


def floors(work: dict[str, float], peak: float, speeds: dict[str, float]) -> dict[str, float]:
    """Return the microseconds below which one sample cannot fall; see the top of this file."""
    arithmetic = [work["forward_multiply_adds"] / peak, work["gradient_multiply_adds"] / peak]
    traffic = [work["forward_bytes"] / speeds["read"], work["update_bytes"] / speeds["update"]]
    return {
        "arithmetic_floor": 1e6 * sum(arithmetic),
        "traffic_floor": 1e6 * sum(traffic),
        "floor": 1e6 * sum(map(max, arithmetic, traffic)),
    }


# --- The engine ---


def seconds(data: Split, order: NDArray[np.int64], rule: Optimizer, batch_size: int, repeats: int) -> list[float]:
    """Return how long the fused engine trains on the samples, from the initial weights each time."""
    engine = make_engine("fused", NETWORK, rule, start_weights(RunSpec()), "float32", batch_size)
    engine.compile()
    engine.prepare(data)
    hyper, state, times = rule.hyperparameters({"lr": 0.001}), engine.state(), []
    for _ in range(repeats + 1):
        engine.restore(state)
        began = time.perf_counter()
        taken = engine.train(data, order, 0, len(order), hyper)
        engine.settle(hyper)
        times.append(time.perf_counter() - began)
        assert taken.steps == -(-len(order) // batch_size), "the loss is not finite"
    return times[1:]


def _print(result: dict[str, Any]) -> None:
    print(f"registers      {result['multiply_adds_per_second'] / 1e9:6.1f} G multiply-and-adds a second")
    for name, found in result["speeds"].items():
        where = f"{name:5} {found['bytes'] / KIB:7.0f} KiB"
        print(f"{where}  read {found['read'] / 1e9:6.1f} GB/s, update {found['update'] / 1e9:6.1f} GB/s")
    print("\nmicroseconds per sample; M: million multiply-and-adds; KB: moved; read, update: GB/s of weights and slots")
    print("optimizer     m       M     KB   read  update   arithmetic  traffic  floor   measured  share")
    for row in result["rows"]:
        million = (row["forward_multiply_adds"] + row["gradient_multiply_adds"]) / 1e6
        kilobytes = (row["forward_bytes"] + row["update_bytes"]) / 1e3
        print(
            f"{row['optimizer']:9} {row['batch_size']:5}  {million:6.3f} {kilobytes:6.0f}"
            f"  {row['speeds']['read'] / 1e9:5.1f}   {row['speeds']['update'] / 1e9:5.1f}"
            f"   {row['arithmetic_floor']:10.2f}  {row['traffic_floor']:7.2f} {row['floor']:6.2f}"
            f"   {row['measured']:8.2f}  {100 * row['share']:4.0f} %"
        )


if __name__ == "__main__":
    main()

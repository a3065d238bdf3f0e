"""ravine beside other libraries: `python -m benchmarks [--json]`, after `pip install -e ".[peers]"`.

The same network, images, batches, initial weights and rates in float32 for every peer, each in a process of its own
that waits while another one trains. First each peer warms up (`--json` gives these seconds apart), and the losses of
all over the same samples are compared. Then they are timed in turn, round after round, and medians are printed.

Two comparisons. One core: every peer has one core and one thread. Whole machine: the better of one run with all
threads and of one run a core at the same time, in samples per second of all together. A ratio is that of the fastest
other peer to ravine, in seconds per sample: above 1 ravine is faster.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import statistics
import sys
from importlib.util import find_spec
from subprocess import Popen
from typing import Any

from benchmarks.peers import PEERS
from benchmarks.processes import ask, start

SAMPLES = {1: 1_000, 10: 6_000, 100: 12_000, 1000: 12_000}
TOLERANCE = 0.02
"""A peer whose mean loss differs from ravine's by more is left out.

A small difference is allowed: scikit-learn has biases, and some peers add eps at another place.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--optimizers", nargs="+", default=["sgd", "momentum", "adagrad", "adam"])
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 10, 100, 1000])
    parser.add_argument("--peers", nargs="+", default=list(PEERS))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--floats", action="store_true", help="random floats without a zero in place of MNIST's bytes")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    missing = {peer: library for peer in arguments.peers if (library := _missing(peer))}
    for peer, library in missing.items():
        print(f"{peer}: {library} is not installed", file=sys.stderr)
    workers = {peer: Workers(peer) for peer in arguments.peers if peer not in missing}
    rows = []
    for optimizer in arguments.optimizers:
        for size in arguments.batch_sizes:
            rows.append(measure(workers, optimizer, size, arguments.repeats, arguments.floats))
            if not arguments.json:
                _print(rows[-1])
    memory = {peer: one.peak_bytes for peer, one in workers.items()}
    if arguments.json:
        cores = os.cpu_count()
        result = {"unit": "microseconds per sample", "cores": cores, "missing": missing, "rows": rows}
        print(json.dumps({**result, "peak_bytes": memory}, indent=2))
    else:
        print("peak memory of one process: " + ", ".join(f"{p} {b / 2**20:.0f} MiB" for p, b in memory.items()))


def _missing(peer: str) -> str | None:
    libraries = importlib.import_module(f"benchmarks.peers.{peer}").LIBRARIES
    return next((library for library in libraries if find_spec(library) is None), None)


class Workers:
    """The processes of one peer: one on each core, with one thread, and one that has all."""

    def __init__(self, peer: str) -> None:
        self.peak_bytes = 0
        self._alone = [start("benchmarks.worker", peer, str(core)) for core in sorted(os.sched_getaffinity(0))]
        self._every = start("benchmarks.worker", peer, "all")

    def prepare(self, **task: Any) -> dict[str, Any]:
        """Let all processes warm up, one after the other; return the answer of the first one, or the first error."""
        said = [ask([process], {"prepare": task})[0] for process in (*self._alone, self._every)]
        return next((answer for answer in said if "error" in answer), said[0])

    def one_core(self) -> float:
        return self._seconds(self._alone[:1])

    def every_core(self) -> float:
        """Return the seconds of one run a core at once; of the slowest, since all take the same samples."""
        return self._seconds(self._alone) / len(self._alone)

    def all_threads(self) -> float:
        return self._seconds([self._every])

    def _seconds(self, processes: list[Popen[str]]) -> float:
        answers = ask(processes, {"go": True})
        self.peak_bytes = max(self.peak_bytes, *(answer["peak_bytes"] for answer in answers))
        return max(answer["seconds"] for answer in answers)


def measure(
    workers: dict[str, Workers], optimizer: str, size: int, repeats: int, floats: bool = False
) -> dict[str, Any]:
    samples = SAMPLES.get(size, 12_000)
    task = {"optimizer": optimizer, "batch_size": size, "samples": samples, "floats": floats}
    said = {p: w.prepare(**task) for p, w in workers.items()}
    row: dict[str, Any] = {"optimizer": optimizer, "batch_size": size, "samples": samples}
    row["left_out"] = {peer: answer["error"] for peer, answer in said.items() if "error" in answer}
    taken = [peer for peer in workers if peer not in row["left_out"]]
    losses = {peer: said[peer]["loss"] for peer in taken}
    apart = {peer: loss for peer, loss in losses.items() if abs(loss - losses["ravine"]) > TOLERANCE}
    row["left_out"] |= {p: f"its mean loss is {loss:.4f}, ours {losses['ravine']:.4f}" for p, loss in apart.items()}
    taken = [peer for peer in taken if peer not in apart]
    ways = ("one_core", "every_core", "all_threads")
    seconds: dict[str, dict[str, list[float]]] = {peer: {way: [] for way in ways} for peer in taken}
    for _ in range(repeats):
        for way in ways:
            for peer in taken:
                seconds[peer][way].append(getattr(workers[peer], way)())
    row["peers"] = {}
    for peer in taken:
        medians = {way: 1e6 * statistics.median(seconds[peer][way]) / samples for way in ways}
        whole = min(medians["every_core"], medians["all_threads"])
        row["peers"][peer] = {**said[peer], **medians, "whole_machine": whole}
    for column in ("one_core", "whole_machine"):
        others = {peer: row["peers"][peer][column] for peer in taken if peer != "ravine"}
        best = min(others, key=lambda peer: others[peer])
        row[column] = {"best_peer": best, "ratio": others[best] / row["peers"]["ravine"][column]}
    return row


def _print(row: dict[str, Any]) -> None:
    print(f"{row['optimizer']}, m = {row['batch_size']}: microseconds per sample on one core / on the whole machine")
    for peer, found in row["peers"].items():
        print(f"  {peer:15} {found['one_core']:8.1f} / {found['whole_machine']:8.1f}   loss {found['loss']:.4f}")
    for peer, fault in row["left_out"].items():
        print(f"  {peer:15} left out: {fault}")
    for column, name in (("one_core", "one core"), ("whole_machine", "whole machine")):
        print(f"  {name}: {row[column]['ratio']:.1f} times faster than {row[column]['best_peer']}")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

"""Training on sparse data beside other libraries: `python -m benchmarks.sparse [--json]`, with the extra `peers`.

A network of COLUMNS-64-10 units without biases, with relu and cross-entropy, in float32; samples have 100 nonzeros,
whose columns follow Zipf's law. All peers get the same samples in the same order, the same initial weights and rates.
Each has a process of its own that waits while another one trains. First each peer warms up, and the mean losses of all
over the first 30 batches are compared. A peer that has several forms takes the one in which these batches are fastest.

Then they are timed in turn, round after round, and medians are printed. A peer trains on all samples once, or on fewer
if these take longer than `--seconds`. ravine's lazy updates are settled within the time. One core: every peer has one
core and one thread; in brackets stands the time that it had the core, which is less on a busy machine. Whole machine
(`--whole-machine`): the better of one run with all threads and of one run a core at the same time. Memory is the peak
of a process, beyond what it held before it had data; beside it stands the sum of weights, state and data. `floor.py`
says what the floor is.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import statistics
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.processes import ask, start
from benchmarks.sparse.floor import floor
from benchmarks.sparse.peers import OPTIMIZERS, PEERS, SLOTS
from benchmarks.sparse.problem import Problem, draw

TOLERANCE = 0.02
"""A peer whose mean loss over the first batches differs from the median peer's by more is left out.

A small difference is allowed: scikit-learn has biases, and in lazy_adam libraries differ in which weights of the
second layer wait.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--columns", type=int, nargs="+", default=[100_000])
    parser.add_argument("--optimizers", nargs="+", default=list(OPTIMIZERS), choices=OPTIMIZERS)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 10, 100])
    parser.add_argument("--peers", nargs="+", default=list(PEERS), choices=PEERS)
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--whole-machine", action="store_true")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    missing = {peer: library for peer in arguments.peers if (library := _missing(peer))}
    for peer, library in missing.items():
        print(f"{peer}: {library} is not installed", file=sys.stderr)
    peers = [peer for peer in arguments.peers if peer not in missing]
    rows = []
    for columns in arguments.columns:
        problem = draw(columns, arguments.samples)
        with tempfile.TemporaryDirectory() as folder:
            problem.save(Path(folder))
            for optimizer in arguments.optimizers:
                for size in arguments.batch_sizes:
                    task = {"folder": folder, "optimizer": optimizer, "batch_size": size, "seconds": arguments.seconds}
                    # A new process has no memory left over from the row before.
                    workers = {peer: Workers(peer, arguments.whole_machine) for peer in peers}
                    rows.append(measure(workers, problem, task, arguments.repeats))
                    for each in workers.values():
                        each.close()
                    if not arguments.json:
                        _print(rows[-1])
    if arguments.json:
        result = {"unit": "microseconds per sample", "cores": os.cpu_count(), "missing": missing, "rows": rows}
        print(json.dumps(result, indent=2))


def _missing(peer: str) -> str | None:
    libraries = importlib.import_module(f"benchmarks.sparse.peers.{peer}").LIBRARIES
    return next((library for library in libraries if find_spec(library) is None), None)


class Workers:
    """The processes of one peer: one with one core; for the whole machine one on each, and one with all threads."""

    def __init__(self, peer: str, whole_machine: bool) -> None:
        cores = sorted(os.sched_getaffinity(0), reverse=True)
        names = [str(core) for core in cores] if whole_machine else [str(cores[0])]
        self._alone = [start("benchmarks.sparse.worker", peer, name) for name in names]
        self._every = [start("benchmarks.sparse.worker", peer, "all")] if whole_machine else []
        self.ways = {"one_core": self._alone[:1]}
        if whole_machine:
            self.ways |= {"every_core": self._alone, "all_threads": self._every}

    def prepare(self, task: dict[str, Any]) -> dict[str, Any]:
        """Let all processes warm up, one after the other; all take as many samples as the first one can."""
        first = ask(self._alone[:1], {"prepare": task})[0]
        if "error" in first:
            return first
        others = [*self._alone[1:], *self._every]
        said = [ask([process], {"prepare": {**task, "samples": first["samples"]}})[0] for process in others]
        return next((answer for answer in said if "error" in answer), first)

    def go(self, way: str) -> dict[str, Any]:
        """Return the seconds for the samples of one process, and the bytes of the largest process."""
        answers = ask(self.ways[way], {"go": True})
        return {
            "seconds": max(answer["seconds"] for answer in answers) / len(answers),
            "processor_seconds": max(answer["processor_seconds"] for answer in answers),
            "peak_bytes": max(answer["peak_bytes"] for answer in answers),
        }

    def close(self) -> None:
        for process in (*self._alone, *self._every):
            process.communicate()


def measure(workers: dict[str, Workers], problem: Problem, task: dict[str, Any], repeats: int) -> dict[str, Any]:
    optimizer, size = task["optimizer"], task["batch_size"]
    said = {peer: one.prepare(task) for peer, one in workers.items()}
    left_out = {peer: answer["error"] for peer, answer in said.items() if "error" in answer}
    losses = {peer: answer["loss"] for peer, answer in said.items() if peer not in left_out}
    if losses:
        usual = statistics.median_low(losses.values())
        apart = {peer: loss for peer, loss in losses.items() if not abs(loss - usual) <= TOLERANCE}
        left_out |= {peer: f"its mean loss is {loss:.4f}, others' {usual:.4f}" for peer, loss in apart.items()}
    taken = [peer for peer in workers if peer not in left_out]
    found: dict[str, dict[str, list[dict[str, Any]]]] = {
        peer: {way: [] for way in workers[peer].ways} for peer in taken
    }
    for _ in range(repeats):
        for peer in taken:
            for way, answers in found[peer].items():
                answers.append(workers[peer].go(way))
    peers = {}
    for peer in taken:
        samples = said[peer]["samples"]
        each = {way: [1e6 * a["seconds"] / samples for a in answers] for way, answers in found[peer].items()}
        medians = {way: statistics.median(times) for way, times in each.items()}
        if "all_threads" in medians:
            medians["whole_machine"] = min(medians["every_core"], medians["all_threads"])
        peak = max(answer["peak_bytes"] for answer in found[peer]["one_core"])
        own = statistics.median(1e6 * a["processor_seconds"] / samples for a in found[peer]["one_core"])
        peers[peer] = {**said[peer], **medians, "processor": own, "peak_bytes": peak}
    lowest = floor(problem, optimizer, size, len(problem.order), max(repeats, 9))
    return {
        "columns": len(problem.first),
        "optimizer": optimizer,
        "batch_size": size,
        "bytes": bytes_of(problem, optimizer),
        "floor": vars(lowest),
        "peers": peers,
        "left_out": left_out,
    }


def bytes_of(problem: Problem, optimizer: str) -> int:
    """Return the bytes of weights, state and data."""
    weights = problem.first.nbytes + problem.second.nbytes
    return (1 + SLOTS[optimizer]) * weights + problem.columns.nbytes + problem.values.nbytes + problem.labels.nbytes


def _print(row: dict[str, Any]) -> None:
    print(f"{row['columns']:,} columns, {row['optimizer']}, m = {row['batch_size']}: microseconds per sample")
    for peer, found in row["peers"].items():
        whole = f" / {found['whole_machine']:.2f} whole machine" if "whole_machine" in found else ""
        memory = f"{found['peak_bytes'] / 2**20:.0f} MiB, {found['peak_bytes'] / row['bytes']:.2f} times the sum"
        times = f"{found['one_core']:9.2f} ({found['processor']:.2f}){whole}"
        form = f"{found['form']}, {found['samples']:,} samples"
        print(f"  {peer:14} {times}   loss {found['loss']:.4f}   {memory}   {form}")
    for peer, fault in row["left_out"].items():
        print(f"  {peer:14} left out: {fault}")
    lowest = row["floor"]
    print(
        f"  floor          {lowest['microseconds']:9.2f}   {lowest['bytes'] / 1e3:.0f} KB a sample; "
        f"in random order {lowest['random_speed'] / 1e9:.1f} GB/s; sum {row['bytes'] / 2**20:.0f} MiB"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    main()

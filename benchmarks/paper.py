"""The paper's 31 runs with ravine and with PyTorch, on the whole machine: `python -m benchmarks.paper [--json]`.

The runs are the rows of the paper's Tables 1 to 5: sgd, momentum and AdaGrad with and without decay, ten epochs each.

ravine trains them in full, into a temporary folder, through what `ravine study run` calls: the estimate of each run,
the pool of threads, evaluation after each epoch, checkpoints and stored runs. The data are read first, and the kernels
are compiled, or loaded if they were compiled before; the seconds of the kernels are printed apart. The memory is the
peak of the process. It includes the compiler's memory if kernels had to be compiled.

PyTorch does not train in full: its time is estimated from some steps. The time of a step depends only on the optimizer
and the batch size, not on the rate or its decay. So each pair of these is timed over some steps, after as many steps to
warm up: in turn as one run a core at once, each with one thread, and as one run with all threads. The better of the two
medians counts. It is multiplied by the steps that ravine took in each row, since a run that diverges ends early in both
libraries. The time of one evaluation of the test images after each epoch is added, in batches of 1,000, with all
threads, or with one thread a core as if these did not slow each other down. ravine evaluates the same images. Neither
library evaluates the training images, because the training loss is summed while training.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.__main__ import Workers
from ravine.data import Dataset, Split, load, scaled
from ravine.paper.study import load_paper
from ravine.spec import RunSpec
from ravine.storage.record import NonFinite, Result
from ravine.storage.store import RunStore
from ravine.studies import Planned, cut_short, plan, run_study
from ravine.studies.estimate import estimate
from ravine.training import engine_of, start_weights

TABLES = ("table1", "table2", "table3", "table4", "table5")
EVALUATED = 1_000
"""Images that PyTorch evaluates at a time."""

CORES = len(os.sched_getaffinity(0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=500, help="of PyTorch, timed for each optimizer and batch size")
    parser.add_argument("--repeats", type=int, default=5, help="of these steps")
    parser.add_argument("--epochs", type=int, default=10, help="cut all runs to so many, for a trial")
    parser.add_argument("--jobs", type=int, default=CORES, help="runs of ravine at once")
    parser.add_argument("--without-torch", action="store_true", help="time ravine alone")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    planned = cut_short(plan(load_paper(), TABLES), arguments.epochs)
    data = load()
    ours, results = ravine_seconds(planned, data, arguments.jobs)
    found: dict[str, Any] = {"cores": CORES, "runs": len(results), "epochs": arguments.epochs, "ravine": ours}
    found["diverged"] = sum(result.status == "diverged" for result in results)
    if not arguments.without_torch:
        found["torch"] = torch_seconds(results, data, arguments.steps, arguments.repeats)
        found["ratio"] = found["torch"]["seconds"] / ours["seconds"]
    if arguments.json:
        print(json.dumps(found, indent=2))
    else:
        _print(found)


def ravine_seconds(planned: Sequence[Planned], data: Dataset, jobs: int) -> tuple[dict[str, float], list[Result]]:
    """Train all runs; return the seconds, those of compiling before, the peak memory, and how the runs ended."""
    began = time.perf_counter()
    for run in {(each.spec.optimizer, each.spec.dtype): each.run for each in planned}.values():
        engine_of(run, start_weights(run.spec)).compile()
    compiled = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        store = RunStore(folder)
        costs = estimate(planned, store, jobs, lambda _: data)
        outcome = run_study(planned, store, load_data=lambda _: data, jobs=jobs, costs=costs.seconds)
        seconds = time.perf_counter() - compiled
    assert not outcome.failed, outcome.failed
    assert outcome.signal is None, "interrupted"
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    told = {"seconds": seconds, "compile_seconds": compiled - began, "peak_bytes": peak}
    return told, list(outcome.results.values())


def torch_seconds(results: Sequence[Result], data: Dataset, steps: int, repeats: int) -> dict[str, Any]:
    """Return the seconds that PyTorch would take for the same steps and evaluations, and what they are made of."""
    images = len(data.train.targets)
    kinds = sorted({(result.spec.optimizer, result.spec.batch_size) for result in results})
    workers = Workers("torch")
    costs = {kind: step_seconds(workers, *kind, min(steps, images // kind[1]), repeats) for kind in kinds}
    rows = []
    for (optimizer, batch_size), cost in costs.items():
        own = [r for r in results if (r.spec.optimizer, r.spec.batch_size) == (optimizer, batch_size)]
        taken = sum(steps_taken(result, images) for result in own)
        row = {"optimizer": optimizer, "batch_size": batch_size, "runs": len(own), "steps": taken}
        rows.append({**row, "step_seconds": cost, "seconds": taken * min(cost.values())})
    evaluations, each = sum(map(evaluations_of, results)), evaluation_seconds(data.test, repeats)
    training = sum(row["seconds"] for row in rows)
    return {
        "seconds": training + evaluations * each,
        "training_seconds": training,
        "evaluations": evaluations,
        "evaluation_seconds": evaluations * each,
        "peak_bytes": workers.peak_bytes,
        "rows": rows,
    }


def step_seconds(workers: Workers, optimizer: str, batch_size: int, steps: int, repeats: int) -> dict[str, float]:
    """Return the seconds per step of the machine with one run a core, and with one run on all threads."""
    said = workers.prepare(optimizer=optimizer, batch_size=batch_size, samples=steps * batch_size)
    assert "error" not in said, said
    times = [(workers.every_core(), workers.all_threads()) for _ in range(repeats)]
    every, threads = (statistics.median(column) / steps for column in zip(*times, strict=True))
    return {"one run a core": every, "all threads": threads}


def steps_taken(result: Result, images: int) -> int:
    """Return how many batches a run has trained on; a run that diverged has fewer than were planned."""
    if isinstance(result.cause, NonFinite):
        return result.cause.step
    return len(result.history) * -(-images // result.spec.batch_size)


def evaluations_of(result: Result) -> int:
    """Return how often the test images were evaluated: after each epoch, and when a number was not finite."""
    return len(result.history) + isinstance(result.cause, NonFinite)


def evaluation_seconds(split: Split, repeats: int) -> float:
    """Return the seconds that PyTorch takes to evaluate a split: loss and hits."""
    import torch

    spec = RunSpec()
    matrices = [torch.from_numpy(m.astype("float32")) for m in spec.network.layout.views(start_weights(spec))]
    images = torch.from_numpy(scaled(split.features, "float32"))
    labels = torch.from_numpy(split.targets.astype("int64"))

    @torch.no_grad()
    def evaluate() -> None:
        loss, hits = torch.zeros(()), torch.zeros((), dtype=torch.int64)
        for x, y in zip(images.split(EVALUATED), labels.split(EVALUATED), strict=True):
            for matrix in matrices[:-1]:
                x = torch.relu(x @ matrix)
            logits = x @ matrices[-1]
            loss += torch.nn.functional.cross_entropy(logits, y, reduction="sum")
            hits += (logits.argmax(1) == y).sum()
        float(loss), int(hits)

    medians = []
    for threads, share in ((CORES, 1), (1, CORES)):
        torch.set_num_threads(threads)
        evaluate()
        times = []
        for _ in range(repeats):
            began = time.perf_counter()
            evaluate()
            times.append(time.perf_counter() - began)
        medians.append(statistics.median(times) / share)
    return min(medians)


def _print(found: dict[str, Any]) -> None:
    ours = found["ravine"]
    print(f"{found['runs']} runs of up to {found['epochs']} epochs on {found['cores']} cores; ", end="")
    print(f"{found['diverged']} diverged and ended early")
    print(f"ravine   {ours['seconds']:8.1f} s, and {ours['compile_seconds']:.1f} s for the kernels before; ", end="")
    print(f"peak memory {ours['peak_bytes'] / 2**20:.0f} MiB")
    if "torch" not in found:
        return
    theirs = found["torch"]
    print(f"PyTorch  {theirs['seconds']:8.1f} s, scaled: {theirs['training_seconds']:.1f} s of training and ", end="")
    print(f"{theirs['evaluation_seconds']:.1f} s of {theirs['evaluations']} evaluations")
    print("\noptimizer      m  runs       steps   us per step: one run a core / all threads     seconds")
    for row in theirs["rows"]:
        every, threads = (1e6 * seconds for seconds in row["step_seconds"].values())
        print(f"{row['optimizer']:9} {row['batch_size']:6} {row['runs']:5} {row['steps']:11,}", end="")
        print(f"   {every:27.1f} / {threads:11.1f}   {row['seconds']:9.1f}")
    print(f"\nravine is {found['ratio']:.1f} times faster.")


if __name__ == "__main__":
    main()

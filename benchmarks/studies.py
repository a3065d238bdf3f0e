"""How busy a study of many short runs keeps the cores: `python -m benchmarks.studies [--runs N] [--jobs N] [--dask]`.

Synthetic images in memory, one epoch a run, one seed a run; the default images make a run of about 0.1 s. Kernel
seconds are the processor time that the threads spend inside the compiled functions (train, settle, evaluate), taken
around each call. Three shares of wall time times jobs are printed: that of the kernels; that of the other processor
time of the process, which is Python and system calls; and that of idle time, in which fewer than `jobs` threads had
work to do or got a core. Other processes may take cores from the threads, so the number of cores that they kept busy is
printed too. Afterwards fresh processes are timed that plan the study and look how its runs stand.

With --dask the runs are trained by worker processes of a Dask scheduler on this machine. Data in memory stay in their
process, so these runs are on MNIST, in a network whose run takes about as long. The kernel seconds are those of all
workers. The processor time of this process, which has the driver and the scheduler, is given for a run.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from ravine.data import Dataset, dataset, load
from ravine.spec import ResolvedRun, RunSpec, from_settings
from ravine.storage.record import Result
from ravine.storage.store import RunStore
from ravine.studies import Study, plan, run_study
from ravine.studies.estimate import estimate
from ravine.studies.runners import OnDask
from ravine.studies.runners.connection import connected
from ravine.training import train

PIXELS, CLASSES = (16, 16), 10
LAYERS = (256, 100, 50, CLASSES)
ON_MNIST = (784, 16, CLASSES)

STATUS = """
import sys
from pathlib import Path
import msgspec, numpy as np
from ravine.data import dataset
from ravine.storage.store import RunStore
from ravine.studies import Study, plan
from ravine.studies.standing import standing_of
folder = Path(sys.argv[1])
arrays = np.load(folder / "data.npz")
data = dataset(arrays["X"], arrays["y"], test=(arrays["X_test"], arrays["y_test"]))
planned = plan(msgspec.json.decode((folder / "study.json").read_bytes(), type=Study), data=data)
print(len(standing_of({one.id: one.run.spec for one in planned}, [RunStore(folder / "runs")]).stored))
"""
"""Prints how many runs of a study on data in memory are stored."""


def study_of(runs: int, **settings: Any) -> Study:
    """Return a study of one row with many seeds."""
    shared = {"epochs": 1, "batch_size": 10, "lr": 0.05, **settings}
    return msgspec.convert(
        {"name": "many", "seeds": list(range(runs)), "groups": [{"name": "seeds", "rows": [shared]}]}, Study
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--images", type=int, default=30_000, help="synthetic ones; a sixth as many are for tests")
    parser.add_argument("--optimizer", default="sgd")
    parser.add_argument("--repeats", type=int, default=5, help="of the look at the stored runs")
    parser.add_argument("--dask", action="store_true", help="train in worker processes of a Dask scheduler")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    runs, jobs, optimizer = arguments.runs, arguments.jobs, arguments.optimizer
    if arguments.dask:
        result = measure_on_dask(runs, jobs, optimizer)
    else:
        result = measure(runs, jobs, arguments.images, optimizer, arguments.repeats)
    if arguments.json:
        print(json.dumps(result, indent=2))
        return
    shares = ", ".join(f"{100 * result[f'{name}_share']:.1f} % {name}" for name in ("kernel", "other", "idle"))
    memory = ", ".join(f"{size / 2**20:.1f} MiB at {share} %" for share, size in result["resident_bytes"].items())
    print(f"{result['runs']} runs of {result['kernel_seconds_per_run']:.3f} s of kernel, {result['jobs']} at a time")
    print(f"  wall     {result['wall_seconds']:.1f} s, {result['core_seconds']:.1f} core-seconds: {shares}")
    print(f"           other processes kept {result['cores_busy_elsewhere']:.2f} of {result['cores']} cores busy")
    print(f"  memory   {memory}")
    if "driver_seconds_per_run" in result:
        workers = ", ".join(f"{first / 2**20:.1f} to {last / 2**20:.1f} MiB" for first, last in result["worker_bytes"])
        print(f"  workers  {workers} at 10 and 100 %")
        print(f"  driver   {1000 * result['driver_seconds_per_run']:.2f} ms a run, with the scheduler")
    print(f"  disk     {result['disk_bytes'] / 1e6:.1f} MB")
    if "status_seconds" in result:
        print(f"  status   {result['status_seconds']:.2f} s (median of {arguments.repeats})")


def measure(runs: int, jobs: int, images: int, optimizer: str, repeats: int) -> dict[str, Any]:
    data = synthetic(images)
    study = study_of(runs, layers=LAYERS, optimizer=optimizer)
    planned = plan(study, data=data)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        clock = KernelClock()
        train(planned[0].run, data, RunStore(folder / "first"))  # compiles, or loads what was compiled
        clock.watch(planned[0].run)
        memory = Memory(runs)
        before, machine, began = time.process_time(), machine_seconds(), time.perf_counter()
        outcome = run_study(planned, RunStore(folder / "runs"), load_data=lambda _: data, jobs=jobs, watcher=memory)
        wall, busy = time.perf_counter() - began, time.process_time() - before
        machine = machine_seconds() - machine
        assert len(outcome.results) == runs, outcome.failed
        status = status_seconds(folder, study, data, repeats)
        disk = sum(path.stat().st_blocks * 512 for path in (folder / "runs").rglob("*"))
    available = wall * jobs
    return {
        "runs": runs,
        "jobs": jobs,
        "cores": os.cpu_count(),
        "wall_seconds": wall,
        "core_seconds": available,
        "kernel_seconds_per_run": clock.seconds / runs,
        "kernel_share": clock.seconds / available,
        "other_share": (busy - clock.seconds) / available,
        "idle_share": (available - busy) / available,
        "cores_busy_elsewhere": max(0.0, machine - busy) / wall,
        "resident_bytes": memory.sizes,
        "disk_bytes": disk,
        "status_seconds": status,
    }


def measure_on_dask(runs: int, jobs: int, optimizer: str) -> dict[str, Any]:
    data = load("mnist")
    planned = plan(study_of(runs, layers=ON_MNIST, optimizer=optimizer))
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    with tempfile.TemporaryDirectory() as scratch, connected("local", jobs) as client:
        folder = Path(scratch)
        costs = estimate(planned, RunStore(folder / "runs"), jobs, lambda _: data).seconds
        first = run_study(planned[: 2 * jobs], RunStore(folder / "first"), runner=OnDask(client))
        assert len(first.results) == 2 * jobs, first.failed  # the workers have loaded the data and the kernel
        client.run(begin_clock, optimizer)
        memory = Memory(runs, lambda: list(client.run(resident).values()))
        before, machine, began = time.process_time(), machine_seconds(), time.perf_counter()
        outcome = run_study(planned, RunStore(folder / "runs"), runner=OnDask(client), costs=costs, watcher=memory)
        wall, busy = time.perf_counter() - began, time.process_time() - before
        machine = machine_seconds() - machine
        assert len(outcome.results) == runs, outcome.failed
        clocks = list(client.run(read_clock).values())
        disk = sum(path.stat().st_blocks * 512 for path in (folder / "runs").rglob("*"))
    available, kernel = wall * jobs, sum(kernel for kernel, _ in clocks)
    all_busy = busy + sum(used for _, used in clocks)
    return {
        "runs": runs,
        "jobs": jobs,
        "cores": os.cpu_count(),
        "wall_seconds": wall,
        "core_seconds": available,
        "kernel_seconds_per_run": kernel / runs,
        "kernel_share": kernel / available,
        "other_share": (all_busy - kernel) / available,
        "idle_share": (available - all_busy) / available,
        "cores_busy_elsewhere": max(0.0, machine - all_busy) / wall,
        "driver_seconds_per_run": busy / runs,
        "resident_bytes": memory.sizes,
        "worker_bytes": list(zip(memory.others[10], memory.others[100], strict=True)),
        "disk_bytes": disk,
    }


_clock: list[Any] = []


def begin_clock(optimizer: str) -> None:
    """Begin to count kernel seconds in a worker, whose kernel is loaded."""
    from benchmarks import studies

    clock = KernelClock()
    clock.watch(from_settings({"optimizer": optimizer, "lr": 0.05}))
    studies._clock[:] = [clock, time.process_time()]


def read_clock() -> tuple[float, float]:
    """Return the kernel seconds and all processor seconds of a worker since its clock began."""
    from benchmarks import studies

    clock, before = studies._clock
    return clock.seconds, time.process_time() - before


def resident() -> int:
    """Return the resident memory of this process, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def synthetic(count: int) -> Dataset:
    """Make images, mostly zeros, that a network can learn."""
    rng = np.random.default_rng(0)
    width = PIXELS[0] * PIXELS[1]
    prototypes = rng.integers(1, 256, (CLASSES, width), np.uint8) * (rng.random((CLASSES, width)) < 0.25)

    def split(size: int) -> tuple[Any, Any]:
        labels = rng.integers(0, CLASSES, size, np.uint8)
        return (prototypes[labels] * (rng.random((size, width)) < 0.8)).astype(np.uint8), labels

    train, test = split(count), split(max(1, count // 6))
    return dataset(*train, test=test)


class KernelClock:
    """Adds up the processor time of all threads inside compiled entries."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._lock = threading.Lock()

    def watch(self, run: ResolvedRun) -> None:
        """Put the clock around the entries of the run's kernel, which this process has loaded."""
        from ravine.engines.fused import compilation
        from ravine.engines.fused.render import render

        assert run.optimizer.formula is not None, "its steps are not taken in compiled code"
        kernel = compilation.load(render(run.optimizer.formula), run.spec.dtype)
        for name in ("run", "settle"):
            object.__setattr__(kernel, name, self._timed(getattr(kernel, name)))  # it is frozen

    def _timed(self, entry: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any) -> Any:
            began = time.thread_time()
            result = entry(*arguments)
            spent = time.thread_time() - began
            with self._lock:
                self.seconds += spent
            return result

        return timed


class Memory:
    """A watcher of a study that notes resident memory after 10, 50 and 100 % of the runs, of other processes too."""

    def __init__(self, runs: int, others: Callable[[], list[int]] = list) -> None:
        self.ends, self._look_at_others = 0, others
        self.sizes: dict[int, int] = {}
        self.others: dict[int, list[int]] = {}
        self._marks = {max(1, runs * share // 100): share for share in (10, 50, 100)}

    def started(self, run: str, spec: RunSpec) -> None:
        pass

    def progress(self, run: str, share: float, loss: float) -> None:
        pass

    def ended(self, run: str, result: Result | None, error: str | None) -> None:
        self.ends += 1
        if self.ends in self._marks:
            self.sizes[self._marks[self.ends]] = resident()
            self.others[self._marks[self.ends]] = self._look_at_others()


def machine_seconds() -> float:
    """Return how long the cores of this machine have been busy, all together, since it started."""
    user, nice, system, _, _, *others = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    return sum(map(int, (user, nice, system, *others[:3]))) / os.sysconf("SC_CLK_TCK")


def status_seconds(folder: Path, study: Study, data: Dataset, repeats: int) -> float:
    """Return the median time of fresh processes that look how the runs of a study in a folder stand."""
    assert data.test is not None
    arrays = {"X": data.train.features, "y": data.train.targets}
    np.savez(folder / "data.npz", **arrays, X_test=data.test.features, y_test=data.test.targets)
    (folder / "study.json").write_bytes(msgspec.json.encode(study))

    def once() -> float:
        began = time.perf_counter()
        out = subprocess.run(
            [sys.executable, "-c", STATUS, str(folder)], check=True, capture_output=True, text=True
        ).stdout
        seconds = time.perf_counter() - began
        assert int(out) == len(study.seeds), out
        return seconds

    return statistics.median(once() for _ in range(repeats))


if __name__ == "__main__":
    main()

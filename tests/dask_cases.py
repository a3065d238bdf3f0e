"""What the tests of Dask share: real schedulers and real worker processes, which know the small data set."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parent


def worker_environment(**changes: str) -> dict[str, str]:
    """Return the variables of a process that is, or starts, a worker which knows the small data set."""
    places = [str(TESTS), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    return {
        "PYTHONPATH": os.pathsep.join(filter(None, places)),
        "DASK_DISTRIBUTED__WORKER__PRELOAD": str(TESTS / "small_worker.py"),
        **changes,
    }


@contextmanager
def scheduler(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Start a scheduler as a process of its own; yield its address and the process."""
    file = folder / "scheduler.json"
    with _process("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-show", "--dashboard-address",
                  "127.0.0.1:0", "--scheduler-file", str(file)) as process:  # fmt: skip
        until(file.exists)
        yield str(file), process


@contextmanager
def worker(address: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a worker with one thread as a process of its own."""
    place = ["--scheduler-file", address] if address.endswith(".json") else [address]
    settings = ["--no-nanny", "--no-dashboard", "--nthreads", "1", "--memory-limit", "0", "--death-timeout", "20"]
    with _process("dask_worker", *place, *settings, **worker_environment(**environment)) as process:
        yield process


@contextmanager
def _process(module: str, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", f"distributed.cli.{module}", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def until(true: Callable[[], Any], seconds: float = 30) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not become true"
        time.sleep(0.02)


def process_ids(client: Any) -> dict[str, int]:
    """Return the number of the process of each worker, by address."""
    found: dict[str, int] = client.run(os.getpid)
    return found

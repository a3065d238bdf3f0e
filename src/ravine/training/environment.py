"""The versions and the machine with which a run was made; they are recorded beside its results."""

from __future__ import annotations

import datetime
import functools
import os
import platform
from importlib import metadata
from pathlib import Path

from ravine._version import __version__

_LIBRARIES = ("numpy", "numba", "llvmlite")


def environment(threads: int) -> dict[str, str | int]:
    """Return versions, processor, cores, threads used and the time, as plain data."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return {**_lasting(), "threads": threads, "time": now}


@functools.cache
def _lasting() -> dict[str, str | int]:
    """Return what stays as it is while the process lives; to ask the installed packages takes milliseconds."""
    return {
        "ravine": __version__,
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in _LIBRARIES},
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())

"""Train on the small data set in a process that kills itself at its n-th write: python killed_run.py ROOT WHAT N.

WHAT is the function of `os` at whose n-th call the process dies: before it, so that a write is cut off at every stage.
Without one, the run ends undisturbed and the process prints how often each function was called.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from training_cases import small_spec

from conftest import small_files, small_info
from ravine.data import catalog, load
from ravine.training import RunStore, train

WATCHED = ("fsync", "replace", "rename", "unlink", "rmdir")


def main(root: str, what: str = "", number: str = "0") -> None:
    files = small_files()
    catalog.DATASETS["small"] = small_info(files)  # type: ignore[index]
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        data = load("small", Path(folder))
    calls = dict.fromkeys(WATCHED, 0)
    for name in WATCHED:
        setattr(os, name, deadly(name, calls, what, int(number)))
    train(small_spec(), data, RunStore(root))
    print(json.dumps(calls))


def deadly(name: str, calls: dict[str, int], what: str, number: int):
    plain = getattr(os, name)

    def call(*arguments, **options):
        calls[name] += 1
        if (name, calls[name]) == (what, number):
            os.kill(os.getpid(), signal.SIGKILL)
        return plain(*arguments, **options)

    return call


if __name__ == "__main__":
    main(*sys.argv[1:])

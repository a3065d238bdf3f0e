"""Train on the small data set in a process that kills itself at its n-th write: python killed_run.py ROOT N.

A write is whatever changes the disk: a file that is opened to be written or is flushed, a rename, a removal, a new
folder. The process dies just before the n-th. With N = 0 it ends undisturbed, and prints how many there were.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from ravine.storage.store import RunStore
from ravine.training import train
from small_data import small_arrays
from training_cases import small_run

WRITES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate"}


class Killer:
    """Counts writes, and kills the process at the n-th."""

    def __init__(self, number: int) -> None:
        self.writes, self._number, self._fsync = 0, number, os.fsync
        os.fsync = self.fsync  # the one write that Python has no audit event for
        sys.addaudithook(self.audit)

    def fsync(self, handle: int) -> None:
        self.count()
        self._fsync(handle)

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in WRITES or (event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
            self.count()

    def count(self) -> None:
        self.writes += 1
        if self.writes == self._number:
            os.kill(os.getpid(), signal.SIGKILL)


def main(root: str, number: str) -> None:
    data = small_arrays()
    killer = Killer(int(number))
    train(small_run(), data, RunStore(root))
    print(killer.writes)


if __name__ == "__main__":
    main(*sys.argv[1:])

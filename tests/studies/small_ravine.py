"""The `ravine` command with the small data set in its table: python small_ravine.py N ARGUMENTS.

The process kills itself just before its n-th rename, which is how every file that must be whole is written; with N = 0
it lives.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from ravine.cli.main import run
from ravine.data import catalog
from small_data import small_files, small_info


def kill_at(number: int) -> None:
    """Kill this process at its n-th rename, by whatever thread."""
    renames = itertools.count(1)

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "os.rename" and next(renames) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(audit)


def main(number: str, *arguments: str) -> None:
    catalog.DATASETS["small"] = small_info(small_files())  # type: ignore[index]
    kill_at(int(number))
    sys.exit(run(list(arguments)))


if __name__ == "__main__":
    main(*sys.argv[1:])

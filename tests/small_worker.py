"""A preload of Dask's for workers in tests. The folder of the tests must be on their path.

The worker knows the small data set. The variable SMALL_WORKER says what is wrong with it: it has no ravine, or another
version. If the folder SMALL_DEADLY has a file of the name of a run, the worker dies when it begins this run.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any


def dask_setup(worker: Any) -> None:
    fault = os.environ.get("SMALL_WORKER")
    if fault == "no ravine":
        for name in [name for name in sys.modules if name.partition(".")[0] == "ravine"]:
            del sys.modules[name]
        sys.modules["ravine"] = None  # type: ignore[assignment]  # an import of it fails
        return

    import ravine._version
    from ravine.data import catalog
    from ravine.studies.runners import on_worker
    from small_data import small_files, small_info

    if fault == "another version":
        ravine._version.__version__ = "0.0.1"
    catalog.DATASETS["small"] = small_info(small_files())  # type: ignore[index]
    folder, run_of = Path(os.environ.get("SMALL_DEADLY", "nowhere")), on_worker.run_of

    def deadly(order: bytes) -> Any:
        run = run_of(order)
        if (folder / run.id).exists():
            os._exit(1)
        return run

    on_worker.run_of = deadly

"""The option `--dask`, and the runner that a command gets by it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ravine.cli.options import option
from ravine.errors import ConfigError
from ravine.settings import WHERE

if TYPE_CHECKING:
    from ravine.studies.runners import Runner

dask_option = option("--dask", metavar="CLUSTER", group=WHERE, help="Run on a Dask cluster: local for processes of "
                     "this machine, the address of a scheduler, or its file.")  # fmt: skip


@contextmanager
def running_on(dask: str | None, jobs: int | None, data_dir: Path | None, *, dry_run: bool = False) -> Iterator[Runner]:
    """Yield the runner: the cluster that --dask names, otherwise the threads of this process.

    For a dry run, which only asks how many runs go on at once, no processes of this machine are started.
    """
    from ravine.inputs import jobs_of
    from ravine.studies.runners import OnDask, runner_of
    from ravine.studies.runners.connection import LOCAL, PATIENCE, connected

    if dask is None or (dry_run and dask == LOCAL):
        yield runner_of(jobs)
        return
    if dask != LOCAL and jobs is not None:
        raise ConfigError(f"--jobs is {jobs}, and the cluster of --dask decides how many run at once: leave it out.")
    folder = None if data_dir is None else str(data_dir.absolute())
    with connected(dask, jobs_of(jobs)) as client:
        if dask == LOCAL:
            yield OnDask(client, data_dir=folder, patience=PATIENCE, workers=jobs_of(jobs))
        else:
            yield OnDask(client, data_dir=folder)

"""Which runner a study gets, by what the caller gave."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ravine.errors import ConfigError, shortened
from ravine.inputs import jobs_of
from ravine.studies.runners.dask import OnDask
from ravine.studies.runners.protocol import Runner
from ravine.studies.runners.threads import Threads


def runner_of(
    jobs: int | None = None, client: Any = None, runner: Runner | None = None, data_dir: Path | str | None = None
) -> Runner:
    """Return the runner that the caller means; the threads of this process if nothing is given.

    Args:
        jobs: runs at once on the threads of this process.
        client: a `distributed.Client`, to run on the workers of its cluster.
        runner: a runner of the caller's own.
        data_dir: a folder with the data, for workers of a cluster that see it too.

    Raises:
        ConfigError: more than one of them is given, or the client is none, or is not connected.
    """
    given = [name for name, value in (("jobs", jobs), ("client", client), ("runner", runner)) if value is not None]
    if len(given) > 1:
        raise ConfigError(f"{' and '.join(given)} are given, and each says where to run: give one of them.")
    if client is not None:
        return OnDask(client, data_dir=None if data_dir is None else str(Path(data_dir).absolute()))
    if runner is not None:
        if not callable(runner):
            raise ConfigError(f"runner is {shortened(runner)}; give a function of jobs and a session.")
        return runner
    return Threads(jobs_of(jobs))


def at_once(runner: Runner) -> int:
    """Return how many runs a runner trains at a time; 1 if it does not say."""
    number = getattr(runner, "at_once", None)
    return number if isinstance(number, int) and number > 0 else 1

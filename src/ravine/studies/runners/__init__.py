"""Runners: places to run. A runner takes jobs and yields how each of them ended."""

from ravine.studies.runners.choice import at_once, runner_of
from ravine.studies.runners.dask import OnDask
from ravine.studies.runners.protocol import Ending, Job, LostWorker, Runner, Session, StudyWatcher
from ravine.studies.runners.threads import Threads

__all__ = [
    "Ending",
    "Job",
    "LostWorker",
    "OnDask",
    "Runner",
    "Session",
    "StudyWatcher",
    "Threads",
    "at_once",
    "runner_of",
]

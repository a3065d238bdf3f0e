"""Reproduce the whole paper: run what is not stored yet, check the gradient, and write the report."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from ravine.data import load
from ravine.errors import ConfigError, unknown
from ravine.gradients.networks.check import Progress
from ravine.html import heading, paragraph
from ravine.inputs import jobs_of, path_of
from ravine.paper.claims import CLAIMS
from ravine.paper.study import load_paper
from ravine.report.make import CLAIMS_PART, make_report, write_report
from ravine.report.report import Report
from ravine.storage.files import check_writable
from ravine.storage.store import RunStore
from ravine.studies import StudyOutcome, StudyWatcher, cut_short, plan, run_study, with_seeds
from ravine.studies.estimate import estimate, tell_cost
from ravine.studies.gradients import check_runs, runs_to_check

DEFAULT_FOLDER = "ravine-report"

Watching = Callable[[int], AbstractContextManager[StudyWatcher | None]]
"""A function that takes the number of runs to train, and returns a context manager that yields a watcher."""


@dataclass(frozen=True)
class Reproduction:
    """How a reproduction ended.

    Attributes:
        outcome: of the study's runs.
        report: None if the study was interrupted.
        page: the report's page.
    """

    outcome: StudyOutcome
    report: Report | None = None
    page: Path | None = None

    def _repr_html_(self) -> str:
        if self.report is None or self.page is None:
            return heading("Reproduction", "interrupted; the same call goes on")
        sentences = "".join(map(paragraph, self.report.highlights))
        return heading(self.report.title) + sentences + paragraph(f"The report is in {self.page.absolute()}")


def reproduce(
    *,
    seeds: int = 1,
    quick: bool = False,
    only: Sequence[str] | None = None,
    out: Path | str = DEFAULT_FOLDER,
    runs: Path | str | None = None,
    data_dir: Path | str | None = None,
    jobs: int | None = None,
    watching: Watching = lambda runs: nullcontext(),
    progress: Progress | None = None,
    quiet: bool = False,
) -> Reproduction:
    """Run every experiment of the paper that is not stored yet, and write the report.

    Args:
        seeds: each row is run with seeds 0 to seeds - 1.
        quick: cut every run to two epochs, for a quick look.
        only: tables and figures, such as "table1" and "figure6", and "claims"; all if None.
        out: folder of the report.
        runs: folder of runs; `RAVINE_HOME` or `runs` if None.
        data_dir: folder with the data files.
        jobs: runs at once; as many as there are cores if None.
        watching: a function that returns a context manager with a watcher of the study; see `Watching`.
        progress: a function that is called with the progress of the gradient check.
        quiet: draw no progress bar for a download.

    Raises:
        ConfigError, DataError, DownloadError, StorageError: with one clear sentence each.
    """
    jobs = jobs_of(jobs)
    study = with_seeds(load_paper(), seeds)
    parts = [CLAIMS_PART, *(group.name for group in study.groups), *(figure.name for figure in study.figures)]
    for name in only or ():
        if name not in parts:
            raise ConfigError(unknown("table or figure", name, parts))
    named = None if only is None else [name for name in only if name != CLAIMS_PART]
    planned = plan(study, named)
    if only is not None and CLAIMS_PART in only:
        planned = plan(study)  # a verdict may rest on any run
    if quick:
        planned = cut_short(planned)
    folder, store = path_of("out", out) or Path(DEFAULT_FOLDER), RunStore(path_of("runs", runs))
    for place in (folder, store.root):
        check_writable(place)
    folder_of_data = path_of("data_dir", data_dir)
    load_data = functools.cache(lambda name: load(name, folder_of_data, quiet=quiet))
    costs = estimate(planned, store, jobs, load_data)
    tell_cost(costs, jobs)
    with watching(len(costs.seconds)) as watcher:
        outcome = run_study(planned, store, load_data=load_data, jobs=jobs, costs=costs.seconds, watcher=watcher)
    if outcome.signal is not None:
        return Reproduction(outcome)
    checks, faults = check_runs(runs_to_check(study, planned), store, load_data, progress)
    outcome.failed.update(faults)
    stored = store.load_all(outcome.results)[0]
    report = make_report(
        study,
        planned,
        stored,
        checks,
        CLAIMS,
        names=only,
        quick=quick,
        command=_command(seeds, quick, only),
    )
    return Reproduction(outcome, report, write_report(report, folder))


def _command(seeds: int, quick: bool, only: Sequence[str] | None) -> str:
    words = ["ravine", "reproduce"]
    if seeds != 1:
        words += ["--seeds", str(seeds)]
    if quick:
        words.append("--quick")
    if only is not None:
        words += ["--only", ",".join(only)]
    return shlex.join(words)

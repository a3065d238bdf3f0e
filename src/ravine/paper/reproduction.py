"""Reproduce the whole paper: run what is not stored yet, check the gradient, and write the report."""

from __future__ import annotations

import functools
import logging
import math
import shlex
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ravine.data import Dataset, load
from ravine.errors import ConfigError, shortened, unknown
from ravine.gradients.networks.check import NetworkCheck, Progress
from ravine.html import heading, paragraph
from ravine.inputs import count_of, path_of, seconds_of
from ravine.paper.beyond_section import beyond_section
from ravine.paper.claims import CLAIMS, TOPICS
from ravine.paper.study import load_paper
from ravine.report.claims import rows_wanted
from ravine.report.looks import LOOKS, Look, Looking
from ravine.report.make import CLAIMS_PART, make_report, write_report
from ravine.report.report import Report
from ravine.report.stored_study import StoredStudy
from ravine.report.written import check_free
from ravine.storage.files import check_writable
from ravine.storage.store import RunStore
from ravine.studies import Planned, Study, StudyOutcome, StudyWatcher, cut_short, find_rows, plan, run_study, with_seeds
from ravine.studies.estimate import Estimate, estimate, tell_cost
from ravine.studies.gradients import check_runs, runs_to_check
from ravine.studies.runners import Runner, at_once, runner_of
from ravine.words import duration, several

_log = logging.getLogger("ravine")

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
    until_decided: bool = False,
    at_most: float | str | None = None,
    looks: int | None = None,
    quick: bool = False,
    only: Sequence[str] | None = None,
    out: Path | str = DEFAULT_FOLDER,
    runs: Path | str | None = None,
    data_dir: Path | str | None = None,
    jobs: int | None = None,
    client: Any = None,
    runner: Runner | None = None,
    watching: Watching = lambda runs: nullcontext(),
    progress: Progress | None = None,
    quiet: bool = False,
) -> Reproduction:
    """Run every experiment of the paper that is not stored yet, and write the report.

    With `until_decided`, the rows that undecided claims need get more seeds, look by look, until no claim is left that
    seeds can decide. The intervals of the looks are wider, so that all looks at a difference together are wrong in at
    most 5 of 100 cases (`ravine.report.looks`).

    Args:
        seeds: each row is run with seeds 0 to seeds - 1.
        until_decided: spend more seeds where claims need them.
        at_most: a time in seconds, or as "15m" or "1h30m". Once a look would take longer than what is left of it, no
            further look begins.
        looks: the largest number of looks, with which a report that the time ended can be made again.
        quick: cut every run to two epochs, for a quick look.
        only: tables and figures, such as "table1" and "figure6", and "claims"; all if None.
        out: folder of the report.
        runs: folder of runs; `RAVINE_HOME` or `runs` if None.
        data_dir: folder with the data files.
        jobs: runs at once on the threads of this process; as many as there are cores if None.
        client: a `distributed.Client`, to run on the workers of its Dask cluster instead.
        runner: a place to run of your own instead; see `ravine.studies.runners`.
        watching: a function that returns a context manager with a watcher of the study; see `Watching`. Each look calls
            it.
        progress: a function that is called with the progress of the gradient check.
        quiet: draw no progress bar for a download.

    Raises:
        ConfigError, DataError, DownloadError, StorageError: with one clear sentence each.
    """
    end = time.monotonic() + (math.inf if at_most is None else seconds_of("at_most", at_most))
    place = runner_of(jobs, client, runner, data_dir)
    allowed = _allowed(until_decided, at_most, looks, only)
    if allowed:
        count_of("seeds", seeds, LOOKS[-1].seeds)
    study = with_seeds(load_paper(), seeds)
    parts = [CLAIMS_PART, *(group.name for group in study.groups), *(figure.name for figure in study.figures)]
    for name in only or ():
        if name not in parts:
            raise ConfigError(unknown("table or figure", name, parts))
    named = None if only is None or CLAIMS_PART in only else list(only)  # a verdict may rest on any run
    everything = plan(with_seeds(study, max([seeds, *(look.seeds for look in allowed)])), named)
    if quick:
        everything = cut_short(everything)
    folder, store = path_of("out", out) or Path(DEFAULT_FOLDER), RunStore(path_of("runs", runs))
    for each in (folder, store.root):
        check_writable(each)
    check_free(folder)
    folder_of_data = path_of("data_dir", data_dir)
    load_data = functools.cache(lambda name: load(name, folder_of_data, quiet=quiet))
    work = _Work(study, store, place, quick, load_data, watching, progress)
    planned: Sequence[Planned] = [run for run in everything if run.spec.seed in study.seeds]
    work.do(planned, work.costs(planned))
    looking = None
    if allowed:
        planned, looking = _look_by_look(work, everything, planned, allowed, end)
    if work.outcome.signal is not None:
        return Reproduction(work.outcome)
    stored = store.load_all(work.outcome.results)[0]
    report = make_report(
        study,
        planned,
        stored,
        work.checks,
        CLAIMS,
        names=only,
        quick=quick,
        command=_command(seeds, looking, quick, only),
        looking=looking,
        topics=TOPICS,
        more=() if only is not None else [beyond_section(store)],
    )
    return Reproduction(work.outcome, report, write_report(report, folder))


def _allowed(
    until_decided: bool, at_most: float | str | None, looks: int | None, only: Sequence[str] | None
) -> tuple[Look, ...]:
    """Return the looks that may be made; none without `until_decided`."""
    if not until_decided:
        for name, value in (("at_most", at_most), ("looks", looks)):
            if value is not None:
                raise ConfigError(f"{name} is {shortened(value)}, which needs until_decided: add it, or leave it out.")
        return ()
    if only is not None and CLAIMS_PART not in only:
        raise ConfigError(f"until_decided decides claims, and only leaves them out: add {CLAIMS_PART!r} to only.")
    return LOOKS if looks is None else LOOKS[: count_of("looks", looks, len(LOOKS))]


@dataclass
class _Work:
    """The runs and gradient checks that are there so far, and what it takes to make more."""

    study: Study
    store: RunStore
    runner: Runner
    quick: bool
    load_data: Callable[[str], Dataset]
    watching: Watching
    progress: Progress | None
    outcome: StudyOutcome = field(default_factory=StudyOutcome)
    checks: dict[str, NetworkCheck] = field(default_factory=dict)

    def costs(self, planned: Sequence[Planned]) -> Estimate:
        """Return what the runs that are not stored yet will take."""
        return estimate(planned, self.store, at_once(self.runner), self.load_data)

    def do(self, planned: Sequence[Planned], costs: Estimate) -> None:
        """Train the runs that are not stored yet, and check gradients, unless a signal interrupts it."""
        outcome = self.outcome
        left = [run for run in planned if run.id not in outcome.results and run.id not in outcome.failed]
        tell_cost(costs, at_once(self.runner))
        with self.watching(len(costs.seconds)) as watcher:
            done = run_study(
                left, self.store, load_data=self.load_data, runner=self.runner, costs=costs.seconds, watcher=watcher
            )
        outcome.results.update(done.results)
        outcome.failed.update(done.failed)
        outcome.reused.update(done.reused)
        outcome.signal = done.signal
        if done.signal is None:
            checks, faults = check_runs(runs_to_check(self.study, planned), self.store, self.load_data, self.progress)
            self.checks.update(checks)
            outcome.failed.update(faults)

    def evidence(self, planned: Sequence[Planned]) -> StoredStudy:
        """Return what claims are judged by."""
        return StoredStudy(planned, self.outcome.results, self.checks, self.quick)


def _look_by_look(
    work: _Work, everything: Sequence[Planned], planned: Sequence[Planned], allowed: Sequence[Look], end: float
) -> tuple[Sequence[Planned], Looking]:
    """Give rows more seeds until no claim wants any, the looks are used up, or the time would be.

    Args:
        work: has done the planned runs.
        everything: the runs that may be made.
        planned: those of the first look.
        allowed: the looks that may be made.
        end: when the time is up. No look begins that would last longer.

    Returns:
        the planned runs, with those that were added, and the looks that were made.
    """
    made = 1
    while work.outcome.signal is None:
        looks = allowed[:made]
        wanted = rows_wanted(CLAIMS, work.evidence(planned), looks)
        if not wanted:
            return planned, Looking(looks, "decided")
        if made == len(allowed):
            return planned, Looking(looks, "looks" if made < len(LOOKS) else "seeds")
        seeds = allowed[made].seeds
        ids = {run.id for row in wanted for run in find_rows(everything, row) if run.spec.seed < seeds}
        ids.update(run.id for run in planned)
        more = [run for run in everything if run.id in ids]  # the same runs in other groups too
        costs = work.costs(more)
        if costs.seconds:
            if time.monotonic() + costs.wall > end:
                longer = f"would take about {duration(costs.wall)}, which is more than is left of the time"
                _log.info("look %d, of %s, %s", made + 1, several(seeds, "seed"), longer)
                return planned, Looking(looks, "time")
            _log.info("look %d: %s get %s each", made + 1, several(len(wanted), "row"), several(seeds, "seed"))
        work.do(more, costs)
        planned, made = more, made + 1
    return planned, Looking(allowed[:made], "looks")


def _command(seeds: int, looking: Looking | None, quick: bool, only: Sequence[str] | None) -> str:
    words = ["ravine", "reproduce"]
    if seeds != 1:
        words += ["--seeds", str(seeds)]
    if looking is not None:
        words.append("--until-decided")
        if looking.ended in ("time", "looks"):
            words += ["--looks", str(len(looking.looks))]
    if quick:
        words.append("--quick")
    if only is not None:
        words += ["--only", ",".join(only)]
    return shlex.join(words)

"""Run a study: `ravine study run` in Python."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ravine.api.study_watching import watching_study
from ravine.data import load
from ravine.errors import ConfigError, shortened
from ravine.inputs import convert, path_of
from ravine.paper.study import STUDIES
from ravine.storage.store import RunStore
from ravine.studies import Study, StudyOutcome, StudyWatcher, load_study, plan, with_seeds
from ravine.studies import run_study as run_planned
from ravine.studies.estimate import estimate, tell_cost
from ravine.studies.gradients import check_runs, runs_to_check
from ravine.studies.runners import Runner, at_once, runner_of


def run_study(
    study: Path | str | Study | Mapping[str, Any],
    *,
    only: Sequence[str] | None = None,
    seeds: int | None = None,
    runs: Path | str | None = None,
    data_dir: Path | str | None = None,
    jobs: int | None = None,
    client: Any = None,
    runner: Runner | None = None,
    watcher: StudyWatcher | None = None,
    quiet: bool = False,
) -> StudyOutcome:
    """Train the runs of a study that are not stored yet, and return the results of all.

    A run that fails does not stop the others; `failed` of the outcome has its error. A study that was stopped goes on
    where it was.

    Args:
        study: a TOML file, the name of a study that `ravine study --help` lists, or what such a file would hold as
            dictionaries and lists, in which optimizers of your own may stand in place of names.
        only: groups and figures; only the runs that these need are trained.
        seeds: number of seeds, from 0 on, for each row; those of the study if None.
        runs: folder of runs; `RAVINE_HOME` or `runs` if None.
        data_dir: a folder with the data.
        jobs: runs at once on the threads of this process; as many as there are cores if None.
        client: a `distributed.Client`, to run on the workers of its Dask cluster instead.
        runner: a place to run of your own instead; see `ravine.studies.runners`.
        watcher: follows the progress, in place of the bar.
        quiet: show no progress. Otherwise a notebook shows a bar, and elsewhere the logger "ravine" gets a line of
            information for each run that ended.

    Raises:
        ConfigError, DataError, DownloadError, StorageError: with one clear sentence each.
        KeyboardInterrupt: Ctrl-C; the same call goes on.
    """
    place = runner_of(jobs, client, runner, data_dir)
    if isinstance(only, str):
        raise ConfigError(f"only is {shortened(only)}; give a list of names, as [{only!r}].")
    if isinstance(study, Mapping):
        chosen: Study = convert(dict(study), Study, "the study")
    else:
        chosen = study if isinstance(study, Study) else load_study(study, STUDIES)
    if seeds is not None:
        chosen = with_seeds(chosen, seeds)
    planned, store = plan(chosen, only), RunStore(path_of("runs", runs))
    folder = path_of("data_dir", data_dir)
    load_data = functools.cache(lambda name: load(name, folder, quiet=quiet))
    together = at_once(place)
    costs = estimate(planned, store, together, load_data)
    tell_cost(costs, together)
    with watching_study(watcher, quiet, len(costs.seconds)) as chosen_watcher:
        outcome = run_planned(
            planned, store, load_data=load_data, runner=place, costs=costs.seconds, watcher=chosen_watcher
        )
    if outcome.signal is not None:
        raise KeyboardInterrupt("the study was interrupted; the same call goes on.")
    outcome.failed.update(check_runs(runs_to_check(chosen, planned), store, load_data)[1])
    return outcome

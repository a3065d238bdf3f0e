"""Run a study: `ravine study run` in Python."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ravine.api.study_watching import watching_study
from ravine.api.training import data_at_hand, takes_numbers
from ravine.data import Dataset, load
from ravine.errors import ConfigError, shortened
from ravine.inputs import convert, folded_keys, path_of, plain
from ravine.paper.study import STUDIES
from ravine.storage.store import RunStore
from ravine.studies import Study, StudyOutcome, StudyWatcher, load_study, plan, with_seeds
from ravine.studies import run_study as run_planned
from ravine.studies.estimate import estimate, tell_cost
from ravine.studies.gradients import check_runs, runs_to_check
from ravine.studies.plan import settings_of_rows
from ravine.studies.runners import OnDask, Runner, at_once, runner_of
from ravine.training.data import require_catalog


def run_study(
    study: Path | str | Study | Mapping[str, Any],
    *,
    only: Sequence[str] | None = None,
    seeds: int | None = None,
    runs: Path | str | None = None,
    data_dir: Path | str | None = None,
    data: Dataset | tuple[Any, ...] | None = None,
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
        data: data of your own for all runs, as `ravine.train` takes them: (X, y), or (X, y, X_test, y_test), or what
            `ravine.dataset` returns. The rows then name no data set, and their layers follow from the data where they
            are not given. The runs are those of `ravine.train(data=...)`, and the same call goes on with them. They run
            in this process, since the data are in its memory.
        jobs: runs at once on the threads of this process; as many as there are cores if None.
        client: a `distributed.Client`, to run on the workers of its Dask cluster instead.
        runner: a place to run of your own instead; see `ravine.studies.runners`.
        watcher: follows the progress, in place of the bar.
        quiet: show no progress. Otherwise a notebook shows a bar, and elsewhere the logger "ravine" gets a line of
            information for each run that ended.

    Raises:
        ConfigError, DataError, DownloadError, StorageError: with one clear sentence each.
        KeyboardInterrupt: Ctrl-C; the same call goes on.

    >>> X, y = [[0.0, 1.0], [1.0, 0.0], [0.9, 0.2], [0.1, 0.8]], ["up", "down", "down", "up"]
    >>> rates = {"name": "sgd", "grid": {"lr": [0.1, 0.5]}, "settings": {"batch_size": 2, "epochs": 20}}
    >>> outcome = run_study({"name": "rates", "groups": [rates]}, data=(X, y, X, y))
    >>> [result.test_accuracy for result in outcome.results.values()]
    [1.0, 1.0]
    """
    place = runner_of(jobs, client, runner, data_dir)
    if isinstance(only, str):
        raise ConfigError(f"only is {shortened(only)}; give a list of names, as [{only!r}].")
    if isinstance(study, Mapping):
        chosen: Study = convert(plain(dict(study)), Study, "the study")
    else:
        chosen = study if isinstance(study, Study) else load_study(study, STUDIES)
    if seeds is not None:
        chosen = with_seeds(chosen, seeds)
    given = None if data is None else _given_to(chosen, data, data_dir)
    planned, store = plan(chosen, only, given), RunStore(path_of("runs", runs))
    if isinstance(place, OnDask):
        require_catalog((one.run for one in planned), "the workers of a cluster")
    folder = path_of("data_dir", data_dir)
    load_data = functools.cache(lambda name: load(name, folder, quiet=quiet) if given is None else given)
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


def _given_to(study: Study, data: Any, data_dir: Path | str | None) -> Dataset:
    """Return the data that are given to a study; its losses must agree what whole numbers in y are."""
    kinds = sorted(set(_kinds(study))) or [False]
    values = [data_at_hand(data, data_dir, numbers=numbers) for numbers in kinds]
    if values[0] is not values[-1] and values[0].info != values[-1].info:
        raise ConfigError(
            f"whole numbers in y are classes to some losses of study {study.name} and numbers to others: say which "
            "they are, by data=ravine.dataset(X, y) or data=ravine.dataset(X, y, numbers=True)."
        )
    return values[0]


def _kinds(study: Study) -> Iterator[bool]:
    """Yield for each row whether whole numbers are numbers to its loss; `plan` tells which row is wrong."""
    for settings in settings_of_rows(study):
        with suppress(ConfigError):
            yield takes_numbers(folded_keys(settings).get("loss", "cross-entropy"))

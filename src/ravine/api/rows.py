"""Stored runs as rows for a data frame."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from ravine.api.training import load_run
from ravine.errors import ConfigError, shortened
from ravine.inputs import path_of, plain
from ravine.storage import tidy
from ravine.storage.record import Result
from ravine.storage.store import RunStore
from ravine.storage.tidy import Row
from ravine.training.run import Run

_log = logging.getLogger("ravine")


def run_rows(runs: Sequence[Run | Path | str] | None = None, out: Path | str | None = None) -> list[Row]:
    """Return a row for each run, as a dict: how it ended, its settings, and its results.

    `pandas.DataFrame(ravine.run_rows())` is a data frame of all stored runs. All rows have the same keys; a value is
    text, a flag, a number, or None where a run has none. Settings have the names that they have in `ravine.train`, with
    a key for each hyper-parameter and each setting of a schedule that some run has. `per_layer_lr_1` is the factor of
    lr in the first layer of weights, and `epochs_done` the number of epochs that a run went through.

    Args:
        runs: runs, as `ravine.train` returns them, by the first digits of their ids, or by their folders; all that are
            stored, oldest first, if None. A run that is named twice has one row.
        out: folder of runs; `RAVINE_HOME` or `runs` if None.

    Raises:
        ConfigError, DataError: a run that is named is not there, or is damaged. If no run is named, damaged ones are
            left out, and the logger `ravine` says so.

    >>> from ravine.api import train
    >>> run = train(lr=0.1, batch_size=100, epochs=1, layers=(784, 16, 10))
    >>> (row,) = run_rows([run])
    >>> row["optimizer"], row["batch_size"], row["layers"], row["status"]
    ('sgd', 100, '784-16-10', 'done')
    """
    return tidy.run_rows(results_of(runs, out))


def epoch_rows(runs: Sequence[Run | Path | str] | None = None, out: Path | str | None = None) -> list[Row]:
    """Return a row for each epoch of each run, as a dict: the id and the seed of the run, and what the history has.

    The arguments and errors are those of `run_rows`, and `id` leads from one to the other.

    >>> from ravine.api import train
    >>> run = train(lr=0.1, batch_size=100, epochs=2, layers=(784, 16, 10))
    >>> [(row["epoch"], row["steps"]) for row in epoch_rows([run])]
    [(1, 600), (2, 1200)]
    """
    return tidy.epoch_rows(results_of(runs, out))


def results_of(runs: Sequence[Run | Path | str] | None, out: Path | str | None) -> list[Result]:
    """Return the results of runs, each once, or of all that are stored if None."""
    if runs is None:
        store = RunStore(path_of("out", out))
        found, damaged = store.results(store.ids())
        for fault in damaged.values():
            _log.warning("%s", fault)
        return list(found.values())
    given = plain(runs)
    if not isinstance(given, (list, tuple)):
        raise ConfigError(f"runs is {shortened(runs)}; it must be a list of runs, ids or folders, or None for all.")
    named = [run.result if isinstance(run, Run) else load_run(run, out).result for run in given]
    return list({result.id: result for result in named}.values())

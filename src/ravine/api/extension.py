"""Extend a finished run: train on from the state with which it ended."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from ravine.api.training import finished, had_numbers, load_run, run_spec
from ravine.api.watching import watching
from ravine.data import Dataset, value_of
from ravine.errors import ConfigError, unknown
from ravine.formulas.schedule import Schedule
from ravine.formulas.shelves import SCHEDULES
from ravine.inputs import convert, folded_keys, path_of, plain
from ravine.spec import ResolvedRun, Things, resolve
from ravine.spec.values import values_of
from ravine.training import Given, Outcome, Silent, Watcher
from ravine.training.data import data_of
from ravine.training.run import Run
from ravine.words import several


def extend(
    run: Run | Path | str,
    *,
    epochs: int,
    lr: float | None = None,
    schedule: str | Schedule | None = None,
    final_lr: float | None = None,
    schedule_by: str | None = None,
    data_dir: Path | str | None = None,
    data: Dataset | tuple[Any, ...] | None = None,
    fresh: bool = False,
    quiet: bool = False,
    watcher: Watcher | None = None,
    **hyperparameters: float,
) -> Run:
    """Train a finished run on, from the state with which it ended, and return the new run, stored beside the old one.

    The new run has the settings of the old one, but for those that are given here. If they would have led to the same
    first epochs, as with a constant learning rate, the new run is the long run itself: it has its id, and its bits. If
    not, as with a rate that falls to its end, the new run is one of its own: its epochs after those of the old run have
    the rates that the schedule gives them in a run of `epochs` epochs.

    Args:
        run: a run, the first digits of its id, or its folder.
        epochs: how many epochs the new run has, together with those of the old one.
        lr, schedule, final_lr, schedule_by: how the rate goes on; see `train`. A schedule that is given takes the place
            of the old one and of its settings; final_lr alone means linear decay.
        data_dir, fresh, quiet, watcher: see `train`.
        data: the data of the run, if they were given to it.
        hyperparameters: new values of hyper-parameters and of settings of the schedule.

    Raises:
        ConfigError: there is nothing to train on from, the run or its optimizer is no longer what it was, or a setting
            is not allowed.
        DataError, DownloadError, StorageError, KeyboardInterrupt: see `train`.

    >>> import ravine
    >>> short = ravine.train(epochs=1, layers=(784, 16, 10), batch_size=100)
    >>> long = ravine.extend(short, epochs=2)
    >>> long.id == ravine.train(epochs=2, layers=(784, 16, 10), batch_size=100).id
    True
    """
    changes: dict[str, Any] = {"lr": lr, "schedule": schedule, "final_lr": final_lr, "schedule_by": schedule_by}
    changes = {"epochs": epochs, **{name: value for name, value in changes.items() if value is not None}}
    with watching(watcher, quiet, epochs) as chosen:
        given = {**changes, **hyperparameters}
        old = run if isinstance(run, Run) else load_run(run)
        value = None if data is None else value_of(data, numbers=had_numbers(old.spec))
        return finished(extend_run(old, given, data_dir=data_dir, data=value, fresh=fresh, watcher=chosen))


def extend_run(
    run: Run | Path | str,
    changes: dict[str, Any],
    *,
    out: Path | str | None = None,
    data_dir: Path | str | None = None,
    data: Dataset | None = None,
    fresh: bool = False,
    watcher: Watcher | None = None,
) -> Run | Outcome:
    """Train a run on with changed settings; an interrupted run comes back as an `Outcome`."""
    old = run if isinstance(run, Run) else load_run(run, out)
    before = _resolved(old)
    after = _changed(before, changes)
    silent = watcher is None or isinstance(watcher, Silent)
    data = data_of(before.spec, data, path_of("data_dir", data_dir), quiet=silent)
    part = data.held_out(before.spec.validation, before.spec.validation_seed)
    alike = _begin_alike(before, after, len(part.train.targets))
    after = after.replaced(extends=before.spec.extends if alike else old.id)
    given = Given(begun=old.stored)
    return run_spec(after, given=given, out=old.folder.parent, fresh=fresh, watcher=watcher, data=data)


def _resolved(run: Run) -> ResolvedRun:
    """Return a run with the things that its names stand for, if training can go on from its end with them."""
    if run.status != "done":
        raise ConfigError(f"run {run.id} {run.status}, so there is nothing to train on from: give one that is done.")
    if run.stored.state_sha256 is None:
        raise ConfigError(
            f"run {run.id} was stored without the state of its optimizer; train it anew with --fresh, which keeps it."
        )
    if run.spec.order is not None:
        raise ConfigError(f"run {run.id} was trained in an order that was given and is not stored; it has no next one.")
    resolved = run.resolved or resolve(run.spec)
    if resolved.identity() != run.id:
        raise ConfigError(
            f"run {run.id} cannot be extended: {run.spec.optimizer_name}, or something else that the run is made of, "
            "has changed since. Train it again as it is now."
        )
    return resolved


def _changed(before: ResolvedRun, changes: dict[str, Any]) -> ResolvedRun:
    """Return the run with other settings, but with the same optimizer and stages."""
    given, spec, schedule = folded_keys(changes), before.spec, before.schedule
    name, settings = spec.schedule, dict(spec.schedule_settings)
    epochs = convert(plain(given.pop("epochs")), int, "epochs")
    if epochs <= spec.epochs:
        raise ConfigError(f"epochs is {epochs}; the run has {several(spec.epochs, 'epoch')} already, so give more.")
    wanted = given.pop("schedule", None)
    if wanted is None and "final_lr" in given and "final_lr" not in schedule.defaults:
        wanted = "linear"
    if wanted is not None:
        name, schedule = SCHEDULES.resolve(plain(wanted))
        settings = {}
    settings |= {key: given.pop(key) for key in schedule.defaults if key in given}
    if "final_lr" in given:
        raise ConfigError(f"final_lr is given, and {schedule.takes}.")
    direct = {key: given.pop(key) for key in ("lr", "schedule_by") if key in given}
    for key in given:
        if key not in spec.hyperparameters:
            known = {*spec.hyperparameters, *schedule.defaults, "epochs", "lr", "schedule", "final_lr", "schedule_by"}
            raise ConfigError(unknown("setting of an extended run", key, known))
    spec = msgspec.structs.replace(
        spec,
        **direct,
        epochs=epochs,
        schedule=name,
        schedule_settings=values_of(settings, "schedule_settings"),
        hyperparameters={**spec.hyperparameters, **values_of(given)},
        extends=None,
    )
    return resolve(spec, Things(before.base, before.stages, schedule, before.activations, before.loss))


def _begin_alike(before: ResolvedRun, after: ResolvedRun, count: int) -> bool:
    """Tell whether a longer run has the settings of a shorter one in all epochs of that."""
    # A rate that changes by step leaves lazy updates out, and so has other bits than the same rate by epoch.
    alike = ("hyperparameters", "schedule_by")
    if any(getattr(before.spec, name) != getattr(after.spec, name) for name in alike):
        return False
    for epoch in range(before.spec.epochs):
        size = before.batch_size_in(epoch)
        steps = np.arange(math.ceil(count / size))
        if size != after.batch_size_in(epoch):
            return False
        if not np.array_equal(before.rates_in(epoch, steps, count), after.rates_in(epoch, steps, count)):
            return False
    return True

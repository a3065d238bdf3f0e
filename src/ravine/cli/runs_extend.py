"""`ravine runs extend`."""

from __future__ import annotations

from typing import Any

import click

from ravine.cli.command import TRAINS, Command
from ravine.cli.options import (
    RunIds,
    data_dir_option,
    fresh_option,
    json_option,
    quiet_option,
    setting_options,
    store_option,
)


@click.command(
    cls=Command,
    examples=[
        ("ravine runs extend 3f9c --epochs 20", "Train the run whose id begins so on until it has 20 epochs."),
        ("ravine runs extend 3f9c --epochs 12 --lr 0.001 --schedule constant", "Two more epochs at a small rate."),
    ],
    exits={0: "Done; a run that diverged is a result.", **TRAINS},
)
@click.argument("run", metavar="RUN", type=RunIds())
@setting_options(
    "epochs",
    "lr",
    "schedule",
    "final_lr",
    "schedule_by",
    "hyperparameters",
    epochs={"required": True, "help": "Epochs of the new run, together with those of the old one."},
    lr={"help": "Learning rate.  [default: the old run's]"},
    schedule={"help": "How the learning rate goes on.  [default: as in the old run]"},
    schedule_by={"default": None, "help": "Whether it changes by epoch or by step.  [default: as in the old run]"},
    hyperparameters={"help": "A new value of a hyper-parameter or of a setting of the schedule. May be repeated."},
)
@data_dir_option
@store_option
@fresh_option
@json_option
@quiet_option
def extend(run: str, out: str | None, as_json: bool, quiet: bool, **settings: Any) -> int:
    """Train a finished run on, from where it ended.

    RUN is the first digits of its id, or its folder. The new run is stored beside it. It has the same bits, and the
    same id, as one long run, if that would have had the same learning rates in the first epochs. With a rate that falls
    to its end it is a run of its own: its later epochs have the rates of a run of so many epochs.
    """
    from ravine.api import extend_run
    from ravine.cli.progress import watching
    from ravine.cli.train import ended

    where = {name: settings.pop(name) for name in ("data_dir", "fresh")}
    given = settings.pop("hyperparameters")
    changes = {name: value for name, value in settings.items() if value is not None}
    with watching(quiet, settings["epochs"]) as watcher:
        outcome = extend_run(run, {**changes, **given}, out=out, watcher=watcher, **where)
    return ended(outcome, as_json)

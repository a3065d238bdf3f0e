"""`ravine study status`."""

from __future__ import annotations

import click

from ravine.cli.command import Command
from ravine.cli.options import json_option, store_option
from ravine.cli.study_options import only_option, planned_runs, seeds_option, study_argument
from ravine.cli.study_shown import show_runs


@click.command(
    cls=Command,
    examples=[("ravine study status batch-size", "The runs of a study that comes with ravine.")],
)
@study_argument
@only_option
@seeds_option
@store_option
@json_option
def status(study: str, only: str | None, seeds: int | None, out: str | None, as_json: bool) -> None:
    """Show which runs of a study are stored, and their results.

    STUDY is a TOML file, or the name of one that `ravine study --help` lists.
    """
    from ravine.storage.store import RunStore

    chosen, planned = planned_runs(study, only, seeds)
    results, failed = RunStore(out).results({run.id for run in planned})
    show_runs(chosen, planned, results, failed, as_json)

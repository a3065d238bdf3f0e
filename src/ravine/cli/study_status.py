"""`ravine study status`."""

from __future__ import annotations

import click

from ravine.cli.command import Command
from ravine.cli.options import json_option
from ravine.cli.study_options import (
    only_option,
    planned_runs,
    seeds_option,
    stores_of,
    stores_option,
    study_argument,
    tell_differing,
)
from ravine.cli.study_shown import show_runs


@click.command(
    cls=Command,
    examples=[
        ("ravine study status batch-size", "The runs of a study that comes with ravine."),
        ("ravine study status rates.toml --out first --out second", "A study whose shards are stored in two folders."),
    ],
)
@study_argument
@only_option
@seeds_option
@stores_option
@json_option
def status(study: str, only: str | None, seeds: int | None, out: tuple[str, ...], as_json: bool) -> None:
    """Show which runs of a study are stored, and their results.

    STUDY is a TOML file, or the name of one that `ravine study --help` lists. If --out is given several times, a run
    counts as stored if one of the folders has it. Runs that have not ended are running, or were stopped.
    """
    from ravine.studies.standing import standing_of

    chosen, planned = planned_runs(study, only, seeds)
    standing = standing_of({run.id: run.spec for run in planned}, stores_of(out))
    show_runs(chosen, planned, standing.results, standing.failed, as_json, unfinished=standing.unfinished)
    tell_differing(standing)

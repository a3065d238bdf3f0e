"""`ravine study run`, and the group of the commands of studies."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ravine import choices
from ravine.cli.cluster import dask_option, running_on
from ravine.cli.command import EXIT_CODES, TRAINS, Command
from ravine.cli.group import Entry, Group
from ravine.cli.options import data_dir_option, jobs_option, json_option, option, quiet_option, store_option
from ravine.cli.output import print_json, print_table, print_text
from ravine.cli.study_options import RUNS, only_option, planned_runs, seeds_option, study_argument
from ravine.cli.study_shown import Part, show_runs
from ravine.words import duration, listed, several

if TYPE_CHECKING:
    from ravine.spec import RunSpec
    from ravine.studies import Planned
    from ravine.studies.estimate import Estimate

_COMMANDS = {
    "run": Entry("ravine.cli.study:run_command", "Train the runs of a study that are not stored yet."),
    "status": Entry("ravine.cli.study_status:status", "Show which runs of a study are stored, and their results."),
    "report": Entry("ravine.cli.study_report:report", "Print the tables of a study from the runs that are stored."),
}
_HELP = f"""\
Run many runs, see how they stand, and report on them.

A study is a TOML file, whose form docs/studies.md explains, or one that comes with ravine:
{listed(choices.STUDIES(), "or")}.
"""


@click.group(cls=Group, sections={"Commands": _COMMANDS}, help=_HELP)
def study() -> None:
    """Hold the commands of studies."""


@click.command(
    "run",
    cls=Command,
    examples=[
        ("ravine study run batch-size --dry-run", "The runs to do, with an estimate of time and disk."),
        ("ravine study run rates.toml --only sgd --jobs 4", "One group of a study of yours, four runs at once."),
        ("ravine study run rates.toml --shard 1/3", "The first third of the work, for one of three machines."),
    ],
    exits={5: EXIT_CODES[5], **TRAINS},
)
@study_argument
@only_option
@seeds_option
@option("--shard", metavar="NUMBER/COUNT", group=RUNS,
        help="Only one of COUNT shards, of about equal cost: 1/64 to 64/64, or auto/64 in a job array.")  # fmt: skip
@option("--dry-run", is_flag=True, group=RUNS, help="List the runs with an estimate of time and disk, and run none.")
@data_dir_option
@store_option
@jobs_option
@dask_option
@json_option
@quiet_option
def run_command(
    study: str, only: str | None, seeds: int | None, shard: str | None, jobs: int | None, dask: str | None,
    dry_run: bool, data_dir: Path | None, out: str | None, as_json: bool, quiet: bool,
) -> int:  # fmt: skip
    """Train the runs of a study that are not stored yet.

    STUDY is a TOML file, or the name of one that `ravine study --help` lists. A study that was stopped goes on where it
    was. With --shard, each of several machines trains its part of the runs: give all of them the same study and the
    same options. With auto, the number of the shard is that of the job in an array of Slurm, PBS or LSF, numbered from
    1, or in an indexed job of Kubernetes.
    """
    from ravine.cli.progress import checking
    from ravine.cli.study_progress import watching_study
    from ravine.data import load
    from ravine.spec import shared_by
    from ravine.storage.store import RunStore
    from ravine.studies import read_shard, run_study, shard_of
    from ravine.studies.estimate import estimate, tell_cost
    from ravine.studies.gradients import check_runs, runs_to_check
    from ravine.studies.runners import at_once
    from ravine.studies.standing import standing_of

    chosen, all_runs = planned_runs(study, only, seeds)
    planned, part = all_runs, None
    if shard is not None:
        own = read_shard(shard, os.environ)
        planned = shard_of(all_runs, own.index, own.count)
        part = Part.of(own, planned, all_runs)
        if not planned and not as_json:
            click.echo(f"{part}.")
            return 0
    store = RunStore(out)
    # The calibration and the runs work on one copy of the data.
    load_data = functools.cache(lambda name: load(name, data_dir, quiet=quiet))
    shared = shared_by([run.spec for run in planned])
    with running_on(dask, jobs, data_dir, dry_run=dry_run) as runner:
        together = at_once(runner)
        costs = estimate(planned, store, together, load_data)
        if dry_run:
            _show_plan(planned, costs, together, shared, part, as_json)
            return 0
        tell_cost(costs, together)
        with watching_study(quiet, len(costs.seconds), shared) as watcher:
            outcome = run_study(
                planned, store, load_data=load_data, runner=runner, costs=costs.seconds, watcher=watcher
            )
    if outcome.signal is None:
        with checking(quiet) as progress:
            ids = {run.id for run in planned}
            # Which runs are checked in many digits depends on all runs, so that shards together check what one machine
            # would.
            _, faults = check_runs(runs_to_check(chosen, all_runs), store, load_data, progress, ids)
        outcome.failed.update(faults)
    # After an interruption, other processes may have stored runs too, and some runs have checkpoints.
    standing = None if outcome.signal is None else standing_of({run.id: run.spec for run in planned}, [store])
    results = outcome.results if standing is None else standing.results
    unfinished = {} if standing is None else standing.unfinished
    show_runs(chosen, planned, results, outcome.failed, as_json, part=part, unfinished=unfinished)
    if part is not None and not as_json:
        print_text("If other shards are stored elsewhere, bring them together: ravine runs merge FOLDER.. --out FOLDER")
    if outcome.signal is not None:
        click.echo("ravine: interrupted; the same command goes on from here.", err=True)
        return 128 + outcome.signal
    return 5 if outcome.failed else 0


def _show_plan(
    planned: Sequence[Planned], costs: Estimate, jobs: int, shared: RunSpec, part: Part | None, as_json: bool
) -> None:
    """Show the runs of a study, and what those that are not stored will take, `jobs` at a time."""
    from ravine.spec import describe

    if as_json:
        document = {"runs": costs.seconds, "wall_seconds": costs.wall, "disk_bytes": costs.disk}
        print_json(document if part is None else {"shard": part, **document})
        return
    rows = [
        (
            run.group,
            str(run.row + 1),
            describe(run.spec, usual=shared),
            str(run.spec.seed),
            run.id,
            f"{costs.seconds[run.id]:.1f}" if run.id in costs.seconds else "stored",
        )
        for run in planned
    ]
    print_table(("group", "row", "settings", "seed", "run", "seconds"), rows)
    click.echo()
    if part is not None:
        click.echo(f"{part}.")
    print_text(
        f"{several(len(costs.seconds), 'run')} to do: about {duration(costs.wall)} with {jobs} at a time, "
        f"and {costs.disk / 1e6:.0f} MB of disk."
    )

"""`ravine study run`, `ravine study status`."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ravine.cli.notes import quiet_option
from ravine.cli.output import number, percent, print_json, print_table
from ravine.cli.reproduce import STUDY as REPRODUCED
from ravine.cli.reproduce import built_in_studies
from ravine.errors import several

if TYPE_CHECKING:
    from ravine.studies import Planned, Study
    from ravine.training import Result

_STUDY = click.argument("study", metavar="STUDY")
_ONLY = click.option("--only", metavar="NAME[,NAME..]", help="Only what these groups and figures need.")
_SEEDS = click.option(
    "--seeds", type=click.IntRange(1), help="Run each row with seeds 0 to N-1.  [default: the study's]"
)
_OUT = click.option("--out", type=click.Path(), help="Folder of runs.  [default: $RAVINE_HOME or runs]")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group(
    help=f"""Run many runs and see how they stand.

    STUDY is a TOML file, or the name of a built-in study: {REPRODUCED} or batch-size.
    """
)
def study() -> None:
    """Hold the commands of studies."""


@study.command("run")
@_STUDY
@_ONLY
@_SEEDS
@click.option("--jobs", type=click.IntRange(1), help="Runs at once.  [default: as many as there are cores]")
@click.option("--dry-run", is_flag=True, help="List the runs with an estimate of time and disk, and run none.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder with the data files.")
@_OUT
@_JSON
@quiet_option
def run_command(
    study: str, only: str | None, seeds: int | None, jobs: int | None, dry_run: bool, data_dir: Path | None,
    out: str | None, as_json: bool, quiet: bool,
) -> int:  # fmt: skip
    """Run what is not stored yet of STUDY, a TOML file or a built-in study.

    A study that was stopped goes on where it was. Exits with 5 if some runs could not be run.
    """
    from ravine.cli.progress import checking
    from ravine.cli.study_progress import watching_study
    from ravine.data import load
    from ravine.studies import describe, run_study
    from ravine.studies.estimate import estimate
    from ravine.studies.gradients import check_runs, runs_to_check
    from ravine.training import RunStore

    chosen, planned = _planned(study, only, seeds)
    store = RunStore(out)
    jobs = jobs or os.cpu_count() or 1
    # The calibration and the runs work on one copy of the data.
    load_data = functools.cache(lambda name: load(name, data_dir, quiet=quiet))
    costs = estimate(planned, store, jobs, load_data)
    if dry_run:
        if as_json:
            print_json({"runs": costs.seconds, "wall_seconds": costs.wall, "disk_bytes": costs.disk})
            return 0
        rows = [
            (
                run.group,
                str(run.row + 1),
                describe(run.spec),
                str(run.spec.seed),
                run.id,
                f"{costs.seconds[run.id]:.1f}" if run.id in costs.seconds else "stored",
            )
            for run in planned
        ]
        print_table(("group", "row", "settings", "seed", "run", "seconds"), rows)
        click.echo(
            f"\n{len(costs.seconds)} runs to do: about {costs.wall:.0f} s with {jobs} at a time, "
            f"and {costs.disk / 1e6:.0f} MB of disk."
        )
        return 0
    with watching_study(quiet, len(costs.seconds)) as watcher:
        outcome = run_study(planned, store, load_data=load_data, jobs=jobs, costs=costs.seconds, watcher=watcher)
    if outcome.signal is None:
        with checking(quiet) as progress:
            _, faults = check_runs(runs_to_check(chosen, planned), store, load_data, progress)
        outcome.failed.update(faults)
    _show(chosen, planned, outcome.results, outcome.failed, as_json)
    if outcome.signal is not None:
        click.echo("ravine: interrupted; the same command goes on from here.", err=True)
        return 128 + outcome.signal
    return 5 if outcome.failed else 0


@study.command()
@_STUDY
@_ONLY
@_SEEDS
@_OUT
@_JSON
def status(study: str, only: str | None, seeds: int | None, out: str | None, as_json: bool) -> None:
    """Show which runs of STUDY, a TOML file or a built-in study, are stored, and what came out."""
    from ravine.training import RunStore

    chosen, planned = _planned(study, only, seeds)
    results, failed = RunStore(out).results({run.id for run in planned})
    _show(chosen, planned, results, failed, as_json)


@study.command()
@_STUDY
@_ONLY
@_SEEDS
@click.option("--into", type=click.Path(path_type=Path), help="Folder for a page, and its tables and figures as files.")
@_OUT
def report(study: str, only: str | None, seeds: int | None, into: Path | None, out: str | None) -> None:
    """Print the tables of STUDY, a TOML file or a built-in study, from the runs that are stored.

    Published results stand beside ours; over several seeds ours are means with 95 % intervals. With --into the tables,
    the figures and a page with both are written as well.
    """
    from ravine.report.make import make_report, write_report
    from ravine.report.tables import cells
    from ravine.studies.gradients import load_checks, runs_to_check
    from ravine.training import RunStore

    chosen, planned = _planned(study, only, seeds)
    store = RunStore(out)
    stored = store.load_all({run.id for run in planned})[0]
    checks = load_checks(store, [run.id for run in runs_to_check(chosen, planned)])
    made = make_report(chosen, planned, stored, checks, names=_names(only), command=f"ravine study report {study}")
    for table in made.tables:
        click.echo(f"{table.name}: {table.title}" if table.title else table.name)
        print_table(*cells(table))
        click.echo()
    if not made.made_by:
        click.echo("None of the runs is stored yet.")
    elif into is not None:
        click.echo(f"The report is in {write_report(made, into).absolute()}")


def _names(only: str | None) -> list[str] | None:
    return None if only is None else [name.strip() for name in only.split(",")]


def _planned(source: str, only: str | None, seeds: int | None) -> tuple[Study, list[Planned]]:
    from ravine.studies import load_study, plan, with_seeds

    study = load_study(source, built_in_studies())
    if seeds is not None:
        study = with_seeds(study, seeds)
    return study, plan(study, _names(only))


def _show(
    study: Study, planned: list[Planned], results: dict[str, Result], failed: dict[str, str], as_json: bool
) -> None:
    rows = []
    for run in planned:
        result = results.get(run.id)
        state = result.status if result else "failed" if run.id in failed else "to do"
        rows.append((run, state, result))
    if as_json:
        print_json(
            {
                "study": study.name,
                "done": len(results),
                "failed": failed,
                "runs": [
                    {
                        "group": run.group,
                        "row": run.row + 1,
                        "seed": run.spec.seed,
                        "id": run.id,
                        "state": state,
                        "hint": result and result.hint,
                        "train_loss": result and result.train_loss,
                        "test_accuracy": result and result.test_accuracy,
                        "published": run.published,
                    }
                    for run, state, result in rows
                ],
            }
        )
        return
    head = ("group", "row", "settings", "seed", "state", "train loss", "test accuracy", "seconds", "run")
    print_table(head, [_row(run, state, result) for run, state, result in rows])
    unique = {run.id for run in planned}
    click.echo(f"\n{len(results)} of {len(unique)} runs are stored{f', {len(failed)} failed' if failed else ''}.")
    hints = {run.id: result.hint for run, _, result in rows if result is not None and result.hint is not None}
    if hints:
        first, hint = next(iter(hints.items()))
        click.echo(f"{several(len(hints), 'run')} diverged or did not learn; the first, {first}: {hint}")
    for run_id, fault in failed.items():
        click.echo(f"ravine: run {run_id}: {fault}", err=True)


def _row(run: Planned, state: str, result: Result | None) -> tuple[str, ...]:
    from ravine.studies import describe

    spec = run.spec
    settings = (run.group, str(run.row + 1), describe(spec), str(spec.seed))
    if result is None:
        return (*settings, state, "-", "-", "-", run.id)
    numbers = (number(result.train_loss), percent(result.test_accuracy), f"{result.seconds.total:.1f}")
    return (*settings, state, *numbers, run.id)

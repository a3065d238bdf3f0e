"""`ravine study run`, `ravine study status`, `ravine study report`."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ravine import choices
from ravine.cli.command import EXIT_CODES, TRAINS, Command
from ravine.cli.group import Entry, Group
from ravine.cli.options import (
    OUTPUT,
    Names,
    data_dir_option,
    jobs_option,
    json_option,
    option,
    quiet_option,
    store_option,
)
from ravine.cli.output import print_json, print_table, print_text
from ravine.cli.reproduce import built_in_studies
from ravine.words import duration, listed, several

if TYPE_CHECKING:
    from ravine.spec import RunSpec
    from ravine.storage.quantities import Quantity
    from ravine.storage.record import Result
    from ravine.studies import Planned, Study

RUNS = "Which runs"

_STUDY = click.argument("study", metavar="STUDY", type=Names(choices.STUDIES, files=True))
_ONLY = option("--only", metavar="NAME,..", group=RUNS, help="Only the runs that these groups and figures need.")
_SEEDS = option("--seeds", type=click.IntRange(1), metavar="NUMBER", group=RUNS,
                help="Number of seeds, from 0 on, for each row.  [default: the study's seeds]")  # fmt: skip

_COMMANDS = {
    "run": Entry("ravine.cli.study:run_command", "Train the runs of a study that are not stored yet."),
    "status": Entry("ravine.cli.study:status", "Show which runs of a study are stored, and their results."),
    "report": Entry("ravine.cli.study:report", "Print the tables of a study from the runs that are stored."),
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
    ],
    exits={5: EXIT_CODES[5], **TRAINS},
)
@_STUDY
@_ONLY
@_SEEDS
@option("--dry-run", is_flag=True, group=RUNS, help="List the runs with an estimate of time and disk, and run none.")
@data_dir_option
@store_option
@jobs_option
@json_option
@quiet_option
def run_command(
    study: str, only: str | None, seeds: int | None, jobs: int | None, dry_run: bool, data_dir: Path | None,
    out: str | None, as_json: bool, quiet: bool,
) -> int:  # fmt: skip
    """Train the runs of a study that are not stored yet.

    STUDY is a TOML file, or the name of one that `ravine study --help` lists. A study that was stopped goes on where it
    was.
    """
    from ravine.cli.progress import checking
    from ravine.cli.study_progress import watching_study
    from ravine.data import load
    from ravine.inputs import jobs_of
    from ravine.spec import describe, shared_by
    from ravine.storage.store import RunStore
    from ravine.studies import run_study
    from ravine.studies.estimate import estimate, tell_cost
    from ravine.studies.gradients import check_runs, runs_to_check

    jobs = jobs_of(jobs)
    chosen, planned = _planned(study, only, seeds)
    store = RunStore(out)
    # The calibration and the runs work on one copy of the data.
    load_data = functools.cache(lambda name: load(name, data_dir, quiet=quiet))
    costs = estimate(planned, store, jobs, load_data)
    shared = shared_by([run.spec for run in planned])
    if dry_run:
        if as_json:
            print_json({"runs": costs.seconds, "wall_seconds": costs.wall, "disk_bytes": costs.disk})
            return 0
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
        print_text(
            f"{several(len(costs.seconds), 'run')} to do: about {duration(costs.wall)} with {jobs} at a time, "
            f"and {costs.disk / 1e6:.0f} MB of disk."
        )
        return 0
    tell_cost(costs, jobs)
    with watching_study(quiet, len(costs.seconds), shared) as watcher:
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


@click.command(
    cls=Command,
    examples=[("ravine study status batch-size", "The runs of a study that comes with ravine.")],
)
@_STUDY
@_ONLY
@_SEEDS
@store_option
@json_option
def status(study: str, only: str | None, seeds: int | None, out: str | None, as_json: bool) -> None:
    """Show which runs of a study are stored, and their results.

    STUDY is a TOML file, or the name of one that `ravine study --help` lists.
    """
    from ravine.storage.store import RunStore

    chosen, planned = _planned(study, only, seeds)
    results, failed = RunStore(out).results({run.id for run in planned})
    _show(chosen, planned, results, failed, as_json)


@click.command(
    cls=Command,
    examples=[
        ("ravine study report batch-size", "The tables, from the runs that are stored."),
        ("ravine study report rates.toml --into rates", "A page with tables and figures, too."),
    ],
)
@_STUDY
@_ONLY
@_SEEDS
@store_option
@option("--into", type=click.Path(path_type=Path), metavar="FOLDER", group=OUTPUT,
        help="Folder for a page, and its tables, figures and numbers as files.")  # fmt: skip
@json_option
def report(study: str, only: str | None, seeds: int | None, into: Path | None, out: str | None, as_json: bool) -> None:
    """Print the tables of a study from the runs that are stored.

    STUDY is a TOML file, or the name of one that `ravine study --help` lists. The tables have published results beside
    ours; over several seeds ours are means with 95 % intervals. With --into, the command also writes the tables, the
    figures and a page with both, and the numbers of all runs and epochs as runs.csv and epochs.csv.
    """
    from ravine.report.document import document_of
    from ravine.report.make import make_report, write_report
    from ravine.report.tables import cells
    from ravine.report.written import written
    from ravine.storage.store import RunStore
    from ravine.studies.gradients import load_checks, runs_to_check

    chosen, planned = _planned(study, only, seeds)
    store = RunStore(out)
    stored, failed = store.load_all({run.id for run in planned})
    checks = load_checks(store, [run.id for run in runs_to_check(chosen, planned)])
    made = make_report(
        chosen, planned, stored, checks, names=_names(only), command=_report_command(study, only, seeds, out, into)
    )
    page = write_report(made, into) if into is not None and made.made_by else None
    for run_id, fault in failed.items():
        click.echo(f"ravine: run {run_id}: {fault}", err=True)
    if as_json:
        print_json(
            {
                "study": chosen.name,
                **document_of(made),
                "failed": failed,
                "page": None if page is None else str(page),
                "files": [] if page is None else [str(page.parent / name) for name in written(page.parent)],
            }
        )
        return
    for table in made.tables:
        print_text(f"{table.name}: {table.title}" if table.title else table.name)
        print_table(*cells(table))
        click.echo()
    if not made.made_by:
        click.echo("None of the runs is stored yet.")
        return
    for sentence in made.highlights:
        print_text(sentence)
    if page is not None:
        click.echo(f"The report is in {page.absolute()}")


def _report_command(study: str, only: str | None, seeds: int | None, out: str | None, into: Path | None) -> str:
    """Return the command that makes a report again."""
    given = {"--only": only, "--seeds": seeds, "--out": out, "--into": into}
    options = [word for name, value in given.items() if value is not None for word in (name, str(value))]
    return shlex.join(["ravine", "study", "report", study, *options])


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
    from ravine.spec import shared_by
    from ravine.storage.quantities import QUANTITIES, SUMMARY, given

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
                        **{quantity.name: result and quantity.of(result) for quantity in SUMMARY},
                        "published": run.published,
                    }
                    for run, state, result in rows
                ],
            }
        )
        return
    specs = [run.spec for run in planned]
    columns = (*given(SUMMARY, specs), QUANTITIES["seconds"])
    head = ("group", "row", "settings", "seed", "state", *(quantity.head for quantity in columns), "run")
    shared = shared_by(specs)
    print_table(head, [_row(run, shared, state, result, columns) for run, state, result in rows])
    unique = {run.id for run in planned}
    are = "is" if len(unique) == 1 else "are"
    failures = f", {len(failed)} failed" if failed else ""
    click.echo(f"\n{len(results)} of {several(len(unique), 'run')} {are} stored{failures}.")
    hints = {run.id: result.hint for run, _, result in rows if result is not None and result.hint is not None}
    if hints:
        first, hint = next(iter(hints.items()))
        print_text(f"{several(len(hints), 'run')} diverged or did not learn; the first, {first}: {hint}")
    for run_id, fault in failed.items():
        click.echo(f"ravine: run {run_id}: {fault}", err=True)


def _row(
    run: Planned, shared: RunSpec, state: str, result: Result | None, columns: Sequence[Quantity]
) -> tuple[str, ...]:
    from ravine.spec import describe
    from ravine.storage.quantities import shown

    spec = run.spec
    settings = (run.group, str(run.row + 1), describe(spec, usual=shared), str(spec.seed))
    if result is None:
        return (*settings, state, *("-" for _ in columns), run.id)
    return (*settings, state, *shown(result, columns), run.id)

"""`ravine study report`."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from ravine.cli.command import Command
from ravine.cli.options import OUTPUT, json_option, option
from ravine.cli.output import print_json, print_table, print_text
from ravine.cli.study_options import (
    names_of,
    only_option,
    planned_runs,
    seeds_option,
    stores_of,
    stores_option,
    study_argument,
    tell_differing,
)


@click.command(
    cls=Command,
    examples=[
        ("ravine study report batch-size", "The tables, from the runs that are stored."),
        ("ravine study report rates.toml --into rates", "A page with tables and figures, too."),
    ],
)
@study_argument
@only_option
@seeds_option
@stores_option
@option("--into", type=click.Path(path_type=Path), metavar="FOLDER", group=OUTPUT,
        help="Folder for a page, and its tables, figures and numbers as files.")  # fmt: skip
@json_option
def report(
    study: str, only: str | None, seeds: int | None, into: Path | None, out: tuple[str, ...], as_json: bool
) -> None:
    """Print the tables of a study from the runs that are stored.

    STUDY is a TOML file, or the name of one that `ravine study --help` lists. The tables have published results beside
    ours; over several seeds ours are means with 95 % intervals. With --into, the command also writes the tables, the
    figures and a page with both, and the numbers of all runs and epochs as runs.csv and epochs.csv.
    --out may be given several times, for a study whose shards are stored in several folders.
    """
    from ravine.report.document import document_of
    from ravine.report.make import make_report, write_report
    from ravine.report.tables import cells
    from ravine.report.written import written
    from ravine.studies.gradients import runs_to_check
    from ravine.studies.standing import checks_in, standing_of

    chosen, planned = planned_runs(study, only, seeds)
    stores = stores_of(out)
    standing = standing_of({run.id: run.spec for run in planned}, stores)
    checks = checks_in(stores, [run.id for run in runs_to_check(chosen, planned)])
    command = _report_command(study, only, seeds, out, into)
    made = make_report(chosen, planned, standing.stored, checks, names=names_of(only), command=command)
    page = write_report(made, into) if into is not None and made.made_by else None
    for run_id, fault in standing.failed.items():
        click.echo(f"ravine: run {run_id}: {fault}", err=True)
    tell_differing(standing)
    if as_json:
        print_json(
            {
                "study": chosen.name,
                **document_of(made),
                "failed": standing.failed,
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


def _report_command(study: str, only: str | None, seeds: int | None, out: tuple[str, ...], into: Path | None) -> str:
    """Return the command that makes a report again."""
    given = [("--only", only), ("--seeds", seeds), *(("--out", folder) for folder in out), ("--into", into)]
    options = [word for name, value in given if value is not None for word in (name, str(value))]
    return shlex.join(["ravine", "study", "report", study, *options])

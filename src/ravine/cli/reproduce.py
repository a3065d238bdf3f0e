"""`ravine reproduce`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ravine.cli.cluster import dask_option, running_on
from ravine.cli.command import EXIT_CODES, TRAINS, Command
from ravine.cli.options import OUTPUT, data_dir_option, jobs_option, json_option, option, quiet_option, runs_option
from ravine.cli.output import print_json, print_text
from ravine.errors import ConfigError
from ravine.words import listed

if TYPE_CHECKING:
    from ravine.paper.reproduction import Reproduction
    from ravine.studies.runners import Runner

STUDY = "paper"
"""The name of the study that is reproduced, for other commands."""


RUNS = "What is run"


@click.command(
    cls=Command,
    examples=[
        ("ravine reproduce --quick", "A first look, in which every run is cut to two epochs."),
        ("ravine reproduce --until-decided --at-most 15m", "More seeds where claims need them, for 15 minutes."),
        ("ravine reproduce --only table1,figure2 --seeds 3", "One table and one figure, over three seeds."),
    ],
    exits={5: EXIT_CODES[5], **TRAINS},
)
@option(
    "--seeds",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="NUMBER",
    group=RUNS,
    help="Number of seeds, from 0 on, for each row.",
)
@option(
    "--until-decided",
    is_flag=True,
    group=RUNS,
    help="Give rows more seeds, up to 24, until they decide the claims that need these rows.",
)
@option(
    "--at-most",
    metavar="TIME",
    group=RUNS,
    help="With --until-decided: begin no more seeds that would take longer than this, as 90s, 15m, 1h30m.",
)
@option(
    "--looks",
    type=int,
    metavar="NUMBER",
    group=RUNS,
    help="With --until-decided: stop after so many looks at the claims, of 1, 3, 5, 8, 12, 16, 24 seeds.",
)
@option(
    "--beyond",
    is_flag=True,
    group=RUNS,
    help="In place of the paper's runs, compare its five methods fairly with RMSProp, Adam and AdamW.",
)
@option("--quick", is_flag=True, group=RUNS, help="Cut every run to 2 epochs.")
@option(
    "--only",
    metavar="NAME,..",
    group=RUNS,
    help="Only these: table1 .. table6, further, figure2 .. figure10, methods, v-curve, claims.",
)
@data_dir_option
@runs_option
@jobs_option
@dask_option
@option(
    "--out",
    default="ravine-report",
    show_default=True,
    type=click.Path(),
    metavar="FOLDER",
    group=OUTPUT,
    help="Folder of the report.",
)
@json_option
@quiet_option
def reproduce(
    seeds: int,
    until_decided: bool,
    at_most: str | None,
    looks: int | None,
    beyond: bool,
    quick: bool,
    only: str | None,
    out: str,
    runs: str | None,
    jobs: int | None,
    dask: str | None,
    data_dir: Path | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Run every experiment of the reference study and write its tables, figures and claims beside ours.

    The report is a page, index.html, with the tables as CSV, Markdown and LaTeX and the figures as PNG and SVG beside
    it, and the numbers of all runs and epochs as runs.csv and epochs.csv. The command does not repeat stored runs, so
    after an interruption it goes on where it was.
    """
    from ravine.cli.progress import checking
    from ravine.cli.study_progress import watching_study
    from ravine.paper.reproduction import reproduce as reproduce_paper

    if beyond:
        others = {
            "--seeds": seeds != 1,
            "--until-decided": until_decided,
            "--at-most": at_most,
            "--looks": looks,
            "--quick": quick,
            "--only": only,
        }
        if given := [name for name, value in others.items() if value is not None and value is not False]:
            raise ConfigError(
                f"--beyond has a plan of its own and takes no {listed(given, 'or')}: leave out one of them."
            )
        with running_on(dask, jobs, data_dir) as runner:
            return _beyond(Path(out) / "beyond", runs, runner, data_dir, as_json, quiet)

    with checking(quiet) as progress, running_on(dask, jobs, data_dir) as runner:
        done = reproduce_paper(
            seeds=seeds,
            until_decided=until_decided,
            at_most=at_most,
            looks=looks,
            quick=quick,
            only=None if only is None else [name.strip() for name in only.split(",")],
            out=out,
            runs=runs,
            data_dir=data_dir,
            runner=runner,
            watching=lambda count: watching_study(quiet, count),
            progress=progress,
            quiet=quiet,
        )
    if done.outcome.signal is not None:
        if as_json:
            print_json({"page": None, "done": len(done.outcome.results), "failed": done.outcome.failed})
        click.echo("ravine: interrupted; the same command goes on from here.", err=True)
        return 128 + done.outcome.signal
    _print(done, as_json)
    return 5 if done.outcome.failed else 0


def _beyond(folder: Path, runs: str | None, runner: Runner, data_dir: Path | None, as_json: bool, quiet: bool) -> int:
    """Compare the paper's methods with later ones, and say what becomes of its findings."""
    from ravine.cli.comparison_shown import show_comparison, watching_stages
    from ravine.comparison.compare import Interrupted
    from ravine.paper.beyond import compare_beyond
    from ravine.report.written import check_free
    from ravine.storage.files import check_writable

    check_writable(folder)
    check_free(folder)
    try:
        done = compare_beyond(runs=runs, data_dir=data_dir, runner=runner, quiet=quiet, watching=watching_stages(quiet))
    except Interrupted as stop:
        if as_json:
            print_json({"plan": None, "leaderboard": None})
        click.echo(f"ravine: {stop}", err=True)
        return 128 + stop.signal
    show_comparison(done, done.write(folder), as_json)
    return 0


def _print(done: Reproduction, as_json: bool) -> None:
    report = done.report
    assert report is not None
    for run, fault in done.outcome.failed.items():
        click.echo(f"ravine: run {run}: {fault}", err=True)
    if as_json:
        print_json(
            {
                "page": str(done.page),
                "seeds": report.seeds,
                "quick": report.quick,
                "looks": None if report.looking is None else report.looking.document,
                "highlights": report.highlights,
                "claims": report.judgments,
                "failed": done.outcome.failed,
            }
        )
        return
    if report.quick:
        click.echo("A quick look: every run was cut to 2 epochs.")
    for sentence in report.highlights:
        print_text(sentence)
    click.echo(f"The report is in {Path(str(done.page)).absolute()}")

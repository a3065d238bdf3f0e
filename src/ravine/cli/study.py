"""`ravine study run`, `ravine study status`."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from ravine.cli.output import number, percent, print_json, print_table

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from ravine.spec import RunSpec
    from ravine.studies import Planned, Study, StudyWatcher
    from ravine.training import Result

_STUDY = click.argument("study", metavar="STUDY")
_ONLY = click.option("--only", metavar="GROUP[,GROUP..]", help="Only these groups.")
_SEEDS = click.option(
    "--seeds", type=click.IntRange(1), help="Run each row with seeds 0 to N-1.  [default: the study's]"
)
_OUT = click.option("--out", type=click.Path(), help="Folder of runs.  [default: $RAVINE_HOME or runs]")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group()
def study() -> None:
    """Run many runs and see how they stand.

    STUDY is a TOML file, or the name of a built-in study: paper.
    """


@study.command("run")
@_STUDY
@_ONLY
@_SEEDS
@click.option("--jobs", type=click.IntRange(1), help="Runs at once.  [default: as many as there are cores]")
@click.option("--dry-run", is_flag=True, help="List the runs with an estimate of time and disk, and run none.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder with the data files.")
@_OUT
@_JSON
@click.option("--quiet", "-q", is_flag=True, help="Show no progress.")
def run_command(
    study: str, only: str | None, seeds: int | None, jobs: int | None, dry_run: bool, data_dir: Path | None,
    out: str | None, as_json: bool, quiet: bool,
) -> int:  # fmt: skip
    """Run what is not stored yet of STUDY, a TOML file or a built-in study (paper).

    A study that was stopped goes on where it was. Exits with 5 if some runs could not be run.
    """
    from ravine.data import load
    from ravine.studies import run_study
    from ravine.studies.estimate import estimate
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
                _describe(run.spec),
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
    with _watching(quiet, len(costs.seconds)) as watcher:
        outcome = run_study(planned, store, load_data=load_data, jobs=jobs, costs=costs.seconds, watcher=watcher)
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
@click.option("--into", type=click.Path(path_type=Path), help="Folder for the tables as CSV, Markdown and LaTeX.")
@_OUT
def report(study: str, only: str | None, seeds: int | None, into: Path | None, out: str | None) -> None:
    """Print the tables of STUDY, a TOML file or a built-in study, from the runs that are stored.

    Published results stand beside ours; over several seeds ours are means with 95 % intervals.
    """
    from ravine.report import make_table, to_csv, to_latex, to_markdown
    from ravine.report.tables import cells
    from ravine.training import RunStore
    from ravine.training.files import make_folder, write_whole

    chosen, planned = _planned(study, only, seeds)
    results, _ = RunStore(out).results({run.id for run in planned})
    tables = [make_table(group, planned, results) for group in chosen.groups]
    for table in tables:
        click.echo(f"{table.name}: {table.title}" if table.title else table.name)
        if table.rows:
            print_table(*cells(table))
        else:
            click.echo("none of its runs is stored yet")
        click.echo()
    if into is not None:
        make_folder(into)
        for table in tables:
            for ending, write in (("csv", to_csv), ("md", to_markdown), ("tex", to_latex)):
                write_whole(into / f"{table.name}.{ending}", write(table).encode())
        click.echo(f"written: {len(tables)} tables in {into}")


def _planned(source: str, only_groups: str | None, seeds: int | None) -> tuple[Study, list[Planned]]:
    from ravine.studies import load_study, only, plan

    study = load_study(source)
    if only_groups is not None:
        study = only(study, only_groups.split(","))
    if seeds is not None:
        study = msgspec.structs.replace(study, seeds=list(range(seeds)))
    return study, plan(study)


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
    for run_id, fault in failed.items():
        click.echo(f"ravine: run {run_id}: {fault}", err=True)


def _row(run: Planned, state: str, result: Result | None) -> tuple[str, ...]:
    spec = run.spec
    settings = (run.group, str(run.row + 1), _describe(spec), str(spec.seed))
    if result is None:
        return (*settings, state, "-", "-", "-", run.id)
    numbers = (number(result.train_loss), percent(result.test_accuracy), f"{result.seconds.total:.1f}")
    return (*settings, state, *numbers, run.id)


@contextmanager
def _watching(quiet: bool, runs: int) -> Iterator[StudyWatcher | None]:
    """Yield a line a run under way and one for the whole on a terminal, a line an ended run elsewhere."""
    if quiet or runs == 0:
        yield None
    elif not sys.stderr.isatty():
        yield _Lines(runs)
    else:
        from ravine.cli.progress import progress_bar

        with progress_bar() as bar:
            yield _Bars(bar, runs)


def _describe(spec: RunSpec) -> str:
    final = getattr(spec.schedule, "final_lr", None)
    rate = f"lr {spec.lr:g}" + (f" to {final:g}" if final is not None else "")
    others = [f"{name} {value:g}" for name, value in spec.hyperparameters.items()]
    return ", ".join([f"{spec.optimizer} {rate}", *others, f"m {spec.batch_size}", f"{spec.epochs} epochs"])


class _Lines:
    """Writes a line for each run that ended."""

    def __init__(self, runs: int) -> None:
        self._runs, self._ended = runs, 0
        self._specs: dict[str, RunSpec] = {}

    def started(self, run: str, spec: RunSpec) -> None:
        self._specs[run] = spec

    def progress(self, run: str, share: float, loss: float) -> None:
        pass

    def ended(self, run: str, result: Result | None, error: str | None) -> None:
        self._ended += 1
        click.echo(f"{self._ended}/{self._runs}  {self.sentence(run, result, error)}", err=True)

    def sentence(self, run: str, result: Result | None, error: str | None) -> str:
        spec = self._specs.get(run)
        name = f"{_describe(spec)}, seed {spec.seed}" if spec else run
        if result is None:
            return f"{name}: failed: {error}"
        return (
            f"{name}: {result.status}, train loss {number(result.train_loss)}, "
            f"test accuracy {percent(result.test_accuracy)}, {result.seconds.total:.1f} s"
        )


class _Bars:
    """Moves a bar for each run under way and one for the whole."""

    def __init__(self, bar: Progress, runs: int) -> None:
        self._bar, self._lines = bar, _Lines(runs)
        self._whole = bar.add_task("", total=runs, state=f"{runs} runs")
        self._tasks: dict[str, TaskID] = {}
        self._shares: dict[str, float] = {}

    def started(self, run: str, spec: RunSpec) -> None:
        self._lines.started(run, spec)
        if run not in self._tasks:
            self._tasks[run] = self._bar.add_task("", total=1.0, state=_describe(spec))

    def progress(self, run: str, share: float, loss: float) -> None:
        self._shares[run] = share
        self._bar.update(self._tasks[run], completed=share)
        self._bar.update(self._whole, completed=sum(self._shares.values()))

    def ended(self, run: str, result: Result | None, error: str | None) -> None:
        self._shares[run] = 1.0
        self._bar.console.print(self._lines.sentence(run, result, error), highlight=False, soft_wrap=True)
        if run in self._tasks:
            self._bar.remove_task(self._tasks.pop(run))
        self._bar.update(self._whole, completed=sum(self._shares.values()))

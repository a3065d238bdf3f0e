"""`ravine runs export`."""

from __future__ import annotations

from pathlib import Path

import click

from ravine.cli.command import Command
from ravine.cli.options import OUTPUT, RunIds, json_option, option, store_option
from ravine.cli.output import print_json
from ravine.words import several


@click.command(
    "export",
    cls=Command,
    examples=[
        ("ravine runs export --into tables", "All stored runs."),
        ("ravine runs export 3f9c --into tables", "The run whose id begins so."),
    ],
)
@click.argument("run", metavar="[RUN ...]", nargs=-1, type=RunIds())
@option("--into", type=click.Path(path_type=Path), required=True, metavar="FOLDER", group=OUTPUT,
        help="Folder for runs.csv and epochs.csv.")  # fmt: skip
@store_option
@json_option
def export(run: tuple[str, ...], into: Path, out: str | None, as_json: bool) -> None:
    """Write runs as CSV files, which pandas.read_csv reads as they are.

    RUN is the first digits of an id, or a folder; without one, all stored runs are written. runs.csv has a row for each
    run, with its settings and results, and epochs.csv one for each epoch of each run.
    """
    from ravine.api.rows import results_of
    from ravine.errors import ConfigError
    from ravine.inputs import path_of
    from ravine.storage.files import make_folder, no_empty_folders, write_whole
    from ravine.storage.store import RunStore
    from ravine.storage.tidy import EPOCH_COLUMNS, epoch_rows, run_rows, to_csv

    folder = path_of("--into", into)
    assert folder is not None
    results = results_of(run or None, out)
    if not results:
        raise ConfigError(f"there are no runs in {RunStore(out).root}; name another folder with --out.")
    by_run, by_epoch = run_rows(results), epoch_rows(results)
    files = {
        folder / "runs.csv": to_csv(by_run, list(by_run[0])),
        folder / "epochs.csv": to_csv(by_epoch, EPOCH_COLUMNS),
    }
    with no_empty_folders(folder):
        make_folder(folder)
        for path, content in files.items():
            write_whole(path, content.encode())
    if as_json:
        print_json({"runs": len(by_run), "epochs": len(by_epoch), "files": [str(path) for path in files]})
    else:
        click.echo(f"{several(len(by_run), 'run')} with {several(len(by_epoch), 'epoch')}")
        for path in files:
            click.echo(f"written: {path}")

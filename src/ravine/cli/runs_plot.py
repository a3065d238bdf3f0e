"""`ravine runs plot`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ravine.cli.command import EXIT_CODES, Command
from ravine.cli.options import OUTPUT, RunIds, data_dir_option, json_option, option, quiet_option, store_option
from ravine.cli.output import kind_of_picture, print_json, print_table, write_file

if TYPE_CHECKING:
    from ravine.pictures import Figure
    from ravine.training.predictions import Predictions
    from ravine.training.run import Run

PICTURE = "The picture"

Table = tuple[tuple[str, ...], list[tuple[str, ...]]]
Drawn = tuple["Figure", dict[str, Any], Table | None]
"""A figure, what `--json` prints about it, and what is printed else: head and rows of a table."""


@click.command(
    cls=Command,
    examples=[
        ("ravine runs plot 3f9c", "Losses and accuracy of a run, in run-ID.png."),
        ("ravine runs plot 3f9c 81d2 --into both.svg", "Two runs, named by what differs between them."),
        ("ravine runs plot 3f9c --errors", "The test images that the run misclassifies, in errors-ID.png."),
    ],
    exits={4: EXIT_CODES[4]},
)
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=RunIds())
@option("--confusion", is_flag=True, group=PICTURE, help="The confusion matrix of a run on the test images.")
@option(
    "--errors",
    is_flag=True,
    group=PICTURE,
    help="Test images that a run misclassifies, up to 40, the most confident errors first.",
)
@option("--weights", is_flag=True, group=PICTURE, help="The weights of each unit of a run's first layer, as a picture.")
@option(
    "--into",
    type=click.Path(path_type=Path),
    metavar="FILE",
    group=OUTPUT,
    help="A .png, a .svg or a .pdf.  [default: run-ID.png, confusion-ID.png and so on]",
)
@data_dir_option
@store_option
@quiet_option
@json_option
def plot(
    runs: tuple[str, ...],
    confusion: bool,
    errors: bool,
    weights: bool,
    into: Path | None,
    data_dir: Path | None,
    out: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Draw runs: losses and accuracy over the epochs, or another picture of one run.

    RUN is the first digits of a run's id, or its folder. Several runs share one picture of curves; a run that is given
    twice is drawn once. --confusion and --errors need the data set of the run.
    """
    given = {"confusion": confusion, "errors": errors, "weights": weights}
    chosen = [name for name, on in given.items() if on]
    if len(chosen) > 1:
        raise click.UsageError(f"--{chosen[0]} and --{chosen[1]} are two pictures; ask for one.")
    if chosen and len(runs) > 1:
        raise click.UsageError(f"--{chosen[0]} draws one run, and {len(runs)} are given; give one.")
    from ravine.api import load_run

    found = list({run.id: run for run in (load_run(run, out) for run in runs)}.values())
    picture = chosen[0] if chosen else "curves"
    name = _file_name(chosen[0] if chosen else "run" if len(found) == 1 else "runs", found)
    file = into or Path(f"{name}.png")
    kind = kind_of_picture(file)
    figure, document, table = _draw(picture, found, data_dir, quiet)
    write_file(file, kind(figure, name))
    if as_json:
        print_json({"picture": picture, **document, "file": str(file)})
        return
    if table is not None:
        print_table(*table)
    click.echo(f"drawn: {file}")


def _file_name(kind: str, runs: list[Run]) -> str:
    if len(runs) > 2:
        return f"{kind}-{runs[0].id}-and-{len(runs) - 1}-more"
    return "-".join([kind, *(run.id for run in runs)])


def _draw(picture: str, runs: list[Run], data_dir: Path | None, quiet: bool) -> Drawn:
    if picture == "curves":
        return _curves(runs)
    (run,) = runs
    if picture == "weights":
        return run.plot_weights(), {"run": run.id}, None
    from ravine.training.predictions import predictions_of

    found = predictions_of(run, data_dir, quiet=quiet)
    return _confusion(run, found) if picture == "confusion" else _errors(run, found)


def _curves(runs: list[Run]) -> Drawn:
    from ravine.storage.quantities import SUMMARY, given, shown
    from ravine.training.pictures.curves import named

    labels = named([run.result for run in runs])
    described = [{"id": run.id, "label": label, "status": run.status} for run, label in zip(runs, labels, strict=True)]
    summary = given(SUMMARY, [run.spec for run in runs])
    rows = [(run.id, label, run.status, *shown(run.result, summary)) for run, label in zip(runs, labels, strict=True)]
    head = ("id", "what differs", "status", *(quantity.head for quantity in summary))
    return runs[0].plot(*runs[1:]), {"runs": described}, (head, rows) if len(runs) > 1 else None


def _confusion(run: Run, found: Predictions) -> Drawn:
    from ravine.training.pictures.confusion import plot_confusion
    from ravine.training.pictures.curves import title_of

    names, matrix = found.info.class_names, found.confusion.tolist()
    rows = [(name, *map(str, row)) for name, row in zip(names, matrix, strict=True)]
    document = {"run": run.id, "images": len(found.true), "classes": names, "matrix": matrix}
    return plot_confusion(found, title_of(run.result)), document, (("true", *names), rows)


def _errors(run: Run, found: Predictions) -> Drawn:
    from ravine.training.pictures.curves import title_of
    from ravine.training.pictures.errors import plot_errors
    from ravine.training.predictions import SHOWN

    names = found.info.class_names
    errors = [
        {
            "image": f"test:{number}",
            "true": names[found.true[number]],
            "predicted": names[found.predicted[number]],
            "probability": float(found.probability[number]),
        }
        for number in found.most_confident_errors
    ]
    rows: list[tuple[str, ...]] = [
        (e["image"], e["true"], e["predicted"], f"{e['probability']:.4f}") for e in errors[:SHOWN]
    ]
    document = {"run": run.id, "images": len(found.true), "shown": len(rows), "errors": errors}
    table = (("image", "true", "predicted", "probability"), rows) if rows else None
    return plot_errors(found, title_of(run.result), SHOWN), document, table

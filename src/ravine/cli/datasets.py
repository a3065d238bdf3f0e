"""`ravine datasets`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ravine.cli.command import Command
from ravine.cli.options import data_dir_option, json_option
from ravine.cli.output import print_json, print_table

if TYPE_CHECKING:
    from ravine.data import DatasetInfo


@click.command(
    cls=Command,
    examples=[
        ("ravine datasets", "All of them, in a table."),
        ("ravine datasets --json", "With their classes, sources and licenses."),
    ],
)
@data_dir_option
@json_option
def datasets(data_dir: Path | None, as_json: bool) -> None:
    """List the data sets and where their files are.

    The command reads and verifies the files, since several data sets have files of the same names. ravine downloads a
    missing data set when a run first uses it.
    """
    from ravine.data import DATASETS

    places = {name: _place(name, data_dir) for name in DATASETS}
    if as_json:
        print_json({"datasets": [_facts(info, *places[name]) for name, info in DATASETS.items()]})
        return
    rows = [
        (info.name, info.title, "x".join(map(str, info.shape)), str(info.classes), _words(*places[name]))
        for name, info in DATASETS.items()
    ]
    print_table(("name", "title", "shape", "classes", "files"), rows)


def _place(name: str, data_dir: Path | None) -> tuple[str | None, str | None]:
    """Return the folder with the files of a data set, and why a folder that the user named does not have them."""
    from ravine.data import locate
    from ravine.errors import DataError

    try:
        folder = locate(name, data_dir)
    except DataError as error:
        return None, str(error)
    return None if folder is None else str(folder), None


def _facts(info: DatasetInfo, folder: str | None, fault: str | None) -> dict[str, Any]:
    return {
        "name": info.name,
        "title": info.title,
        "shape": info.shape,
        "classes": info.class_names,
        "folder": folder,
        "fault": fault,
        "source": info.source,
        "license": info.license,
    }


def _words(folder: str | None, fault: str | None) -> str:
    if fault is not None:
        return f"not found: {fault}"
    return "to be downloaded" if folder is None else f"found in {folder}"

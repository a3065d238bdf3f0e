"""`ravine datasets`."""

from __future__ import annotations

from pathlib import Path

import click

from ravine.cli.command import Command
from ravine.cli.options import data_dir_option, json_option
from ravine.cli.output import print_json, print_table


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

    ravine downloads a missing data set when a run first uses it.
    """
    from ravine.data import DATASETS, locate
    from ravine.errors import DataError

    def place(name: str) -> str | None:
        try:
            found = locate(name, data_dir)
        except DataError as error:
            return str(error)
        return None if found is None else str(found)

    if as_json:
        print_json(
            [
                {
                    "name": info.name,
                    "title": info.title,
                    "shape": info.shape,
                    "classes": info.class_names,
                    "folder": place(info.name),
                    "source": info.source,
                    "license": info.license,
                }
                for info in DATASETS.values()
            ]
        )
        return
    rows = [
        (
            info.name,
            info.title,
            "x".join(map(str, info.shape)),
            str(info.classes),
            place(info.name) or "to be downloaded",
        )
        for info in DATASETS.values()
    ]
    print_table(("name", "title", "shape", "classes", "files"), rows)

"""How results are printed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ravine.pictures import Figure


def print_json(value: Any) -> None:
    """Print one document to stdout; numbers that are not finite come out as null."""
    import json

    import msgspec

    try:
        text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    except UnicodeEncodeError:  # the name of a file that holds bytes which are no letters
        text = json.dumps(msgspec.to_builtins(value), indent=2)
    click.echo(text)


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns to stdout, as wide as their widest cell; numbers stand to the right."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    numeric = [bool(rows) and all(_is_number(row[column]) for row in rows) for column in range(len(head))]
    for row in [head, *rows]:
        cells = zip(row, widths, numeric, strict=True)
        line = "  ".join(cell.rjust(width) if right else cell.ljust(width) for cell, width, right in cells)
        click.echo(line.rstrip())


def kind_of_picture(file: Path) -> Callable[[Figure, str], bytes]:
    """Return the function that makes a file of this ending from a figure and the name of the picture."""
    from ravine.errors import ConfigError, unknown
    from ravine.pictures import KINDS

    if file.suffix.lower() not in KINDS:
        raise ConfigError(unknown("kind of picture", file.suffix, KINDS))
    return KINDS[file.suffix.lower()]


def write_file(file: Path, content: bytes) -> None:
    """Write a file, whole or not at all, and make its folder."""
    from ravine.storage.files import make_folder, no_empty_folders, write_whole

    with no_empty_folders(file.parent):
        make_folder(file.parent)
        write_whole(file, content)


def number(value: float | None) -> str:
    """Format a measured number with four significant digits; None, as nan and inf are stored, is "-"."""
    return "-" if value is None else f"{value:#.4g}"


def setting(value: float | None) -> str:
    """Format a number that was chosen, without trailing zeros."""
    return "-" if value is None else f"{value:g}"


def _is_number(cell: str) -> bool:
    return cell.removesuffix(" %").replace(",", "").replace(".", "").replace("-", "").replace("e", "").isdigit() or (
        cell == "-"
    )

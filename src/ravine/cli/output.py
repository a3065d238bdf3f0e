"""How results are printed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ravine.cli.layout import paragraph, table, terminal_width

if TYPE_CHECKING:
    import msgspec

    from ravine.pictures import Figure


def print_json(value: Mapping[str, Any] | msgspec.Struct) -> None:
    """Print one document, an object, to stdout; numbers that are not finite come out as null."""
    import json

    import msgspec

    try:
        text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    except UnicodeEncodeError:  # the name of a file that holds bytes which are no letters
        text = json.dumps(msgspec.to_builtins(value), indent=2)
    click.echo(text)


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table to stdout that fits the terminal."""
    for line in table(head, rows, terminal_width()):
        click.echo(line)


def print_text(text: str) -> None:
    """Print a sentence to stdout, in lines that fit the terminal."""
    for line in paragraph(text, terminal_width()):
        click.echo(line)


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

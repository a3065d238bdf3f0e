"""How tables and text fit the width of a terminal: sentences wrap, and no id or number breaks."""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence

_GAP = 2
"""Spaces between columns."""

_SENTENCE = 24
"""A cell with spaces and more letters than this is a sentence, which may wrap."""

_LEAST = 20
"""The least width of a column of sentences; where there is less, rows become blocks."""

_GLUE = "\0"
"""Stands for a space at which a line must not break."""


def terminal_width() -> int | None:
    """Return the width that output must fit: that of the terminal, or COLUMNS; None if it goes to a file or a pipe."""
    try:
        given = int(os.environ.get("COLUMNS", "0"))
    except ValueError:
        given = 0
    return shutil.get_terminal_size().columns if given > 0 or sys.stdout.isatty() else None


def table(head: Sequence[str], rows: Sequence[Sequence[str]], width: int | None) -> list[str]:
    """Return the lines of a table, numbers to the right.

    Columns are as wide as their widest cell if that fits the width. If not, sentences wrap within their column; if that
    is not enough, each row becomes a block of lines, one for each column.

    >>> print(*table(("id", "loss"), [("3f9c", "0.5000"), ("a0", "12.00")], None), sep="\\n")
    id      loss
    3f9c  0.5000
    a0     12.00
    """
    columns = list(zip(head, *rows, strict=True))
    natural = [max(map(len, column)) for column in columns]
    widths = natural if width is None else _widths(columns, natural, width)
    if widths is None:
        return _blocks(head, rows, width or 0)
    numeric = [bool(rows) and all(map(_is_number, column[1:])) for column in columns]
    return [line for row in (head, *rows) for line in _row(row, widths, numeric)]


def _row(cells: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> list[str]:
    wrapped = [_wrapped(cell, width) for cell, width in zip(cells, widths, strict=True)]
    lines = []
    for number in range(max(map(len, wrapped))):
        parts = [part[number] if number < len(part) else "" for part in wrapped]
        placed = [
            part.rjust(width) if right else part.ljust(width)
            for part, width, right in zip(parts, widths, numeric, strict=True)
        ]
        lines.append((" " * _GAP).join(placed).rstrip())
    return lines


def _widths(columns: Sequence[Sequence[str]], natural: Sequence[int], width: int) -> list[int] | None:
    """Return the widths of columns that fit, of which only the widest give way; None if there are none."""
    least = [_least(column, full) for column, full in zip(columns, natural, strict=True)]
    room = width - _GAP * (len(columns) - 1)
    if sum(natural) <= room:
        return list(natural)
    if sum(least) > room:
        return None
    limit = max(natural)
    while True:
        widths = [min(full, max(low, limit)) for low, full in zip(least, natural, strict=True)]
        if sum(widths) <= room:
            return widths
        limit -= 1


def _least(column: Sequence[str], natural: int) -> int:
    """Return the least width of a column: its head may wrap, and so may its cells if there are sentences."""
    head, *cells = column
    words = max(map(len, _words(head)), default=0)
    if any(_is_sentence(cell) for cell in cells):
        longest = max((len(word) for cell in cells for word in _words(cell)), default=0)
        return max(words, longest, min(natural, _LEAST))
    return max([words, *map(len, cells)])


def _is_sentence(cell: str) -> bool:
    return " " in cell and len(cell) > _SENTENCE


def _blocks(head: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Return each row as lines of a name and a value, with an empty line between rows."""
    column = max(map(len, head)) + 1 + _GAP
    lines: list[str] = []
    for row in rows:
        lines += [""] if lines else []
        for name, cell in zip(head, row, strict=True):
            if cell:
                lines += paragraph(cell, width, first=f"{name}:".ljust(column) if name else "", indent=column)
    return lines


def paragraph(text: str, width: int | None, first: str = "", indent: int = 0) -> list[str]:
    """Return a text in lines of a width, the first behind `first`, the others behind `indent` spaces."""
    if width is None:
        return [f"{first}{text}"]
    if width - indent < _LEAST:
        indent = min(indent, 2 * _GAP)
    lines = textwrap.wrap(
        _glued(text),
        max(width, indent + 1),
        initial_indent=first,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_GLUE, " ").rstrip() for line in lines or [first]]


def prose(text: str, width: int | None) -> list[str]:
    """Return the lines of a docstring in a width: its paragraphs are filled anew, and lines that are indented stay.

    A line that begins with a word and a colon, as `Source: ..`, begins a paragraph.
    """
    lines = text.splitlines()
    if width is None or max(map(len, lines), default=0) <= width:
        return lines
    parts: list[str] = []
    for line in lines:
        goes_on = parts and parts[-1].strip() and line[:1].strip() and not parts[-1].startswith(" ")
        if goes_on and not re.match(r"\w+: ", line):
            parts[-1] += f" {line}"
        else:
            parts.append(line)
    return [line for part in parts for line in _filled(part, width)]


def _filled(part: str, width: int) -> Iterable[str]:
    inner = part.lstrip()
    margin = len(part) - len(inner)
    return paragraph(inner, width, first=" " * margin, indent=margin + _GAP if margin else 0) if inner else [""]


def _wrapped(cell: str, width: int) -> list[str]:
    return [cell] if len(cell) <= width else paragraph(cell, width)


def _glued(text: str) -> str:
    """Return a text in which a number stays with the name before it and with its percent sign."""
    return re.sub(r"(?<=\w) (?=[-+]?\.?\d|%)", _GLUE, text)


def _words(text: str) -> list[str]:
    return _glued(text).split()


def _is_number(cell: str) -> bool:
    return cell.removesuffix(" %").replace(",", "").replace(".", "").replace("-", "").replace("e", "").isdigit() or (
        cell == "-"
    )

"""Small pieces of HTML, for results that are the last line of a cell of a notebook."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence


def heading(text: str, detail: str = "") -> str:
    """Return a line in bold, with a detail behind it.

    >>> heading("passes", "a < b")
    '<p><strong>passes</strong> a &lt; b</p>'
    """
    return f"<p><strong>{html.escape(text)}</strong>{' ' if detail else ''}{html.escape(detail)}</p>"


def paragraph(text: str) -> str:
    """Return a paragraph."""
    return f"<p>{html.escape(text)}</p>"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table.

    >>> table(["method", "error"], [["central", "1e-9"]])
    '<table><tr><th>method</th><th>error</th></tr><tr><td>central</td><td>1e-9</td></tr></table>'
    """
    return f"<table>{_row('th', head)}{''.join(_row('td', row) for row in rows)}</table>"


def _row(tag: str, cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def picture(png: bytes, words: str) -> str:
    """Return a picture, which is part of the text, with words for those who do not see it."""
    content = base64.b64encode(png).decode()
    return f'<img src="data:image/png;base64,{content}" alt="{html.escape(words)}" style="max-width: 100%">'

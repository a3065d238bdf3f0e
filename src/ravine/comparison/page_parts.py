"""Tables and marks of a comparison's page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from ravine.comparison.plan import Objective
from ravine.comparison.verdicts import Verdict
from ravine.comparison.words import score_text
from ravine.report.html_page import anchor, lines

NUMBER, WORDS = "number", "words"
"""The kinds of columns: figures stand on the right, words on the left."""

SYMBOLS: dict[Verdict, tuple[str, str]] = {
    "better": ("▲", "good"),
    "worse": ("▼", "bad"),
    "equivalent": ("=", "part"),
    "undecided": ("?", "open"),
}
"""The symbol and the color of each verdict, beside which its word stands."""


def html_table(name: str, title: str, head: Sequence[tuple[str, str]], rows: Sequence[Sequence[str]]) -> str:
    """Return a table, which scrolls in a box of its own where it is too wide.

    Args:
        name: of it its id is made.
        title: what stands above it.
        head: the name of each column, and its kind.
        rows: cells of HTML.
    """
    place = anchor("table", name)
    names = "".join(f'<th class="{kind}" scope="col">{escape(column)}</th>' for column, kind in head)
    body = lines(
        "<tr>" + "".join(f'<td class="{kind}">{cell}</td>' for (_, kind), cell in zip(head, row, strict=True)) + "</tr>"
        for row in rows
    )
    return f"""<div class="table" id="{place}">
<h3 id="{place}-title">{escape(title)}</h3>
<div class="scroll" role="region" aria-labelledby="{place}-title" tabindex="0">
<table aria-labelledby="{place}-title">
<thead>
<tr>{names}</tr>
</thead>
<tbody>
{body}
</tbody>
</table>
</div>
</div>"""


def mark(verdict: Verdict, word: str = "") -> str:
    """Return the symbol of a verdict with its word."""
    symbol, kind = SYMBOLS[verdict]
    return f'<span class="said {kind}"><i aria-hidden="true">{symbol}</i> {escape(word or verdict)}</span>'


def p_text(p: float) -> str:
    """Write a p-value.

    >>> p_text(0.034), p_text(1e-9), p_text(1.0)
    ('0.034', '&lt; 0.0001', '1')
    """
    return "&lt; 0.0001" if p < 1e-4 else f"{p:.2g}"


def optional(value: float | None, objective: Objective) -> str:
    """Write a score, or a dash if there is none."""
    return "&ndash;" if value is None else score_text(value, objective)


def lanes(groups: Sequence[Sequence[str]], labels: Sequence[str]) -> dict[str, str]:
    """Return, by optimizer, its part of the vertical lines that join the members of each group.

    The rows of a table stand below each other without a gap, so that the parts make lines; members have a dot on it.
    """
    found = {}
    for place, label in enumerate(labels):
        parts = []
        for number, group in enumerate(groups):
            ends = labels.index(group[0]), labels.index(group[-1])
            if not ends[0] <= place <= ends[1]:
                continue
            kinds = ["lane", *(["first"] if place == ends[0] else []), *(["last"] if place == ends[1] else [])]
            kinds += ["member"] if label in group else []
            parts.append(f'<i class="{" ".join(kinds)}" style="left: {0.3 + 0.75 * number:g}rem"></i>')
        numbers = [str(number) for number, group in enumerate(groups, start=1) if label in group]
        said = f"group {', '.join(numbers)}" if numbers else "no group"
        width = 0.6 + 0.75 * max(len(groups), 1)
        found[label] = (
            f'<span class="lanes" style="width: {width:g}rem" role="img" aria-label="{said}">{"".join(parts)}</span>'
        )
    return found

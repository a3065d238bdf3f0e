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


def doubts(found: Sequence[str]) -> str:
    """Return marks of what makes a number doubtful, each with its words."""
    return "".join(f' <span class="doubt"><i aria-hidden="true">⚠</i> {escape(words)}</span>' for words in found)


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
    ends = [(labels.index(group[0]), labels.index(group[-1])) for group in groups]
    lane = _lanes_of(ends)
    width = 0.6 + 0.75 * (max(lane, default=0) + 1)
    found = {}
    for place, label in enumerate(labels):
        parts = []
        for group, (first, last), number in zip(groups, ends, lane, strict=True):
            if first <= place <= last:
                kinds = {"lane": True, "first": place == first, "last": place == last, "member": label in group}
                names = " ".join(name for name, holds in kinds.items() if holds)
                parts.append(f'<i class="{names}" style="left: {0.3 + 0.75 * number:g}rem"></i>')
        numbers = [str(number) for number, group in enumerate(groups, start=1) if label in group]
        said = f"group {', '.join(numbers)}" if numbers else "no group"
        found[label] = (
            f'<span class="lanes" style="width: {width:g}rem" role="img" aria-label="{said}">{"".join(parts)}</span>'
        )
    return found


def _lanes_of(ends: Sequence[tuple[int, int]]) -> list[int]:
    """Return the lane of each line, the first one that is free along it."""
    taken: list[int] = []
    found = []
    for first, last in ends:
        number = next((number for number, until in enumerate(taken) if until < first), len(taken))
        taken[number : number + 1] = [last]
        found.append(number)
    return found

"""The page of a report: one file of HTML that needs nothing beside itself, neither the network nor a script."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape

from ravine.report.html_page import Section, anchor, breakable, definitions, figure, html_page, lines, whole
from ravine.report.reading import terms
from ravine.report.report import Drawing, MadeBy, Report
from ravine.report.summary import Headline
from ravine.report.tables import Table, cells
from ravine.report.verdicts import ClaimFinding, JudgedClaim
from ravine.studies import Source
from ravine.words import several

_OPEN = "undecided"

# Each verdict has a symbol and a word beside its color, for those who do not see the color and for print.
_SYMBOLS = {
    "reproduced": ("✓", "good"),
    "reproduced in part": ("◐", "part"),
    "not reproduced": ("✗", "bad"),
    "cannot be true as written": ("!", "never"),
    _OPEN: ("?", "open"),
}


_Outcome = tuple[str, str, str]  # a symbol, a color, a word


def page(report: Report, svgs: Mapping[str, str]) -> str:
    """Write the page.

    Args:
        report: what to show; parts that are empty are left out.
        svgs: by the name of a drawing, the SVG that matplotlib made of it with `svg.fonttype` "none" and a transparent
            background. What is drawn in `INK` or black gets the color of the page's text, light if the page is dark.
    """
    tables = [_table(table) for table in report.tables if table.rows and table.name not in report.first]
    figures = [_figure(drawing, svgs[drawing.name]) for drawing in report.drawings if drawing.name not in report.first]
    sections = [
        Section("reading", "How to read this page", definitions(terms(report))),
        Section("claims", "Claims", _claims(report.judgments)),
        *report.more,
        Section("tables", "More tables" if report.first else "Tables", lines(tables)),
        Section("figures", "More figures" if report.first else "Figures", lines(figures)),
        Section("runs", "How each run was made", _runs(report.made_by)),
        Section("environment", "Environment", definitions(report.environment)),
        Section("command", "How this page was made", f"<pre><code>{whole(report.command)}</code></pre>"),
    ]
    return html_page(report.title, _summary(report, svgs), sections)


def _spoken(name: str) -> str:
    """Write a numbered table or figure as one says it: table1 is Table 1."""
    numbered = re.fullmatch(r"(table|figure)(\d+)", name)
    return f"{numbered[1].capitalize()} {numbered[2]}" if numbered else name


# The summary


def _summary(report: Report, svgs: Mapping[str, str]) -> str:
    counts = [
        (len(report.judgments), "claim"),
        (sum(bool(table.rows) for table in report.tables), "table"),
        (len(report.drawings), "figure"),
        (len(report.made_by), "run"),
    ]
    seeds = ("seed " if len(report.seeds) == 1 else "seeds ") + ", ".join(map(str, report.seeds))
    if report.looking is not None:  # not every row has all of them
        seeds = f"up to {several(len(report.seeds), 'seed')} a row"
    counted = [several(count, what) for count, what in counts if count]
    facts = " · ".join([*counted, seeds] if report.seeds else counted)
    parts = [f"<h1>{whole(report.title)}</h1>", _source(report.source), f'<p class="facts">{facts}</p>']
    if report.looking is not None:
        parts.append(f'<p class="facts">{escape(report.looking.sentences)}</p>')
    if report.quick:
        parts.append(
            '<p class="quick" role="note"><strong>A quick look:</strong> every run was cut to 2 epochs, '
            "so these are not the numbers of the study, and only claims that need no whole run are decided.</p>"
        )
    parts.append(_tally(report.judgments))
    words = lines(map(_headline, report.headlines)) or lines(f"<li>{escape(h)}</li>" for h in report.highlights)
    found = f'<ul class="highlights">\n{words}\n</ul>' if words else ""
    drawn = {drawing.name: _figure(drawing, svgs[drawing.name]) for drawing in report.drawings}
    beside, *below = [drawn[name] for name in report.first if name in drawn] or [""]
    parts.append(f'<div class="opening">\n{found}\n{beside}\n</div>' if found and beside else found or beside)
    parts += [_table(table) for table in report.tables if table.rows and table.name in report.first]
    parts += below
    return lines(part for part in parts if part)


def _headline(headline: Headline) -> str:
    """Return what was found on a topic, in sentences, with a link to the claim."""
    judgment = headline.judgment
    symbol, kind = _SYMBOLS[judgment.verdict or _OPEN]
    best = f"{headline.best[:1].upper()}{headline.best[1:]} " if headline.best else ""
    evidence = f": {headline.evidence}." if headline.evidence else "."
    verdict = f'<i aria-hidden="true">{symbol}</i>&nbsp;{_verdict(judgment).capitalize()}'
    return f"""<li class="{kind}"><b>{escape(headline.topic)}.</b> {escape(best)}
<a href="#{anchor("claim", judgment.id)}">Claim</a>: {escape(judgment.statement)}
<b class="verdict">{verdict}</b>{escape(evidence)}</li>"""


def _verdict(judgment: JudgedClaim) -> str:
    """Return the verdict in words, with the reason if there is none."""
    return judgment.verdict or ": ".join(filter(None, (_OPEN, judgment.undecided)))


def _source(source: Source | None) -> str:
    if source is None:
        return ""
    author = f" by {escape(source.author)}" if source.author else ""
    return f'<p class="source">The published results are those of <cite>{escape(source.title)}</cite>{author}.</p>'


def _tally(judgments: Sequence[JudgedClaim]) -> str:
    """Return how often each verdict was given: in words, and as the parts of a bar."""
    if not judgments:
        return ""
    given = [(word, *_SYMBOLS[word], len(found)) for word, found in _by_verdict(judgments).items()]
    bar = "".join(f'<span class="{kind}" style="flex-grow: {count}"></span>' for _, _, kind, count in given)
    words = lines(
        f'<li class="{kind}"><a href="#{anchor("verdict", word)}"><b>{count}</b> <i aria-hidden="true">{symbol}</i> '
        f"{word}</a></li>"
        for word, symbol, kind, count in given
    )
    return f'<div class="bar" aria-hidden="true">{bar}</div>\n<ul class="tally">\n{words}\n</ul>'


# Claims


def _by_verdict(judgments: Sequence[JudgedClaim]) -> dict[str, list[JudgedClaim]]:
    """Return the claims of each verdict that was given, in the order of `_SYMBOLS`."""
    found = {word: [judgment for judgment in judgments if (judgment.verdict or _OPEN) == word] for word in _SYMBOLS}
    return {word: own for word, own in found.items() if own}


def _claims(judgments: Sequence[JudgedClaim]) -> str:
    """Return the claims, those of each verdict in a fold.

    A browser opens a fold when a link leads into it. So the link to a verdict leads to what is in the fold.
    """
    return lines(_fold(word, found) for word, found in _by_verdict(judgments).items())


def _fold(word: str, judgments: Sequence[JudgedClaim]) -> str:
    symbol, kind = _SYMBOLS[word]
    count = f"<span>{several(len(judgments), 'claim')}</span>"
    return f"""<details class="{kind}">
<summary><i aria-hidden="true">{symbol}</i> {word.capitalize()} {count}</summary>
<div id="{anchor("verdict", word)}">
{lines(map(_claim, judgments))}
</div>
</details>"""


def _claim(judgment: JudgedClaim) -> str:
    symbol, kind = _SYMBOLS[judgment.verdict or _OPEN]
    place = anchor("claim", judgment.id)
    parts = [
        f'<p class="where"><span class="badge"><i aria-hidden="true">{symbol}</i> {_verdict(judgment)}</span> '
        f'<span>{escape(judgment.section)}</span> <a href="#{place}">{escape(judgment.id)}</a></p>',
        f"<h3>{escape(judgment.statement)}</h3>",
        _findings(judgment.findings, holds=("✓", "good", "holds"), fails=("✗", "bad", "does not hold")),
    ]
    if judgment.causes:
        parts.append('<p class="label">Possible causes, each tested</p>')
        parts.append(_findings(judgment.causes, holds=("✓", "good", "explains it"), fails=("✗", "open", "ruled out")))
    if judgment.note:
        parts.append(f'<p class="note">{escape(judgment.note)}</p>')
    return f'<article class="claim {kind}" id="{place}">\n{lines(part for part in parts if part)}\n</article>'


def _findings(findings: Sequence[ClaimFinding], holds: _Outcome, fails: _Outcome) -> str:
    if not findings:
        return ""
    return f'<ul class="findings">\n{lines(_finding(finding, holds, fails) for finding in findings)}\n</ul>'


def _finding(finding: ClaimFinding, holds: _Outcome, fails: _Outcome) -> str:
    if finding.impossible:
        symbol, kind, word = "!", "never", "cannot hold"
    elif finding.holds is None:
        symbol, kind, word = "?", "open", finding.undecided or _OPEN
    else:
        symbol, kind, word = holds if finding.holds else fails
    return f"""<li class="{kind}">
<span class="outcome"><i aria-hidden="true">{symbol}</i> {word}</span>
<span class="quantity">{escape(finding.quantity)}</span>
<span class="measured">{escape(finding.measured)}</span>
</li>"""


# Tables


def _table(table: Table) -> str:
    head, body = cells(table)
    kinds = [_column_kind(name, column) for name, *column in zip(head, *body, strict=True)]
    rows = lines(f"<tr>{''.join(map(_cell, kinds, row))}</tr>" for row in body)
    place = anchor("table", table.name)
    name = escape(_spoken(table.name))
    title = f"{name}.</b> {escape(table.title)}" if table.title else f"{name}</b>"
    return f"""<div class="table" id="{place}">
<h3 id="{place}-title"><b>{title}</h3>
<div class="scroll" role="region" aria-labelledby="{place}-title" tabindex="0">
<table aria-labelledby="{place}-title">
<thead>
{_head(head, kinds)}
</thead>
<tbody>
{rows}
</tbody>
</table>
</div>
</div>"""


def _column_kind(name: str, column: Sequence[str]) -> str:
    kind = "number" if all(map(_is_number, column)) else "words"
    return f"{kind} published" if name.startswith("published ") else kind


def _is_number(cell: str) -> bool:
    value, _, _ = cell.partition(" +- ")
    if value in ("", "-"):
        return True
    try:
        float(value)
    except ValueError:
        return False
    return True


def _cell(kind: str, cell: str) -> str:
    value, separator, half_width = cell.partition(" +- ")
    interval = f' <span class="interval">± {escape(half_width)}</span>' if separator else ""
    shown = "&ndash;" if value == "-" else whole(value) if kind.startswith("number") else breakable(value)
    return f'<td class="{kind}">{shown}{interval}</td>'


def _head(names: Sequence[str], kinds: Sequence[str]) -> str:
    """Return the head of a table; a published column and ours after it stand under one name."""
    above, below = [], []
    paired = {name.removeprefix("published ") for name in names if name.startswith("published ")}
    for name, kind in zip(names, kinds, strict=True):
        quantity = name.removeprefix("published ")
        if quantity not in paired:
            above.append(f'<th class="{kind}" rowspan="2" scope="col">{_head_word(name)}</th>')
            continue
        if quantity != name:
            above.append(f'<th class="pair" colspan="2" scope="colgroup">{_head_word(quantity)}</th>')
        below.append(f'<th class="{kind}" scope="col">{"ours" if quantity == name else "published"}</th>')
    if not below:
        return f"<tr>{''.join(above)}</tr>".replace(' rowspan="2"', "")
    return f"<tr>{''.join(above)}</tr>\n<tr>{''.join(below)}</tr>"


def _head_word(name: str) -> str:
    return breakable("seconds" if name == "s" else name)


# Figures


def _figure(drawing: Drawing, svg: str) -> str:
    name = _spoken(drawing.name)
    if drawing.title:  # the name of a file says nothing beside a title
        name = drawing.title if name == drawing.name else f"{name}. {drawing.title}"
    return figure(drawing.name, drawing.title, name, drawing.caption, svg)


# Where it all comes from


def _runs(runs: Sequence[MadeBy]) -> str:
    if not runs:
        return ""
    items = lines(
        f"<li><code>{whole(run.command)}</code>"
        f'<span class="run"><code>{escape(run.run)}</code> {escape(run.outcome)}</span></li>'
        for run in runs
    )
    summary = f"{several(len(runs), 'run')}: the command that makes {'it' if len(runs) == 1 else 'each'} again"
    files = (
        "<p>The files <code>runs.csv</code> and <code>epochs.csv</code> beside this page have all their numbers.</p>"
    )
    return f"{files}\n<details>\n<summary>{summary}</summary>\n<ul>\n{items}\n</ul>\n</details>"

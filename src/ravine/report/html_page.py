"""The parts of a page of HTML that needs nothing beside itself, neither the network nor a script."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib import resources
from typing import NamedTuple

from ravine.report.inline_svg import inline

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


class Section(NamedTuple):
    """A section of a page; one without a body is left out."""

    name: str
    title: str
    body: str


def html_page(title: str, summary: str, sections: Sequence[Section], css: str = "") -> str:
    """Write a page: a summary, the contents, and sections.

    Args:
        title: what the window is called.
        summary: the HTML of the first screen.
        sections: those of the page.
        css: further rules of style, which stand behind those of all pages.
    """
    shown = [section for section in sections if section.body]
    style = resources.files("ravine.report").joinpath("page.css").read_text(encoding="utf-8")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>{escape(title)}</title>
<style>
{style}{css}</style>
</head>
<body>
<header id="summary">
{summary}
</header>
<nav aria-label="Contents">
<ul>
{lines(f'<li><a href="#{section.name}">{section.title}</a></li>' for section in shown)}
</ul>
</nav>
<main>
{lines(map(_section, shown))}
</main>
</body>
</html>
"""


def _section(section: Section) -> str:
    return f"""<section id="{section.name}" aria-labelledby="{section.name}-title">
<h2 id="{section.name}-title">{section.title}</h2>
<div class="{section.name}">
{section.body}
</div>
</section>"""


def lines(parts: Iterable[str]) -> str:
    """Put each part into a line of its own."""
    return "\n".join(parts)


def whole(text: str) -> str:
    """Return text whose lines do not break within a word at a hyphen, as in `--batch-size`."""
    return re.sub(r"(\S*-\S*)", r'<span class="whole">\1</span>', escape(text))


def breakable(text: str) -> str:
    """Return text whose words may break behind an underscore, as `batch_size` in a narrow column."""
    return escape(text).replace("_", "_<wbr>")


def anchor(kind: str, name: str) -> str:
    """Return an id that no other name of the kind has, of characters that need no escape in HTML, CSS or a URL."""
    return f"{kind}-" + re.sub(r"[^A-Za-z0-9-]", lambda match: f"_{ord(match[0]):x}_", name)


def figure(name: str, title: str, heading: str, caption: str, svg: str) -> str:
    """Return a figure.

    Args:
        name: that of the drawing, of which its id is made.
        title: what it shows, for those who do not see it.
        heading: the beginning of its caption.
        caption: how to read it.
        svg: what matplotlib made, with `svg.fonttype` "none" and a transparent background. What is drawn in `INK` or
            black gets the color of the page's text, light if the page is dark.
    """
    place = anchor("figure", name)
    image, width = inline(svg, place, title)
    more = f" {escape(caption)}" if caption else ""
    return f"""<figure id="{place}" style="--width: {width:g}px">
<div class="scroll" role="region" aria-label="{escape(title)}" tabindex="0">
{image}
</div>
<figcaption><b>{escape(heading)}.</b>{more}</figcaption>
</figure>"""


def definitions(meanings: Mapping[str, str]) -> str:
    """Return a list of terms and what stands for each."""
    if not meanings:
        return ""
    rows = (f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in meanings.items())
    return f"<dl>\n{lines(rows)}\n</dl>"

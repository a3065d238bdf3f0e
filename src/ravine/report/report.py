"""A report: everything that its page shows, put together from stored records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ravine.report.html_page import Section
from ravine.report.looks import Looking
from ravine.report.summary import Headline
from ravine.report.tables import Table
from ravine.report.verdicts import JudgedClaim
from ravine.storage.tidy import Row
from ravine.studies import Source

if TYPE_CHECKING:
    from ravine.pictures import Figure


@dataclass(frozen=True)
class Drawing:
    """A figure: the name of its files, its title, and how to read it."""

    name: str
    title: str
    caption: str
    figure: Figure


@dataclass(frozen=True)
class MadeBy:
    """The origin of one run: the command that repeats it, its id, and how it ended."""

    command: str
    run: str
    outcome: str


@dataclass(frozen=True)
class Report:
    """The content of the page and of the files.

    Attributes:
        title: the title of the study.
        seeds: the seeds of each row.
        quick: whether runs were cut to two epochs.
        highlights: the summary, a sentence each.
        tables, drawings, judgments: in order.
        made_by: every run.
        command: the command that made the report.
        environment: the versions and machines of the runs; several values if they differ.
        source: the document that has the published results; None if there is none.
        runs, epochs: the tidy rows of all runs and of their epochs.
        first: the names of the tables and drawings that belong to the summary.
        headlines: the findings of the summary; without them the page has the highlights.
        looking: the looks at which claims were judged; None if all was judged once.
        more: further sections of the page, which stand behind the claims.
    """

    title: str
    seeds: tuple[int, ...]
    quick: bool
    highlights: tuple[str, ...]
    tables: tuple[Table, ...]
    drawings: tuple[Drawing, ...]
    judgments: tuple[JudgedClaim, ...]
    made_by: tuple[MadeBy, ...]
    command: str
    environment: Mapping[str, str]
    source: Source | None = None
    runs: Sequence[Row] = ()
    epochs: Sequence[Row] = ()
    first: Sequence[str] = ()
    headlines: Sequence[Headline] = ()
    looking: Looking | None = None
    more: Sequence[Section] = ()

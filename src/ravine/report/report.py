"""A report: everything that its page shows, put together from stored records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ravine.report.tables import Table
from ravine.report.verdicts import JudgedClaim

if TYPE_CHECKING:
    from ravine.pictures import Figure


@dataclass(frozen=True)
class Drawing:
    """A figure: the name of its files, what it shows, and how to read it."""

    name: str
    title: str
    caption: str
    figure: Figure


@dataclass(frozen=True)
class MadeBy:
    """How one run was made: the command that makes it again, its id, and how it ended."""

    command: str
    run: str
    outcome: str


@dataclass(frozen=True)
class Report:
    """What the page and the files show.

    Attributes:
        title: of the study.
        seeds: that each row was run with.
        quick: whether runs were cut to two epochs.
        highlights: the summary, a sentence each.
        tables, drawings, judgments: in order.
        made_by: every run.
        command: what made the report.
        environment: on what the runs were made; several values where they differ.
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

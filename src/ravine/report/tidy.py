"""The stored runs of a study as tidy rows: those of `storage.tidy`, with the place of each run in the study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from ravine.storage import tidy
from ravine.storage.record import Result
from ravine.storage.tidy import Row
from ravine.studies import Planned, Published

EPOCH_COLUMNS = ("id", "group", "row", *tidy.EPOCH_COLUMNS[1:])
"""The columns of `epoch_rows`."""


def run_rows(planned: Sequence[Planned], results: Mapping[str, Result]) -> list[Row]:
    """Return a row for each planned run that is stored, with its published result; rows of a group count from 1.

    A run that is in two groups has a row for each.
    """
    stored = [run for run in planned if run.id in results]
    rows = tidy.run_rows([results[run.id] for run in stored])
    return [
        {"group": run.group, "row": run.row + 1, "label": run.label or None, **row, **_published(run)}
        for run, row in zip(stored, rows, strict=True)
    ]


def epoch_rows(planned: Sequence[Planned], results: Mapping[str, Result]) -> list[Row]:
    """Return a row for each epoch of each planned run that is stored."""
    return [
        {"id": run.id, "group": run.group, "row": run.row + 1, **row}
        for run in planned
        if run.id in results
        for row in tidy.epoch_rows([results[run.id]])
    ]


def _published(run: Planned) -> Row:
    published = msgspec.structs.asdict(run.published or Published())
    return {f"published_{name}": value for name, value in published.items()}

"""A report as one document of plain values."""

from __future__ import annotations

from typing import Any

from ravine.report.report import Report
from ravine.report.tables import Row


def document_of(report: Report) -> dict[str, Any]:
    """Return the content of a report without its figures, of which it has the names, and without single runs.

    A mean is an object with `value`, `half_width` of its 95 % interval (None for one seed) and `count`, the number of
    seeds that have such a number.
    """
    return {
        "title": report.title,
        "source": report.source,
        "seeds": report.seeds,
        "highlights": report.highlights,
        "tables": [
            {"name": table.name, "title": table.title, "rows": [_row(row) for row in table.rows]}
            for table in report.tables
        ],
        "figures": [drawing.name for drawing in report.drawings],
    }


def _row(row: Row) -> dict[str, Any]:
    settings = dict(row.values)
    label = settings.pop("label", None)
    return {
        "label": label,
        "settings": settings,
        "published": row.published,
        "train_loss": row.train_loss,
        "validation_accuracy": row.validation_accuracy,
        "test_accuracy": row.test_accuracy,
        "seconds": row.seconds,
        "steps": row.steps,
        "outcomes": row.outcomes,
    }

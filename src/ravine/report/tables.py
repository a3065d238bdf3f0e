"""The table of one group of a study: published results beside ours."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from ravine.spec import differing, settings_of
from ravine.statistics.means import Mean, mean
from ravine.storage.record import Result
from ravine.storage.tidy import Cell, setting_values
from ravine.studies import Group, Planned, Published

ALWAYS = ("lr", "batch_size")
"""Settings that a table shows even if all its rows agree in them."""


@dataclass(frozen=True)
class Row:
    """One row over all its seeds.

    Attributes:
        settings: name to value as text, those that the table shows.
        published: the published result, if there is one.
        train_loss, test_accuracy, seconds, validation_accuracy: means over the seeds whose run has such a number.
        outcomes: "done", "diverged (dead_network)" and so on, and how many runs ended so.
        complete: whether every run went to its end, so that its time can be set beside the published one.
        steps: the number of steps, in a table in which batches grow.
        values: the same settings, and the label, as numbers, flags and text; None where the row has none.
    """

    settings: Mapping[str, str]
    published: Published | None
    train_loss: Mean | None
    test_accuracy: Mean | None
    seconds: Mean | None
    outcomes: Mapping[str, int]
    complete: bool
    steps: int | None = None
    values: Mapping[str, Cell] = field(default_factory=dict)
    validation_accuracy: Mean | None = None

    @property
    def outcome(self) -> str:
        """How the runs ended, in words."""
        one = sum(self.outcomes.values()) == 1
        return ", ".join(ending if one else f"{count} {ending}" for ending, count in self.outcomes.items())


@dataclass(frozen=True)
class Table:
    """A group's rows; rows none of whose runs is stored are left out."""

    name: str
    title: str
    rows: tuple[Row, ...]


def make_table(group: Group, planned: Sequence[Planned], results: Mapping[str, Result]) -> Table:
    """Put together the rows of a group from its planned runs and the stored results by id."""
    own = [run for run in planned if run.group == group.name]
    by_row: dict[int, list[Planned]] = {}
    for run in own:
        by_row.setdefault(run.row, []).append(run)
    flat = {number: settings_of(runs[0].spec) for number, runs in by_row.items()}
    names = differing(flat.values(), always=ALWAYS)
    if any(run.label for run in own):
        names = ["label", *names]
        flat = {number: {"label": by_row[number][0].label, **settings} for number, settings in flat.items()}
    grows = any(run.spec.largest_batch for run in own)
    rows = []
    for number, runs in by_row.items():
        found = [results[run.id] for run in runs if run.id in results]
        if found:
            settings = {name: flat[number].get(name, "") for name in names}
            typed = {"label": runs[0].label or None, **setting_values(runs[0].spec)}
            values = {name: typed.get(name, settings[name] or None) for name in names}
            rows.append(_row(settings, values, runs[0].published, found, grows))
    return Table(group.name, group.title, tuple(rows))


def outcome_of(result: Result) -> str:
    """Say how a run ended: "done", "diverged (dead_network)" and so on."""
    if result.cause is None:
        return result.status
    return f"{result.status} ({msgspec.to_builtins(result.cause)['kind']})"


def _row(
    settings: Mapping[str, str],
    values: Mapping[str, Cell],
    published: Published | None,
    results: Sequence[Result],
    grows: bool,
) -> Row:
    # The last epoch of a network that died does not show how well it trained before.
    losses = [r.train_loss for r in results if r.train_loss is not None and r.cause is None]
    return Row(
        settings=settings,
        published=published,
        train_loss=mean(losses),
        test_accuracy=mean([r.test_accuracy for r in results if r.test_accuracy is not None]),
        seconds=mean([r.seconds.total for r in results]),
        steps=max((epoch.steps for r in results for epoch in r.history), default=0) if grows else None,
        outcomes=Counter(map(outcome_of, results)),
        complete=all(result.status == "done" for result in results),
        values=values,
        validation_accuracy=mean([r.validation_accuracy for r in results if r.validation_accuracy is not None]),
    )


HEAD = (
    "published loss",
    "loss",
    "validation accuracy",
    "published accuracy",
    "accuracy",
    "published s",
    "s",
    "times faster",
    "steps",
    "outcome",
)


def cells(table: Table) -> tuple[list[str], list[list[str]]]:
    """Return head and rows of a table as text; a mean over seeds has its 95 % interval behind it.

    A column in which nothing stands, such as published seconds where none were published, is left out.
    """
    names = list(table.rows[0].settings) if table.rows else []
    body = []
    for row in table.rows:
        published = row.published or Published()
        faster = published.seconds / row.seconds.value if published.seconds and row.seconds and row.complete else None
        body.append(
            [
                *row.settings.values(),
                _number(published.train_loss, "{:g}"),
                _mean(row.train_loss, "{:.4f}"),
                "" if row.validation_accuracy is None else _mean(row.validation_accuracy, "{:.4f}"),
                _number(published.test_accuracy, "{:.3f}"),
                _mean(row.test_accuracy, "{:.4f}"),
                _number(published.seconds, "{:.0f}"),
                _mean(row.seconds, "{:.1f}"),
                _number(faster, "{:.0f}"),
                _number(row.steps, "{:d}"),
                row.outcome,
            ]
        )
    columns = [column for column in zip([*names, *HEAD], *body, strict=True) if any(column[1:])]
    head, *rows = ([list(row) for row in zip(*columns, strict=True)]) or [[]]
    return head, rows


def _number(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)


def _mean(value: Mean | None, form: str) -> str:
    if value is None:
        return "-"
    text = form.format(value.value)
    return text if value.half_width is None else f"{text} +- {form.format(value.half_width)}"


def table_to_csv(table: Table) -> str:
    """Write a table as CSV."""
    head, body = cells(table)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([head, *body])
    return text.getvalue()


def table_to_markdown(table: Table) -> str:
    """Write a table as Markdown, with its title."""
    head, body = cells(table)
    lines = [f"**{table.name}.** {table.title}", ""]
    lines += ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *body)]
    return "\n".join(lines).replace("+-", "±") + "\n"


def table_to_latex(table: Table) -> str:
    """Write a table as LaTeX, for the booktabs package."""
    head, body = cells(table)
    lines = [" & ".join(latex_escaped(cell) for cell in row) + r" \\" for row in (head, *body)]
    return "\n".join(
        [
            r"\begin{table}",
            rf"\caption{{{latex_escaped(table.title or table.name)}}}",
            rf"\begin{{tabular}}{{{'r' * (len(head) - 1)}l}}",
            r"\toprule",
            lines[0],
            r"\midrule",
            *lines[1:],
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def latex_escaped(text: str) -> str:
    """Escape what LaTeX would not print as it is."""
    special = {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}
    special |= {character: "\\" + character for character in "_%&#${}"}
    return "".join(special.get(character, character) for character in text).replace("+-", r"$\pm$")

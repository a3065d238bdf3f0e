"""The figures of a study, drawn from stored runs and gradient checks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

import msgspec

from ravine.gradients.networks.check import NetworkCheck
from ravine.gradients.networks.figures import error_distributions, mean_errors, v_curves
from ravine.pictures import (
    Axes,
    logarithmic,
    look,
    new_figure,
    over_epochs,
    own_legends,
    own_style,
    shared_legend,
    shares,
    ticker,
)
from ravine.pictures import Figure as Picture
from ravine.report.report import Drawing
from ravine.spec import labels_of, settings_of
from ravine.storage.quantities import QUANTITIES, given
from ravine.storage.record import Result
from ravine.studies import Figure, Planned, find_rows

Row = list[Planned]


def draw(
    figure: Figure, planned: Sequence[Planned], results: Mapping[str, Result], checks: Mapping[str, NetworkCheck]
) -> Drawing | None:
    """Draw a figure; None if nothing of what it shows is stored."""
    rows = [row for reference in figure.rows for row in _rows(find_rows(planned, reference))]
    stored = [row for row in rows if any(run.id in results for run in row)]
    if figure.kind == "curves":
        figure = msgspec.structs.replace(figure, measures=_given(figure, rows))
        if not stored or not figure.measures:
            return None
        return Drawing(figure.name, figure.title, _caption(figure, stored, results), _curves(figure, stored, results))
    check = next((checks[run.id] for row in rows for run in row if run.id in checks), None)
    return None if check is None else _gradients(figure, check)


def _rows(runs: Sequence[Planned]) -> list[Row]:
    """Put the seeds of each row together."""
    by_row: dict[tuple[str, int], Row] = {}
    for run in runs:
        by_row.setdefault((run.group, run.row), []).append(run)
    return list(by_row.values())


def _given(figure: Figure, rows: Sequence[Row]) -> tuple[str, ...]:
    """Return those measures that some of the rows have after each epoch."""
    specs = [run.spec for row in rows for run in row]
    wanted = [QUANTITIES[name] for name in figure.measures]
    return tuple(quantity.name for quantity in given(wanted, specs, each_epoch=True))


def _gradients(figure: Figure, check: NetworkCheck) -> Drawing:
    agreement = check.agreement
    of = f"{agreement.weights:,} weights, {agreement.samples} sample, double precision"
    if figure.kind == "gradient-errors":
        return Drawing(figure.name, figure.title, f"Against the analytic gradient; {of}.", mean_errors(agreement))
    if figure.kind == "gradient-distribution":
        caption = f"Each against the analytic gradient, weight by weight; {of}."
        return Drawing(figure.name, figure.title, caption, error_distributions(agreement))
    caption = "Median over up to 1,000 weights. Round-off rules small steps, truncation large ones."
    return Drawing(figure.name, figure.title, caption, v_curves(check.curve))


@own_style()
def _curves(figure: Figure, rows: Sequence[Row], results: Mapping[str, Result]) -> Picture:
    """Draw each measure in a panel; or one measure, with a panel for each value of a setting."""
    named = _named(rows, figure.panels)
    if figure.panels is None:
        picture, panels = new_figure(len(figure.measures))
        for axes, measure in zip(panels, figure.measures, strict=True):
            _panel(axes, measure, figure.over, named, results)
            _scale(measure, [axes])
        shared_legend(picture, panels)
        return picture
    values = list(dict.fromkeys(_setting(row, figure.panels) for row in rows))
    picture, panels = new_figure(len(values), share_y=True)
    for axes, value in zip(panels, values, strict=True):
        own = [curve for curve in named if _setting(curve.row, figure.panels) == value]
        _panel(axes, figure.measures[0], figure.over, own, results)
        axes.set_title(f"{figure.panels} {value}")
    for axes in panels[1:]:
        axes.set_ylabel("")
    _scale(figure.measures[0], panels)
    own_legends(picture, panels)
    return picture


@dataclass(frozen=True)
class _Curve:
    """A row, its label, and the number of its look; rows of one label in several panels look alike."""

    row: Row
    label: str
    number: int


def _named(rows: Sequence[Row], panels: str | None) -> list[_Curve]:
    """Name rows by their labels if all have one, otherwise by what differs beside the setting of the panels.

    A row alone needs no name.
    """
    labels = [row[0].label if len(rows) > 1 else "" for row in rows]
    if not all(labels):
        labels = labels_of([settings_of(row[0].spec) for row in rows], without=[panels] if panels else [])
    numbers = {label: number for number, label in enumerate(dict.fromkeys(labels))}
    alike = panels is not None
    return [
        _Curve(row, label, numbers[label] if alike else place)
        for place, (row, label) in enumerate(zip(rows, labels, strict=True))
    ]


def _label(curve: _Curve, results: Mapping[str, Result]) -> str:
    """Return the label of a row, and how many of its runs diverged."""
    stored = [results[run.id] for run in curve.row if run.id in results]
    diverged = sum(result.status == "diverged" for result in stored)
    if not diverged:
        return curve.label
    words = "(diverged)" if diverged == len(stored) else f"({diverged} of {len(stored)} diverged)"
    return f"{curve.label} {words}".strip()


def _panel(
    axes: Axes, measure: str, over: Literal["epochs", "steps"], curves: Sequence[_Curve], results: Mapping[str, Result]
) -> None:
    """Draw one measure of some rows: the mean over the seeds, the range of the seeds, and what was published."""
    longest = 1
    for curve in curves:
        row = curve.row
        histories = [results[run.id].history for run in row if run.id in results]
        values = [[_number(getattr(epoch, measure)) for epoch in history] for history in histories]
        whole = max(histories, key=len, default=[])
        epochs = range(1, len(whole) + 1)
        # Runs of one row may end at different epochs, but an epoch has the same number of steps in all of them.
        places = list(epochs) if over == "epochs" else [epoch.steps for epoch in whole]
        at = [[own[epoch - 1] for own in values if len(own) >= epoch] for epoch in epochs]
        (line,) = axes.plot(places, [fmean(each) for each in at], label=_label(curve, results), **look(curve.number))
        color = line.get_color()
        if len(values) > 1 and places:
            axes.fill_between(
                places, [min(each) for each in at], [max(each) for each in at], color=color, alpha=0.18, linewidth=0
            )
        longest = max(longest, row[0].spec.epochs if over == "epochs" else max(places, default=1))
        published = _published(row, measure)
        if published is not None and row[0].spec.epochs == len(epochs):
            axes.plot(
                places[-1], published, marker="*", markersize=12, markerfacecolor="none", color=color, linestyle=""
            )
    if over == "epochs":
        over_epochs(axes, longest)
    else:
        axes.set(xlabel="step", xlim=(0, 1.02 * longest))
        axes.xaxis.set_major_locator(ticker.MaxNLocator(5, integer=True))
        axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_ylabel(QUANTITIES[measure].words)


def _scale(measure: str, panels: Sequence[Axes]) -> None:
    """Choose scale and ticks of the vertical axes of panels that show one measure."""
    if QUANTITIES[measure].is_share:
        shares(panels)
    else:
        logarithmic(panels)


def _caption(figure: Figure, rows: Sequence[Row], results: Mapping[str, Result]) -> str:
    counts = [sum(run.id in results for run in row) for row in rows]
    seeds = str(max(counts)) if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
    parts = ["One seed." if seeds == "1" else f"Mean of {seeds} seeds, and the range from the lowest to the highest."]
    if any(_published(row, measure) is not None for row in rows for measure in figure.measures):
        parts.append("A star is the published value.")
    return " ".join(parts)


def _published(row: Row, measure: str) -> float | None:
    value = getattr(row[0].published, measure, None)
    return None if value is None or math.isnan(value) else value


def _setting(row: Row, name: str) -> str:
    return settings_of(row[0].spec).get(name, "none")


def _number(value: float | None) -> float:
    return math.nan if value is None else value

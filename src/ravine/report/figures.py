"""The figures of a study, drawn from stored runs and gradient checks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Literal

import numpy as np

from ravine.gradients.networks.check import NetworkCheck
from ravine.gradients.networks.figures import error_distributions, mean_errors, v_curves
from ravine.pictures import COLORS, LINES, MARKERS, Axes, new_figure, own_style, ticker
from ravine.pictures import Figure as Picture
from ravine.report.report import Drawing
from ravine.spec import differing, settings_of
from ravine.storage.quantities import QUANTITIES
from ravine.storage.record import Result
from ravine.studies import Figure, Planned, find_rows

_WIDE = 0.9
"""Accuracies below this get an axis on which the distance to 100 % is logarithmic, so that 10 % and 98 % both show."""

_TICKS = (0.0, 0.1, 0.5, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 1.0)

Row = list[Planned]


def draw(
    figure: Figure, planned: Sequence[Planned], results: Mapping[str, Result], checks: Mapping[str, NetworkCheck]
) -> Drawing | None:
    """Draw a figure; None if nothing of what it shows is stored."""
    rows = [row for reference in figure.rows for row in _rows(find_rows(planned, reference))]
    stored = [row for row in rows if any(run.id in results for run in row)]
    if figure.kind == "curves":
        if not stored:
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
    if figure.panels is None:
        picture, panels = new_figure(len(figure.measures))
        for axes, measure in zip(panels, figure.measures, strict=True):
            _panel(axes, measure, figure.over, rows, results)
        shown = [(panels[0], rows)]
    else:
        values = list(dict.fromkeys(_setting(row, figure.panels) for row in rows))
        picture, panels = new_figure(len(values), share_y=True)
        shown = [
            (axes, [row for row in rows if _setting(row, str(figure.panels)) == value])
            for axes, value in zip(panels, values, strict=True)
        ]
        for (axes, own), value in zip(shown, values, strict=True):
            _panel(axes, figure.measures[0], figure.over, own, results)
            axes.set_title(f"{figure.panels} {value}")
        for axes in panels[1:]:
            axes.set_ylabel("")
        _accuracy_axis(figure.measures[0], panels)
        return _with_legends(picture, shown)
    for axes, measure in zip(panels, figure.measures, strict=True):
        _accuracy_axis(measure, [axes])
    return _with_legends(picture, shown)


def _with_legends(picture: Picture, shown: Sequence[tuple[Axes, Sequence[Row]]]) -> Picture:
    for axes, rows in shown:
        _, labels = axes.get_legend_handles_labels()
        if labels and (len(rows) > 1 or len(shown) > 1 or "diverged" in labels[0]):
            axes.legend(loc="lower right" if len(shown) > 1 else "best", frameon=False, fontsize="small")
    return picture


def _panel(
    axes: Axes, measure: str, over: Literal["epochs", "steps"], rows: Sequence[Row], results: Mapping[str, Result]
) -> None:
    """Draw one measure of some rows: the mean over the seeds, the range of the seeds, and what was published."""
    labels = _labels(rows, results)
    longest = 1
    for number, row in enumerate(rows):
        histories = [results[run.id].history for run in row if run.id in results]
        curves = [[_number(getattr(epoch, measure)) for epoch in history] for history in histories]
        whole = max(histories, key=len, default=[])
        epochs = range(1, len(whole) + 1)
        # Runs of one row may end at different epochs, but an epoch has the same number of steps in all of them.
        places = list(epochs) if over == "epochs" else [epoch.steps for epoch in whole]
        at = [[curve[epoch - 1] for curve in curves if len(curve) >= epoch] for epoch in epochs]
        color = COLORS[number % len(COLORS)]
        axes.plot(
            places,
            [fmean(values) for values in at],
            color=color,
            marker=MARKERS[number % len(MARKERS)],
            markersize=4,
            linestyle=LINES[number % len(LINES)],
            label=labels[number],
        )
        if len(curves) > 1:
            low, high = [min(values) for values in at], [max(values) for values in at]
            axes.fill_between(places, low, high, color=color, alpha=0.18, linewidth=0)
        longest = max(longest, row[0].spec.epochs if over == "epochs" else max(places, default=1))
        published = _published(row, measure)
        if published is not None and row[0].spec.epochs == len(epochs):
            axes.plot(
                places[-1], published, marker="*", markersize=12, markerfacecolor="none", color=color, linestyle=""
            )
    if over == "epochs":
        axes.set(xlabel="epoch", xlim=(0.5, longest + 0.5))
        axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
    else:
        axes.set(xlabel="step", xlim=(0, 1.02 * longest))
        axes.xaxis.set_major_locator(ticker.MaxNLocator(5, integer=True))
        axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_ylabel(QUANTITIES[measure].words)
    # A logarithmic axis must have something to show.
    if not QUANTITIES[measure].is_share and any(
        (np.asarray(line.get_ydata(), dtype=float) > 0).any() for line in axes.lines
    ):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(ticker.NullLocator())


def _accuracy_axis(measure: str, panels: Sequence[Axes]) -> None:
    """Write accuracies as percentages; a wide range gets an axis that is logarithmic in the distance to 100 %."""
    if not QUANTITIES[measure].is_share:
        return
    shown = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for axes in panels for line in axes.lines])
    low, high = shown.min(initial=1.0), shown.max(initial=0.0)
    for axes in panels:
        if low < _WIDE:
            axes.set_yscale("function", functions=(lambda a: -np.log10(1.001 - a), lambda y: 1.001 - 10.0**-y))
            axes.yaxis.set_major_locator(ticker.FixedLocator(_TICKS))
            axes.yaxis.set_minor_locator(ticker.NullLocator())
            axes.set_ylim(max(0.0, low - 0.05), 0.99 if high < _TICKS[-2] else 1.0)
        axes.yaxis.set_major_formatter(ticker.PercentFormatter(xmax=1))


def _labels(rows: Sequence[Row], results: Mapping[str, Result]) -> list[str]:
    """Name rows by their labels if all have one, or else by the settings in which they differ."""
    settings = [settings_of(row[0].spec) for row in rows]
    names = differing(settings)
    by_label = all(row[0].label for row in rows)
    labels = []
    for row, own in zip(rows, settings, strict=True):
        text = row[0].label if by_label else ", ".join(f"{name} {own[name]}" for name in names if name in own)
        stored = [results[run.id] for run in row if run.id in results]
        diverged = sum(result.status == "diverged" for result in stored)
        if diverged:
            text += " (diverged)" if diverged == len(stored) else f" ({diverged} of {len(stored)} diverged)"
        labels.append(text.strip())
    return labels


def _caption(figure: Figure, rows: Sequence[Row], results: Mapping[str, Result]) -> str:
    seeds = max(sum(run.id in results for run in row) for row in rows)
    parts = ["One seed." if seeds == 1 else f"Mean of {seeds} seeds, and the range from the lowest to the highest."]
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

"""Pictures of a comparison: one panel for up to six optimizers, beyond that a small one for each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar

from ravine.comparison.outcome import Outcome, Row, Standing
from ravine.comparison.plan import Objective
from ravine.comparison.profiles import GRID, Profile
from ravine.comparison.words import cost_word
from ravine.pictures import BLUE, INK, Axes, Figure, look, new_grid, own_style, shared_legend, ticker

TOGETHER = 6
"""The most optimizers that share a panel: so many colors and markers are told apart."""

COLUMNS = 4
"""The small panels in a row."""

FURTHEST = 5.0
"""An axis of scores ends where the error, or the loss, is so many times that of the best."""

_QUIET: dict[str, Any] = {"color": "#9aa1a8", "alpha": 0.4, "zorder": 1}
"""The look of the other optimizers in a small panel."""

_STEPS = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)
"""Where an axis of errors or losses has ticks, times a power of ten."""

_BREAK = (math.nan, math.nan)

Over = Literal["epochs", "seconds"]

_Subject = TypeVar("_Subject", Standing, Profile)

_Draw = Callable[[Axes, _Subject, dict[str, Any]], None]
"""A function that draws one optimizer into a panel, in a look."""

_Traces = Callable[[_Subject], list[tuple[float, float]]]
"""A function that returns what stands for an optimizer behind the others: the points of a line, broken by nan."""


@own_style()
def score_by_rate(outcome: Outcome, problem: str | None = None) -> Figure:
    """Draw the score of every trial of the searches against the learning rate, on one problem.

    A ring marks the settings that a search chose, the band what lies within the margin of the best trial. Trials beyond
    the axis lie at its border, those that diverged as crosses.
    """
    standings = _standings(outcome, problem)
    objective = outcome.plan.protocol.objective
    rows = {standing.optimizer: _searched(outcome, standing) for standing in standings}
    best = max(row.score for own in rows.values() for row in own)
    scale = _Scale(objective, best, [row.score for own in rows.values() for row in own])

    def draw(axes: Axes, standing: Standing, style: dict[str, Any]) -> None:
        points = [(row.settings["lr"], row.score, row.status == "diverged") for row in rows[standing.optimizer]]
        inside = [(lr, scale.place(score)) for lr, score, diverged in points if not diverged]
        lost = [(lr, scale.border) for lr, _, diverged in points if diverged]
        chosen = [(row.settings["lr"], scale.place(row.score)) for row in _winner(rows[standing.optimizer], standing)]
        color = style["color"]
        dots = {"color": color, "linestyle": "", "clip_on": False, "alpha": 0.85, "markersize": 6}
        ring = {
            "color": color,
            "markersize": 11,
            "markerfacecolor": "none",
            "markeredgewidth": 1.5,
            "markeredgecolor": color,
        }
        axes.plot(
            *_columns(inside), marker=style["marker"], label=_shown(standing.optimizer), markeredgewidth=0, **dots
        )
        axes.plot(*_columns(lost), marker="x", **dots)
        axes.plot(*_columns(chosen), marker="o", linestyle="", clip_on=False, zorder=5, **ring)

    def traces(standing: Standing) -> list[tuple[float, float]]:
        """Return a dot for each trial: a line so short that its round ends touch."""
        points = [(row.settings["lr"], scale.place(row.score)) for row in rows[standing.optimizer]]
        return [at for lr, place in points for at in ((lr, place), (1.001 * lr, place), _BREAK)]

    def finish(axes: Axes) -> None:
        axes.set_xscale("log")
        axes.axhspan(*scale.band(outcome.plan.protocol.margin), color=INK, alpha=0.09, linewidth=0)

    rates = [row.settings["lr"] for own in rows.values() for row in own]
    wide = (min(rates) / 1.3, max(rates) * 1.3)
    return _figure(outcome, standings, draw, traces, finish, scale, "learning rate", wide, width=2.5, lines=False)


@own_style()
def best_of_k(outcome: Outcome, problem: str | None = None) -> Figure:
    """Draw what the best of k trials scores on average, against k, with the range of the middle 80 % as a band."""
    standings = _standings(outcome, problem)
    objective = outcome.plan.protocol.objective
    found = [best.mean for standing in standings for best in standing.best_of]
    scale = _Scale(objective, max(found), found)

    def draw(axes: Axes, standing: Standing, style: dict[str, Any]) -> None:
        trials = [best.trials for best in standing.best_of]
        lines = {name: [getattr(best, name) for best in standing.best_of] for name in ("mean", "low", "high")}
        _line(axes, standing.optimizer, trials, lines, scale, style, every=[k for k in trials if k & (k - 1) == 0])

    def traces(standing: Standing) -> list[tuple[float, float]]:
        return [*((best.trials, scale.place(best.mean)) for best in standing.best_of), _BREAK]

    def finish(axes: Axes) -> None:
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(ticker.FormatStrFormatter("%d"))
        axes.xaxis.set_minor_locator(ticker.NullLocator())

    most = max(len(standing.best_of) for standing in standings)
    wide = (0.93, most * 1.08)
    return _figure(outcome, standings, draw, traces, finish, scale, "trials", wide)


@own_style()
def curves(outcome: Outcome, problem: str | None = None, over: Over = "epochs") -> Figure:
    """Draw the validation score of each winner while it trains, with a band from the lowest to the highest seed."""
    standings = _standings(outcome, problem)
    objective = outcome.plan.protocol.objective
    sign = 1.0 if objective == "accuracy" else -1.0
    found = [sign * value for standing in standings for value in standing.curve.mean if value is not None]
    scale = _Scale(objective, max(found, default=0.0), found or [0.0])

    def values(standing: Standing, name: str) -> tuple[list[float], list[float]]:
        """Return the places and the values of a line as far as it goes."""
        curve = standing.curve
        places, of = curve.epochs if over == "epochs" else curve.seconds, getattr(curve, name)
        kept = [(place, sign * value) for place, value in zip(places, of, strict=True) if value is not None]
        return _columns(kept)

    def draw(axes: Axes, standing: Standing, style: dict[str, Any]) -> None:
        places, _ = values(standing, "mean")
        lines = {name: values(standing, name)[1] for name in ("mean", "low", "high")}
        _line(axes, standing.optimizer, places, lines, scale, style, every=places)

    def traces(standing: Standing) -> list[tuple[float, float]]:
        return [*((place, scale.place(value)) for place, value in zip(*values(standing, "mean"), strict=True)), _BREAK]

    def finish(axes: Axes) -> None:
        axes.xaxis.set_major_locator(ticker.MaxNLocator(nbins=6, integer=over == "epochs", min_n_ticks=1))

    ends = [standing.curve.epochs if over == "epochs" else standing.curve.seconds for standing in standings]
    last = max((end[-1] for end in ends if end), default=1)
    wide = (0.5, last + 0.5) if over == "epochs" else (0.0, last * 1.03)
    name = "epoch" if over == "epochs" else "seconds of training"
    return _figure(outcome, standings, draw, traces, finish, scale, name, wide)


@own_style()
def profiles(outcome: Outcome) -> Figure:
    """Draw the performance profile of each optimizer: the share of problems within a ratio of the best error or loss.

    The band has the 95 % intervals. They are known at the ratios of `GRID`; between two of these it has all that a
    share that grows with the ratio can be.
    """
    finite = [ratio for profile in outcome.profiles for ratio in profile.ratios.values() if ratio is not None]
    end = min(max(1.05 * max(finite), 1.1), FURTHEST)

    def corners(profile: Profile) -> list[tuple[float, float]]:
        """Return the points of a line of steps: where it begins, then both ends of each rise, and where it ends."""
        rises = sorted(ratio for ratio in profile.ratios.values() if ratio is not None and ratio <= end)
        heights = [place / len(profile.ratios) for place in range(len(rises) + 1)]
        found = [(1.0, 0.0)]
        for ratio, below, above in zip(rises, heights, heights[1:], strict=False):
            found += [(ratio, below), (ratio, above)]
        return [*found, (end, heights[-1])]

    def draw(axes: Axes, profile: Profile, style: dict[str, Any]) -> None:
        points = corners(profile)
        tops = list(range(2, len(points), 2))
        axes.plot(*_columns(points), label=_shown(profile.optimizer), markevery=tops, **style)
        low, high = ([getattr(share, name) for share in profile.shares] for name in ("low", "high"))
        axes.fill_between(GRID, low, [*high[1:], high[-1]], step="post", color=style["color"], alpha=0.09, linewidth=0)

    def traces(profile: Profile) -> list[tuple[float, float]]:
        return [*corners(profile), _BREAK]

    def finish(axes: Axes) -> None:
        axes.set_xscale("log")
        few = ticker.MaxNLocator(nbins=4, steps=[1, 2, 5, 10])
        axes.xaxis.set_major_locator(few if end < 2 else ticker.FixedLocator(_ticks(1, end)))
        axes.xaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
        axes.xaxis.set_minor_locator(ticker.NullLocator())

    name = f"ratio to the best test {cost_word(outcome.plan.protocol.objective)}"
    wide = (end**-0.02, end)
    return _figure(outcome, outcome.profiles, draw, traces, finish, _Shares(), name, wide)


def _figure(
    outcome: Outcome,
    subjects: Sequence[_Subject],
    draw: _Draw[_Subject],
    traces: _Traces[_Subject],
    finish: Callable[[Axes], None],
    scale: _Scale | _Shares,
    name: str,
    wide: tuple[float, float],
    width: float = 0.8,
    *,
    lines: bool = True,
) -> Figure:
    """Draw all optimizers into one panel, or each into a small one with the others in gray behind it.

    `lines` tells whether they are drawn as lines, and not as points.
    """
    alone = len(subjects) > TOGETHER
    figure, panels = new_grid(len(subjects) if alone else 1, COLUMNS)
    for place, axes in enumerate(panels):
        if alone:
            others = [at for other in subjects if other is not subjects[place] for at in traces(other)]
            axes.plot(*_columns(others), linewidth=width, solid_capstyle="round", **_QUIET)
            draw(axes, subjects[place], {**look(0), "color": BLUE, "zorder": 3})
            axes.set_title(subjects[place].optimizer, fontsize="small", parse_math=False)
            axes.tick_params(labelsize="x-small")
        else:
            for subject in subjects:
                draw(axes, subject, {**look(outcome.plan.labels.index(subject.optimizer)), "zorder": 3})
        for line in axes.lines:
            line.set_in_layout(False)  # marks that lie on the border leave the size of the panel as it is
        axes.set_xlim(*wide)
        finish(axes)
        scale.set(axes)
    if alone:
        figure.supxlabel(name, fontsize="medium")
        figure.supylabel(scale.quantity, fontsize="medium")
    else:
        panels[0].set(xlabel=name, ylabel=scale.quantity)
        shared_legend(figure, panels, inside=lines)
    return figure


def _line(
    axes: Axes,
    label: str,
    places: Sequence[float],
    lines: dict[str, list[float]],
    scale: _Scale,
    style: dict[str, Any],
    every: Sequence[float],
) -> None:
    """Draw a mean with its band, and markers at some places."""
    height = {name: [scale.place(value) for value in values] for name, values in lines.items()}
    marked = [k for k, place in enumerate(places) if place in every]
    axes.plot(places, height["mean"], label=_shown(label), markevery=marked, **style)
    axes.fill_between(places, height["low"], height["high"], color=style["color"], alpha=0.13, linewidth=0)


class _Scale:
    """The vertical axis of scores: the logarithm of the error, or of the loss, from the best to five times as much.

    Differences among the best scores are small, and bad scores are far away; so the axis ends where the error is five
    times that of the best, and what is worse lies at this border.
    """

    def __init__(self, objective: Objective, best: float, scores: Sequence[float]) -> None:
        self.objective, self.quantity = objective, f"validation {objective}"
        least = max(self._error(best), 1e-4)
        most = max(max(map(self._error, scores), default=least), 1.5 * least)
        self.top, self.border = least / 1.06, min(most * 1.02, FURTHEST * least)

    def _error(self, score: float) -> float:
        """Return 1 - accuracy, or the loss."""
        return 1 - score if self.objective == "accuracy" else -score

    def place(self, score: float) -> float:
        """Return the place of a score on the axis, at most at its border."""
        return min(max(self._error(score), self.top), self.border)

    def band(self, margin: float) -> tuple[float, float]:
        """Return both ends of the range within a margin of the best."""
        best = self.top * 1.06
        return best, min(best + margin, self.border)

    def set(self, axes: Axes) -> None:
        """Give the vertical axis of a panel this scale; accuracies grow upwards, losses as well."""
        low, high = self.top, self.border * (self.border / self.top) ** 0.03  # what lies at the border is seen whole
        axes.set_yscale("log")
        axes.set_ylim(*((high, low) if self.objective == "accuracy" else (low, high)))
        axes.yaxis.set_major_locator(ticker.FixedLocator(_ticks(low, high)))
        axes.yaxis.set_minor_locator(ticker.NullLocator())
        if self.objective == "accuracy":
            axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda error, _: f"{100 * (1 - error):.4g} %"))
        else:
            axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda loss, _: f"{loss:g}"))


class _Shares:
    """The vertical axis of shares of problems."""

    quantity = "share of problems"

    def set(self, axes: Axes) -> None:
        """Give the vertical axis of a panel this scale."""
        axes.set_ylim(-0.03, 1.03)
        axes.yaxis.set_major_locator(ticker.FixedLocator([0, 0.25, 0.5, 0.75, 1]))
        axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda share, _: f"{100 * share:.0f} %"))


def _ticks(low: float, high: float) -> list[float]:
    """Return ticks of a logarithmic axis that spans a decade or less; equal distances if it is much less."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = [step * 10.0**power for power in powers for step in _STEPS]
    found = [tick for tick in steps if low <= tick <= high]
    if len(found) >= 3:
        return found
    return [float(tick) for tick in ticker.MaxNLocator(nbins=5).tick_values(low, high) if low <= tick <= high]


def _shown(name: str) -> str:
    """Return a name as a legend shows it: none is left out, and none is read as mathematics."""
    plain = name.replace("$", r"\$")
    return f" {plain}" if plain.startswith("_") else plain


def _standings(outcome: Outcome, problem: str | None) -> list[Standing]:
    """Return the optimizers that were searched on a problem, best first; on the first problem if none is given."""
    name = outcome.plan.problems[0].name if problem is None else problem
    return [
        standing for standing in outcome.leaderboard if standing.problem == name and standing.validation is not None
    ]


def _searched(outcome: Outcome, standing: Standing) -> list[Row]:
    return [
        row
        for row in outcome.trials
        if (row.problem, row.optimizer) == (standing.problem, standing.optimizer)
        and row.stage in ("search", "extension")
    ]


def _winner(rows: Sequence[Row], standing: Standing) -> list[Row]:
    return [row for row in rows if row.settings == standing.settings][:1]


def _columns(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]

"""The curves of runs: losses and accuracy over the epochs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ravine.pictures import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    VERMILION,
    Figure,
    logarithmic,
    look,
    new_figure,
    over_epochs,
    own_style,
    set_title,
    shared_legend,
    shares,
)
from ravine.spec import describe, labels_of, settings_of
from ravine.storage.quantities import CURVES, Quantity, given
from ravine.storage.record import Result

_LOOKS = {
    "train_loss": ("o-", BLUE, "training, as weights move"),
    "validation_loss": ("^-.", PURPLE, "validation"),
    "test_loss": ("s--", VERMILION, "test"),
    "validation_accuracy": ("^-.", ORANGE, "validation"),
    "test_accuracy": ("o-", GREEN, "test"),
    "validation_r2": ("^-.", ORANGE, "validation"),
    "test_r2": ("o-", GREEN, "test"),
}
"""The mark and line, the color and the name of each curve of one run."""


def plot_curves(results: Sequence[Result]) -> Figure:
    """Draw one run, or several runs beside each other; a run that is given twice is drawn once."""
    apart = list({result.id: result for result in results}.values())
    return _one(apart[0]) if len(apart) == 1 else _several(apart)


def named(results: Sequence[Result]) -> list[str]:
    """Name each of several runs by what differs between them, the seed too; by optimizer and id if nothing does."""
    settings = [{**settings_of(result.spec), "seed": str(result.spec.seed)} for result in results]
    return [
        label or f"{result.spec.optimizer_name} {result.id[:8]}"
        for label, result in zip(labels_of(settings), results, strict=True)
    ]


@own_style()
def _one(result: Result) -> Figure:
    """Draw the losses on the left and, if there is one, accuracy or R^2 on the right."""
    quantities = given(CURVES, [result.spec], each_epoch=True)
    scores = [quantity for quantity in quantities if quantity.is_score]
    figure, (left, *others) = new_figure(2 if scores else 1)
    epochs, curves = _curves(result, quantities)
    for quantity, curve in zip(quantities, curves, strict=True):
        mark, color, label = _LOOKS[quantity.name]
        (others[0] if quantity.is_score else left).plot(epochs, curve, mark, color=color, label=label)
    left.set_ylabel("loss")
    logarithmic([left])
    for right in others:
        right.set_ylabel(scores[0].words.partition(" ")[2] if len(scores) > 1 else scores[0].words)
        if scores[0].is_share:
            shares([right])
    for axes in (left, *others):
        over_epochs(axes, result.spec.epochs)
    set_title(figure, title_of(result))
    if epochs:
        shared_legend(figure, [left])
        if len(scores) > 1:
            shared_legend(figure, others)
    else:
        left.text(0.5, 0.5, "no epoch was finished", transform=left.transAxes, ha="center")
    return figure


@own_style()
def _several(results: Sequence[Result]) -> Figure:
    """Draw each quantity of all runs in a panel of its own."""
    quantities = given(CURVES, [result.spec for result in results], each_epoch=True)
    figure, panels = new_figure(len(quantities))
    for number, (result, name) in enumerate(zip(results, named(results), strict=True)):
        label = name if result.cause is None else f"{name} ({result.status})"
        epochs, curves = _curves(result, quantities)
        for axes, curve in zip(panels, curves, strict=True):
            axes.plot(epochs, curve, label=label, **look(number))
    longest = max(result.spec.epochs for result in results)
    for axes, quantity in zip(panels, quantities, strict=True):
        axes.set_ylabel(quantity.words)
        if quantity.is_share:
            shares([axes])
        elif not quantity.is_score:
            logarithmic([axes])
        over_epochs(axes, longest)
    set_title(figure, _common(results))
    shared_legend(figure, panels)
    return figure


def title_of(result: Result) -> str:
    """Describe a run, with its seed, and how it ended if it diverged."""
    title = f"{describe(result.spec)}, seed {result.spec.seed}"
    return title if result.cause is None else f"{title}: {result.status}"


def _common(results: Sequence[Result]) -> str:
    optimizers = {result.spec.optimizer_name for result in results}
    datasets = {result.spec.dataset for result in results}
    of = f" of {optimizers.pop()}" if len(optimizers) == 1 else ""
    on = f" on {datasets.pop()}" if len(datasets) == 1 else ""
    return f"{len(results)} runs{of}{on}"


def _curves(result: Result, quantities: Sequence[Quantity]) -> tuple[list[int], list[list[float]]]:
    """Return the epochs of a run and, over them, its curves; a number that is not finite leaves a gap."""

    def values(quantity: Quantity) -> list[float]:
        return [math.nan if (value := quantity.of(epoch)) is None else value for epoch in result.history]

    return [epoch.epoch for epoch in result.history], [values(quantity) for quantity in quantities]

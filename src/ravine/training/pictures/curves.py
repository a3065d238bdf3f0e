"""The curves of runs: losses and accuracy over the epochs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ravine.pictures import (
    BLUE,
    GREEN,
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
from ravine.storage.quantities import CURVES, Quantity
from ravine.storage.record import Result


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
    """Draw training and test loss on the left, test accuracy on the right."""
    figure, (left, right) = new_figure(2)
    epochs, (train_loss, test_loss, test_accuracy) = _curves(result)
    left.plot(epochs, train_loss, "o-", color=BLUE, label="training, as weights move")
    left.plot(epochs, test_loss, "s--", color=VERMILION, label="test")
    right.plot(epochs, test_accuracy, "o-", color=GREEN)
    left.set_ylabel("loss")
    right.set_ylabel("test accuracy")
    logarithmic([left])
    shares([right])
    for axes in (left, right):
        over_epochs(axes, result.spec.epochs)
    set_title(figure, title_of(result))
    if epochs:
        shared_legend(figure, [left])
    else:
        left.text(0.5, 0.5, "no epoch was finished", transform=left.transAxes, ha="center")
    return figure


@own_style()
def _several(results: Sequence[Result]) -> Figure:
    """Draw each quantity of all runs in a panel of its own."""
    figure, panels = new_figure(len(CURVES))
    for number, (result, name) in enumerate(zip(results, named(results), strict=True)):
        label = name if result.cause is None else f"{name} ({result.status})"
        epochs, curves = _curves(result)
        for axes, curve in zip(panels, curves, strict=True):
            axes.plot(epochs, curve, label=label, **look(number))
    longest = max(result.spec.epochs for result in results)
    for axes, quantity in zip(panels, CURVES, strict=True):
        axes.set_ylabel(quantity.words)
        if quantity.is_share:
            shares([axes])
        else:
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


def _curves(result: Result) -> tuple[list[int], list[list[float]]]:
    """Return the epochs of a run and, over them, its curves; a number that is not finite leaves a gap."""

    def values(quantity: Quantity) -> list[float]:
        return [math.nan if (value := quantity.of(epoch)) is None else value for epoch in result.history]

    return [epoch.epoch for epoch in result.history], [values(quantity) for quantity in CURVES]

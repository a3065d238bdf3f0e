"""The picture of one run."""

from __future__ import annotations

import math

from ravine.pictures import BLUE, GREEN, VERMILION, Figure, new_figure, own_style, ticker
from ravine.storage.record import Result


@own_style()
def plot_history(result: Result) -> Figure:
    """Draw training and test loss on the left, test accuracy on the right, over the epochs."""
    figure, (left, right) = new_figure(2)
    epochs = [record.epoch for record in result.history]
    test_loss = [math.nan if r.test_loss is None else r.test_loss for r in result.history]
    left.plot(epochs, [r.train_loss for r in result.history], "o-", color=BLUE, label="training, as weights move")
    left.plot(epochs, test_loss, "s--", color=VERMILION, label="test")
    left.set(xlabel="epoch", ylabel="loss", yscale="log")
    right.plot(epochs, [r.test_accuracy for r in result.history], "o-", color=GREEN)
    right.set(xlabel="epoch", ylabel="test accuracy")
    right.yaxis.set_major_formatter(ticker.PercentFormatter(xmax=1))
    for axis in (left.yaxis.set_major_formatter, left.yaxis.set_minor_formatter):
        axis("{x:g}")
    if epochs:
        left.legend(frameon=False, fontsize="small")
    for axes in (left, right):
        axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
    spec = result.spec
    title = f"{spec.optimizer_name}, lr {spec.lr:g}, batches of {spec.batch_size}, seed {spec.seed}"
    figure.suptitle(title if result.cause is None else f"{title}: {result.status}")
    return figure

"""The confusion matrix of a run."""

from __future__ import annotations

import numpy as np

from ravine.pictures import INK, VERMILION, Figure, blank_figure, fading, own_style, set_title
from ravine.training.predictions import Predictions


@own_style()
def plot_confusion(found: Predictions, title: str) -> Figure:
    """Draw how many samples of each class, a row, are predicted to be of each class, a column.

    The colors show the errors alone, as shares of their row: there are far more samples on the diagonal.
    """
    counts = found.confusion
    names = found.info.class_names
    figure, axes = blank_figure(1.8 + 0.58 * len(names), 1.6 + 0.46 * len(names))
    wrong = counts * (1 - np.eye(len(names), dtype=int))
    shares = wrong / np.maximum(1, counts.sum(axis=1, keepdims=True))
    axes.imshow(shares, cmap=fading(VERMILION), vmin=0, vmax=shares.max() or 1, aspect="auto")
    for true, predicted in np.ndindex(counts.shape):
        count = counts[true, predicted]
        weight = "bold" if true == predicted else "normal"
        axes.text(predicted, true, f"{count:,}" if count else "", ha="center", va="center", weight=weight, size="small")
    sloping = max(map(len, names)) > 3
    axes.set_xticks(range(len(names)), names, rotation=45 if sloping else 0, ha="right" if sloping else "center")
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="predicted class", ylabel="true class")
    axes.tick_params(length=0)
    axes.spines[:].set_color(INK)
    right = len(found.true) - len(found.errors)
    share = right / len(found.true)
    set_title(
        figure, f"{right:,} of {len(found.true):,} test {found.samples} are classified correctly, {share:.2%}\n{title}"
    )
    return figure

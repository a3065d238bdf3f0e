"""The test images that a run misclassifies."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.data import inputs_of
from ravine.pictures import Figure, blank_figure, own_style, set_title
from ravine.training.predictions import Predictions

_COLUMNS = 8
_WIDTH, _PICTURE, _WORDS = 1.3, 0.9, 0.55
"""Sizes of the place of an image, of the image, and of the words below it, in inches."""


@own_style()
def plot_errors(found: Predictions, title: str, count: int) -> Figure:
    """Draw misclassified images, up to a number of them, those first of which the run is the most confident."""
    shown = found.most_confident_errors[:count]
    columns = min(_COLUMNS, max(len(shown), 4))
    rows = -(-len(shown) // columns)
    figure, axes = blank_figure(_WIDTH * columns, 0.6 + (_PICTURE + _WORDS) * rows)
    axes.set_axis_off()
    names = found.info.class_names
    low, high = _range(found.images)
    for place, number in enumerate(shown):
        row, column = divmod(place, columns)
        left, top = _WIDTH * column + (_WIDTH - _PICTURE) / 2, (_PICTURE + _WORDS) * row
        image = inputs_of(found.images[[number]], np.float64, 1.0).reshape(found.info.shape)
        axes.imshow(image, cmap="gray_r", vmin=low, vmax=high, extent=(left, left + _PICTURE, top + _PICTURE, top))
        true, predicted = names[found.true[number]], names[found.predicted[number]]
        words = f"test:{number}\ntrue {true}\npredicted {predicted}"
        axes.text(left + _PICTURE / 2, top + _PICTURE + 0.03, words, ha="center", va="top", size=7.5)
    axes.set(xlim=(0, _WIDTH * columns), ylim=((_PICTURE + _WORDS) * max(1, rows), 0))
    set_title(figure, f"{counted(found, len(shown))}\n{title}")
    return figure


def _range(images: Any) -> tuple[float, float]:
    """Return the numbers that are drawn white and black."""
    return (0.0, 255.0) if images.dtype == np.uint8 else (float(images.min()), float(images.max()))


def counted(found: Predictions, shown: int) -> str:
    """Say how many images are misclassified, and how many of them are shown."""
    errors, images = len(found.errors), len(found.true)
    if not errors:
        return f"None of the {images:,} test images is misclassified"
    of = f"{errors:,} of {images:,} test images are misclassified"
    return of if shown == errors else f"{of}; shown are the {shown:,} of which the run is most confident"

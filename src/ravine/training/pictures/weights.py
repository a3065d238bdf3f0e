"""The weights of a run's first layer as pictures."""

from __future__ import annotations

import math

import numpy as np

from ravine.arrays import Array
from ravine.pictures import Figure, blank_figure, own_style, set_title

_INCHES = 8.0
"""The width of the mosaic."""


@own_style()
def plot_weights(weights: Array, shape: tuple[int, int], title: str) -> Figure:
    """Draw the weights of each unit, a column of `weights` (i, o), as a picture of the shape of the images.

    All have one scale of colors, white at 0. It ends where one in 500 weights is larger, so that a few do not make all
    others pale.
    """
    rows, columns = shape
    units = weights.shape[1]
    nearly_square = range(math.ceil(math.sqrt(units)), math.ceil(math.sqrt(2 * units)) + 1)
    across = min(nearly_square, key=lambda number: -units % number)  # the fewest empty places
    down = -(-units // across)
    # A line between pictures has no value, as has a weight that is not finite.
    mosaic = np.full((down * (rows + 1) - 1, across * (columns + 1) - 1), np.nan)
    for unit, own in enumerate(weights.T.astype(np.float64)):
        top, left = (rows + 1) * (unit // across), (columns + 1) * (unit % across)
        mosaic[top : top + rows, left : left + columns] = own.reshape(shape)
    finite = np.isfinite(weights)
    mosaic[~np.isfinite(mosaic)] = np.nan
    limit = float(np.quantile(np.abs(weights[finite], dtype=np.float64), 0.998)) if finite.any() else 0.0
    limit = limit or 1.0
    figure, axes = blank_figure(_INCHES + 1.2, 0.6 + max(1.5, _INCHES * mosaic.shape[0] / mosaic.shape[1]))
    drawn = axes.imshow(mosaic, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
    axes.set_axis_off()
    figure.colorbar(drawn, ax=axes, label="weight", shrink=min(1.0, 2.4 / figure.get_figheight()), extend="both")
    lost = weights.size - int(finite.sum())
    of = f"First layer, {units} {'unit' if units == 1 else 'units'}"
    set_title(figure, f"{of}{f': {lost:,} of {weights.size:,} weights are not finite' if lost else ''}\n{title}")
    return figure

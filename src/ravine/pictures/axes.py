"""The axes of losses and of shares: scales and ticks that can be read whatever the values are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ravine.pictures.style import Axes, ticker

_MOST = 8
"""The most powers of ten, less one, that have a tick."""

_SHARES = (0.0, 0.1, 0.5, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 1.0)


def over_epochs(axes: Axes, epochs: int) -> None:
    """Let the horizontal axis count epochs, from 1 to `epochs`."""
    axes.set(xlabel="epoch", xlim=(0.5, epochs + 0.5))
    axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True, min_n_ticks=1))


def logarithmic(panels: Sequence[Axes]) -> None:
    """Make the vertical axes of some panels logarithmic, with ticks for any range; with nothing above 0, without."""
    low = min(axes.dataLim.minposy for axes in panels)
    high = max(axes.dataLim.y1 for axes in panels)
    if not low <= high:
        for axes in panels:
            axes.yaxis.set_major_locator(ticker.NullLocator())
        return
    bottom, top = math.log10(low), math.log10(high)
    margin = max(0.05 * (top - bottom), 0.02)
    for axes in panels:
        # matplotlib's own margin can end above the highest number.
        axes.set_ylim(10.0 ** max(bottom - margin, -307), 10.0 ** min(top + margin, 308))
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(_Ticks())
        axes.yaxis.set_major_formatter(_Numbers())
        axes.yaxis.set_minor_locator(ticker.NullLocator())


def shares(panels: Sequence[Axes]) -> None:
    """Write the shares of some panels as percentages, on one scale.

    If their distances to 100 % differ much, these are drawn on a logarithmic scale, so that 10 % and 98 % both show.
    """
    low, high = min(axes.dataLim.y0 for axes in panels), max(axes.dataLim.y1 for axes in panels)
    wide = low < 0.9 and 1 - low > 5 * (1.001 - high)
    for axes in panels:
        if wide:
            bottom, top = max(0.0, low - 0.05), min((share for share in _SHARES if share > high), default=1.0)
            axes.set_yscale("function", functions=(_height, lambda height: 1.001 - 10.0**-height))
            axes.set_ylim(bottom, top)
            axes.yaxis.set_major_locator(ticker.FixedLocator(_apart(bottom, top)))
            axes.yaxis.set_minor_locator(ticker.NullLocator())
        elif not low <= high:
            axes.set_ylim(0, 1)
        axes.yaxis.set_major_formatter(ticker.PercentFormatter(xmax=1, decimals=0 if wide else None))


def _height(share: Any) -> Any:
    return -np.log10(1.001 - share)


def _apart(bottom: float, top: float) -> list[float]:
    """Return shares from `bottom` to `top`, so far apart that their labels do not touch."""
    gap = 0.06 * (_height(top) - _height(bottom))
    kept: list[float] = []
    for share in _SHARES:
        if bottom <= share <= top and (not kept or _height(share) - _height(kept[-1]) >= gap):
            kept.append(share)
    return kept


class _Ticks(ticker.LogLocator):
    """Ticks of a logarithmic axis: powers of ten; over fewer decades also 2 and 5 times them; then equal distances."""

    def tick_values(self, vmin: float, vmax: float) -> Any:
        """Return the ticks from `vmin` to `vmax`; matplotlib calls this."""
        low, high = sorted((vmin, vmax))
        powers = np.arange(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        every = max(1, math.ceil((len(powers) - 1) / _MOST))
        with np.errstate(over="ignore"):  # the highest may be above all numbers
            tens = 10.0**powers
            finer = np.outer(tens, (1, 2, 5)).ravel()
        for ticks, fewest in ((tens[powers % every == 0], 4), (finer, 3)):
            inside = ticks[(low <= ticks) & (ticks <= high)]
            if len(inside) >= fewest:
                return inside
        return ticker.MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)


class _Numbers(ticker.Formatter):
    """Write numbers without trailing zeros, with as many digits as tell them apart."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        """Write a number, for instance at the pointer."""
        return f"{x:g}"

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """Write the numbers at the ticks; matplotlib calls this."""
        for digits in range(6, 18):
            written = [f"{value:.{digits}g}" for value in values]
            if len(set(written)) == len(set(values)):
                break
        return written

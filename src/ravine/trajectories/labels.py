"""The layout of the labels beside the curves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def apart(places: Sequence[float], gap: float) -> list[float]:
    """Move places of [0, 1] as little as needed so that any two are at least `gap` apart.

    >>> [round(place, 2) for place in apart([0.5, 0.0, 0.0], 0.1)]
    [0.5, 0.0, 0.1]
    """
    order = np.argsort(places, kind="stable")
    sorted_places = np.array(places)[order]
    offsets = gap * np.arange(len(places))
    raised = np.maximum.accumulate(sorted_places - offsets) + offsets
    # A place that was pushed over the top comes down again, and pushes those below it down.
    highest = 1 - gap * np.arange(len(places))[::-1]
    moved = np.empty(len(places))
    moved[order] = np.minimum(raised, highest)
    return [float(place) for place in moved]

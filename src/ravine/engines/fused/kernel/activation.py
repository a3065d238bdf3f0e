"""Activations of one sample, and the slopes by which deltas are multiplied."""

from __future__ import annotations

from numba.core import types

from ravine.engines.fused.frame import Count, Frame, Offset, Reals, Units
from ravine.engines.fused.kernel.compiled import plain, u
from ravine.engines.fused.pointers import REALS, UNITS, pointed


@pointed(types.uint64, REALS, types.uint64, UNITS, REALS, REALS, types.uint64)
def activate(address: Offset, z: Reals, n: Offset, units: Units, values: Reals, slopes: Reals, first: Offset) -> Offset:
    """Write the list of f(z[:n]) from `first` on, with slopes where f is sloped, and return its length.

    Units that are off, with f = 0 and f' = 0, are not listed; NaN is not zero. `address` is that of a compiled
    activation, which `ravine.engines.fused.pointwise` writes.
    """


@plain
def multiply_by_slopes(frame: Frame, layer: Count, m: Count) -> None:
    """Multiply the deltas of the units that a hidden layer takes in by their slopes, for a block of m samples."""
    plan, lists, d = frame.plan, frame.lists, frame.work.deltas
    if plan.sloped[layer - 1]:
        for b in range(u(m)):
            below = b * plan.deltas + plan.delta_at[layer - 1]
            begin = u(lists.begins[layer * plan.block + b])
            count = u(lists.counts[layer * plan.block + b])
            if count == plan.sizes[layer]:  # every unit in its order, which vectors can take
                for j in range(count):
                    d[below + j] = lists.slopes[begin + j] * d[below + j]
            else:
                for p in range(begin, begin + count):
                    at = below + u(lists.units[p])
                    d[at] = lists.slopes[p] * d[at]

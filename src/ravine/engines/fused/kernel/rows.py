"""Rows of weights, without regard to what a rule does to them."""

from __future__ import annotations

from ravine.engines.fused.frame import Frame, Offset, Reals, Units
from ravine.engines.fused.kernel.compiled import LANES, inlined, leaf, u
from ravine.engines.fused.vectors import add_products, load, loads, prefetch_outer, store, taken


@leaf
def clear(z: Reals, at: Offset, width: Offset) -> None:
    """Write zeros to z[at : at + width]."""
    for j in range(at, at + width, LANES):
        store(z, j, 0)


@inlined
def fetch_row(frame: Frame, at: Offset, width: Offset, row: Offset) -> None:
    """Prefetch a row of weights, its slots, and the step up to which it was brought."""
    trained, plan = frame.trained, frame.plan
    for j in range(at, at + width, plan.line):
        prefetch_outer(trained.w, j)
    for k in range(u(plan.slots)):
        for j in range(at + k * plan.weights, at + k * plan.weights + width, plan.line):
            prefetch_outer(trained.slots, j)
    if frame.options.lazy:
        prefetch_outer(trained.last, row)


@leaf
def add(g: Reals, g0: Offset, d: Reals, d0: Offset, width: Offset) -> None:
    """Add d[d0 : d0 + width] to g[g0:]."""
    for j in range(u(0), width, LANES):
        store(g, g0 + j, load(g, g0 + j) + load(d, d0 + j))


@leaf
def add_rows(
    z: Reals, z0: Offset, w: Reals, base: Offset, width: Offset, units: Units, values: Reals, p: Offset, end: Offset
) -> None:
    """Add value * row over a list to z[z0:], four rows at a time, so that z is read and written a quarter as often."""
    while p + u(4) <= end:
        x = taken(values, p, 4)
        i0, i1, i2, i3 = taken(units, p, 4)
        rows = base + i0 * width, base + i1 * width, base + i2 * width, base + i3 * width
        for j in range(u(0), width, LANES):
            store(z, z0 + j, add_products(load(z, z0 + j), x, loads(w, rows, j)))
        p += u(4)
    while p < end:
        x0, row = values[p], base + u(units[p]) * width
        for j in range(u(0), width, LANES):
            store(z, z0 + j, load(z, z0 + j) + x0 * load(w, row + j))
        p += u(1)

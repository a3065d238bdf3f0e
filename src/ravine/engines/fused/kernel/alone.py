"""A batch of one sample: its lists are the rows to update, and their missed steps are taken on the way."""

from __future__ import annotations

from typing import Any

from ravine.engines.fused.frame import Count, Frame, Offset, Packed, Real
from ravine.engines.fused.kernel.activation import slope
from ravine.engines.fused.kernel.compiled import LANES, inlined, leaf, u
from ravine.engines.fused.kernel.drift import pending
from ravine.engines.fused.kernel.rule import lazy, lazy_update, read, step, write
from ravine.engines.fused.pointers import first_of
from ravine.engines.fused.vectors import add_product_to_each, each_zero, load, taken, totals


@inlined
def update_list(frame: Frame, layer: Count, t: Count, c: Packed) -> None:
    """Take the missed steps and then the step of the rows on the list of a batch's only sample."""
    plan, d, activation, hidden = frame.plan, frame.work.deltas, frame.options.activation, layer > 0
    units, values = frame.lists.units, frame.lists.values
    base, width, d0, row = plan.bases[layer], plan.widths[layer], plan.delta_at[layer], plan.first_rows[layer]
    below = plan.delta_at[layer - 1] if hidden else u(0)
    p = u(frame.lists.begins[layer * plan.block])
    end = p + u(frame.lists.counts[layer * plan.block])
    while p + u(4) <= end:
        i0, i1, i2, i3 = taken(units, p, 4)
        x = taken(values, p, 4)
        rows = base + i0 * width, base + i1 * width, base + i2 * width, base + i3 * width
        missed = (
            pending(frame, row + i0, t),
            pending(frame, row + i1, t),
            pending(frame, row + i2, t),
            pending(frame, row + i3, t),
        )
        s0, s1, s2, s3 = update_four_rows(frame, width, c, d0, rows, x, missed)
        if hidden:
            x0, x1, x2, x3 = x
            d[below + i0] = slope(activation, d, x0) * s0
            d[below + i1] = slope(activation, d, x1) * s1
            d[below + i2] = slope(activation, d, x2) * s2
            d[below + i3] = slope(activation, d, x3) * s3
        p += u(4)
    while p < end:
        i0, x0 = u(units[p]), values[p]
        s = update_one_row(frame, width, c, d0, base + i0 * width, x0, pending(frame, row + i0, t))
        if hidden:
            d[below + i0] = slope(activation, d, x0) * s
        p += u(1)
    if lazy():
        for p in range(u(frame.lists.begins[layer * plan.block]), end):
            frame.trained.last[row + u(units[p])] = t


@leaf
def update_four_rows(frame: Frame, width: Offset, c: Packed, d0: Offset, rows: Any, x: Any, missed: Any) -> Any:
    """Take the missed steps and the step of four rows.

    Return, for each row, its dot product with the delta after the missed steps and before the step.
    """
    r0, r1, r2, r3 = rows
    x0, x1, x2, x3 = x
    c0, c1, c2, c3 = missed
    w, slots, length, d = frame.trained.w, frame.trained.slots, frame.plan.weights, frame.work.deltas
    s = each_zero(d, 4)
    for j in range(u(0), width, LANES):
        a = load(d, d0 + j)
        state0 = lazy_update(read(w, slots, length, r0 + j), c0)
        state1 = lazy_update(read(w, slots, length, r1 + j), c1)
        state2 = lazy_update(read(w, slots, length, r2 + j), c2)
        state3 = lazy_update(read(w, slots, length, r3 + j), c3)
        s = add_product_to_each(s, (first_of(state0), first_of(state1), first_of(state2), first_of(state3)), a)
        write(w, slots, length, r0 + j, step(state0, x0 * a, a, c))
        write(w, slots, length, r1 + j, step(state1, x1 * a, a, c))
        write(w, slots, length, r2 + j, step(state2, x2 * a, a, c))
        write(w, slots, length, r3 + j, step(state3, x3 * a, a, c))
    return totals(s)


@leaf
def update_one_row(frame: Frame, width: Offset, c: Packed, d0: Offset, r0: Offset, x0: Real, c0: Packed) -> Real:
    """Take the missed steps and the step of one row; return what `update_four_rows` returns for each row."""
    w, slots, length, d = frame.trained.w, frame.trained.slots, frame.plan.weights, frame.work.deltas
    s = each_zero(d, 1)
    for j in range(u(0), width, LANES):
        a = load(d, d0 + j)
        state0 = lazy_update(read(w, slots, length, r0 + j), c0)
        s = add_product_to_each(s, (first_of(state0),), a)
        write(w, slots, length, r0 + j, step(state0, x0 * a, a, c))
    return totals(s)[0]

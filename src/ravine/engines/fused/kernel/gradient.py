"""Gradients of rows: sums over nonzeros, added up where a batch has several blocks."""

from __future__ import annotations

from ravine.engines.fused.frame import Count, Flag, Frame, Offset, Reals
from ravine.engines.fused.kernel.activation import multiply_by_slopes
from ravine.engines.fused.kernel.compiled import LANES, inlined, leaf, plain, u
from ravine.engines.fused.kernel.first_layer import first_gradient
from ravine.engines.fused.kernel.lists import transpose
from ravine.engines.fused.kernel.rows import add, clear
from ravine.engines.fused.vectors import (
    add_product_to_each,
    add_products,
    each_zero,
    load,
    loads,
    store,
    sum_of_products,
    taken,
    totals,
)

FIRST, HIDDEN = u(0), u(1)
"""Kinds of layers. For the first one no deltas are computed, and so the code of both differs."""

GO_ON, BEGIN = u(0), u(1)
"""Whether terms are added to a gradient or are the first ones of it."""


@leaf
def gather_4(
    hidden: Offset, begin: Offset, frame: Frame, layer: Count, unit: Offset, e: Offset, g: Reals, g0: Offset
) -> None:
    """Add the terms of a unit's nonzeros e to e + 3 to the gradient g[g0:] of its row, which they may `begin`.

    If the layer is hidden, write the unit's deltas to the layer below as well, without the slopes.
    """
    w, d, width, d0 = frame.trained.w, frame.work.deltas, frame.plan.widths[layer], frame.plan.delta_at[layer]
    at = frame.plan.bases[layer] + unit * width
    o, x = taken(frame.nonzeros.offset, e, 4), taken(frame.nonzeros.value, e, 4)
    s = each_zero(d, 4)
    for j in range(u(0), width, LANES):
        a = loads(d, o, d0 + j)
        s = add_product_to_each(s, a, load(w, at + j))
        store(g, g0 + j, sum_of_products(x, a) if begin else add_products(load(g, g0 + j), x, a))
    if hidden:
        below = frame.plan.delta_at[layer - 1] + unit
        o0, o1, o2, o3 = o
        d[o0 + below], d[o1 + below], d[o2 + below], d[o3 + below] = totals(s)


@leaf
def gather_1(hidden: Offset, frame: Frame, layer: Count, unit: Offset, e: Offset, g: Reals, g0: Offset) -> None:
    """Add the term of one nonzero, as `gather_4` does."""
    w, d, width, d0 = frame.trained.w, frame.work.deltas, frame.plan.widths[layer], frame.plan.delta_at[layer]
    at = frame.plan.bases[layer] + unit * width
    o0, x0 = u(frame.nonzeros.offset[e]), frame.nonzeros.value[e]
    s = each_zero(d, 1)
    for j in range(u(0), width, LANES):
        a0 = load(d, o0 + d0 + j)
        s = add_product_to_each(s, (a0,), load(w, at + j))
        store(g, g0 + j, load(g, g0 + j) + x0 * a0)
    if hidden:
        d[o0 + frame.plan.delta_at[layer - 1] + unit] = totals(s)[0]


@plain
def bias_gradient(frame: Frame, layer: Count, m: Count) -> None:
    """Write the sum of a block's deltas to the second row of `row`."""
    d, g, width = frame.work.deltas, frame.work.row, frame.plan.widths[layer]
    clear(g, frame.work.scratch, width)
    for b in range(u(m)):
        add(g, frame.work.scratch, d, b * frame.plan.deltas + frame.plan.delta_at[layer], width)


@plain
def add_block(frame: Frame, dense: Flag, t: Count, m: Count) -> None:
    """Add the gradient of a block, one of several of its batch or one with few zeros, to `summed`."""
    plan, last, lazy = frame.plan, frame.trained.last, frame.options.lazy
    for layer in range(plan.layers - 1, -1, -1):
        if dense and layer == 0:
            first_gradient(frame, m)
            if lazy:
                for i in range(plan.sizes[0]):
                    last[i] = t
        else:
            transpose(frame, layer, m)
            if layer > 0:
                add_layer(HIDDEN, frame, layer, t, m)
                multiply_by_slopes(frame, layer, m)
            else:
                add_layer(FIRST, frame, layer, t, m)
        if frame.options.bias:
            bias_gradient(frame, layer, m)
            width = plan.widths[layer]
            at = plan.bases[layer] + plan.sizes[layer] * width - frame.summed.skipped
            add(frame.summed.g, at, frame.work.row, frame.work.scratch, width)
            if lazy:
                last[plan.first_rows[layer] + plan.sizes[layer]] = t


@inlined
def add_layer(hidden: Offset, frame: Frame, layer: Count, t: Count, m: Count) -> None:
    """Add the gradient of a layer to `summed`; if it is hidden, write the deltas of the layer below, without slopes."""
    plan, nonzeros, g = frame.plan, frame.nonzeros, frame.summed.g
    width = plan.widths[layer]
    p = e = u(0)
    for q in range(u(1), u(m) + u(1)):
        while p < u(nonzeros.group[q]):
            i = u(nonzeros.touched[p])
            if not hidden and frame.options.listed:
                at = frame.summed.input_at + row_of(frame, i) * width
            else:
                at = plan.bases[layer] + i * width - frame.summed.skipped
            end = e + q
            while e + u(4) <= end:
                gather_4(hidden, GO_ON, frame, layer, i, e, g, at)
                e += u(4)
            while e < end:
                gather_1(hidden, frame, layer, i, e, g, at)
                e += u(1)
            if frame.options.lazy:
                frame.trained.last[plan.first_rows[layer] + i] = t
            p += u(1)


@inlined
def row_of(frame: Frame, i: Offset) -> Offset:
    """Return the row of an input in the summed gradient, and list the input if it has none yet."""
    summed = frame.summed
    if summed.row_of[i] == 0:
        summed.rows[summed.met[0]] = i
        summed.met[0] += 1
        summed.row_of[i] = summed.met[0]
    return u(summed.row_of[i]) - u(1)


@inlined
def forget_rows(frame: Frame) -> None:
    """Empty the list of inputs that have a row in the summed gradient."""
    for r in range(frame.summed.met[0]):
        frame.summed.row_of[u(frame.summed.rows[r])] = 0
    frame.summed.met[0] = 0


@plain
def forget(frame: Frame, t: Count) -> None:
    """Clear the summed gradient, and take back the marks in `last`, of a batch whose update is not taken."""
    length = frame.summed.length
    if frame.options.listed:
        length = frame.summed.input_at + u(frame.summed.met[0]) * frame.plan.widths[0]
    for j in range(length):
        frame.summed.g[j] = 0
    forget_rows(frame)
    last = frame.trained.last
    for row in range(frame.plan.rows):
        last[row] = last[row] if last[row] < t - 1 else t - 1

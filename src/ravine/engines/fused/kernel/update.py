"""The steps of a batch: one pass over the rows, each of which is read once and written once."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.engines.fused.frame import AHEAD, NEAR_LINES, Count, Doubles, Frame, Offset, Packed, Reals
from ravine.engines.fused.kernel.activation import multiply_by_slopes
from ravine.engines.fused.kernel.alone import update_list
from ravine.engines.fused.kernel.compiled import LANES, inlined, leaf, plain, u
from ravine.engines.fused.kernel.gradient import BEGIN, FIRST, GO_ON, HIDDEN, bias_gradient, forget_rows, gather_4
from ravine.engines.fused.kernel.lists import transpose
from ravine.engines.fused.kernel.noise import fill_noise
from ravine.engines.fused.kernel.rows import clear, fetch_row
from ravine.engines.fused.kernel.rule import lazy, noisy, norms, read, step, step_constants, write
from ravine.engines.fused.pointers import first_of, shifted
from ravine.engines.fused.vectors import (
    add_product_to_each,
    add_products,
    load,
    loads,
    no_products,
    taken,
    totals,
)


@inlined
def constants(frame: Frame, hyper: Doubles, layer: Count, t: Count, norm: float, layer_norm: float) -> Packed:
    """Return what step t needs in a layer."""
    return step_constants(frame.trained.w, shifted(hyper, layer * frame.batches.per_layer), t, norm, layer_norm)


@leaf
def update_row(frame: Frame, g: Reals, g0: Offset, at: Offset, width: Offset, c: Packed) -> None:
    """Take the step of a row whose gradient is g[g0:]."""
    w, slots, length = frame.trained.w, frame.trained.slots, frame.plan.weights
    for j in range(u(0), width, LANES):
        of_rule = read(w, slots, length, at + j)
        write(w, slots, length, at + j, step(of_rule, load(g, g0 + j), load(frame.work.noise, j), c))


@leaf
def update_unit(
    hidden: Offset, frame: Frame, layer: Count, unit: Offset, o: Any, x: Any, g0: Offset, c: Packed
) -> None:
    """Take the step of a unit's row, whose gradient is row[g0:] and the terms of its last one to four nonzeros.

    `o` are the offsets of the nonzeros' samples in the deltas, and `x` their values. If the layer is hidden, write the
    unit's deltas to the layer below, without the slopes.
    """
    w, slots, length, d, g = frame.trained.w, frame.trained.slots, frame.plan.weights, frame.work.deltas, frame.work.row
    width, d0 = frame.plan.widths[layer], frame.plan.delta_at[layer]
    at = frame.plan.bases[layer] + unit * width
    s = no_products(d, x)
    for j in range(u(0), width, LANES):
        state = read(w, slots, length, at + j)
        a = loads(d, o, d0 + j)
        s = add_product_to_each(s, a, first_of(state))
        gradient = add_products(load(g, g0 + j), x, a)
        write(w, slots, length, at + j, step(state, gradient, gradient, c))
    if hidden:
        below, sums = frame.plan.delta_at[layer - 1] + unit, totals(s)
        for i in range(len(o)):
            d[o[i] + below] = sums[i]


@inlined
def update_layer(hidden: Offset, frame: Frame, layer: Count, t: Count, c: Packed, m: Count) -> None:
    """Take the step of the rows of a layer that have nonzeros; if it is hidden, write the deltas below, without slopes.

    A row is read and written once. Of its nonzeros all but the last one to four are added up by fours in the second
    half of `row`, whose first half is zero; `update_unit` adds the rest and takes the step.
    """
    nonzeros, row = frame.nonzeros, frame.work.row
    o, x = nonzeros.offset, nonzeros.value
    plan, width = frame.plan, frame.plan.widths[layer]
    # The rows of a large batch have left the near caches since the forward pass.
    numbers = nonzeros.marked[0] * width * u(plan.slots + 1)
    far = not hidden and frame.data.scattered and numbers > u(NEAR_LINES) * plan.line
    p = e = u(0)
    for q in range(u(1), u(m) + u(1)):
        fours = (q - u(1)) // u(4)
        rest = q - u(4) * fours
        g0 = frame.work.scratch if fours > u(0) else u(0)
        while p < u(nonzeros.group[q]):
            i = u(nonzeros.touched[p])
            if far:
                later = u(nonzeros.touched[p + u(AHEAD)])
                fetch_row(frame, later * width, width, later)
            if fours > u(0):
                gather_4(hidden, BEGIN, frame, layer, i, e, row, g0)
                e += u(4)
                for _ in range(u(1), fours):
                    gather_4(hidden, GO_ON, frame, layer, i, e, row, g0)
                    e += u(4)
            if rest == u(1):
                update_unit(hidden, frame, layer, i, taken(o, e, 1), taken(x, e, 1), g0, c)
            elif rest == u(2):
                update_unit(hidden, frame, layer, i, taken(o, e, 2), taken(x, e, 2), g0, c)
            elif rest == u(3):
                update_unit(hidden, frame, layer, i, taken(o, e, 3), taken(x, e, 3), g0, c)
            else:
                update_unit(hidden, frame, layer, i, taken(o, e, 4), taken(x, e, 4), g0, c)
            e += rest
            if lazy():
                frame.trained.last[frame.plan.first_rows[layer] + i] = t
            p += u(1)


@plain
def update_untouched(frame: Frame, layer: Count, c: Packed) -> None:
    """Take the step of the rows that have no nonzeros."""
    width = frame.plan.widths[layer]
    for i in range(frame.plan.sizes[layer]):
        if frame.nonzeros.count[i] == 0:
            update_row(frame, frame.work.row, u(0), frame.plan.bases[layer] + i * width, width, c)


@inlined
def update_biases(frame: Frame, g: Reals, g0: Offset, layer: Count, t: Count, c: Packed) -> None:
    """Take the step of a layer's biases, whose gradient is g[g0:]."""
    width, inputs = frame.plan.widths[layer], frame.plan.sizes[layer]
    update_row(frame, g, g0, frame.plan.bases[layer] + inputs * width, width, c)
    if lazy():
        frame.trained.last[frame.plan.first_rows[layer] + inputs] = t


@plain
def update_block(frame: Frame, hyper: Doubles, t: Count, m: Count) -> None:
    """Take the step of a batch that is one block of m samples."""
    if norms() or noisy():
        return  # every row is visited, in update_total; what stands below is then not compiled
    c = constants(frame, hyper, 0, t, 0.0, 0.0)
    for layer in range(frame.plan.layers - 1, -1, -1):
        transpose(frame, layer, m)
        if frame.options.layered:
            c = constants(frame, hyper, layer, t, 0.0, 0.0)
        if layer > 0:
            update_layer(HIDDEN, frame, layer, t, c, m)
            multiply_by_slopes(frame, layer, m)
        else:
            update_layer(FIRST, frame, layer, t, c, m)
        if frame.options.eager:
            update_untouched(frame, layer, c)
        if frame.options.bias:
            bias_gradient(frame, layer, m)
            update_biases(frame, frame.work.row, frame.work.scratch, layer, t, c)


@plain
def update_one(frame: Frame, hyper: Doubles, t: Count) -> None:
    """Take the step of a batch of one sample: its lists are the rows with a gradient, and nothing need be sorted."""
    if norms() or noisy():
        return
    c = constants(frame, hyper, 0, t, 0.0, 0.0)
    for layer in range(frame.plan.layers - 1, -1, -1):
        if frame.options.layered:
            c = constants(frame, hyper, layer, t, 0.0, 0.0)
        update_list(frame, layer, t, c)
        if layer > 0:
            multiply_by_slopes(frame, layer, 1)
        if frame.options.bias:
            update_biases(frame, frame.work.deltas, frame.plan.delta_at[layer], layer, t, c)


@plain
def update_total(frame: Frame, hyper: Doubles, t: Count) -> None:
    """Take the step of a batch from the summed gradient, and clear the sum."""
    plan, g, skipped = frame.plan, frame.summed.g, frame.summed.skipped
    met, input_at = u(frame.summed.met[0]), frame.summed.input_at
    norm = 0.0
    if norms():
        norm = np.sqrt(
            squares(g, u(0), input_at + met * plan.widths[0] if frame.options.listed else frame.summed.length)
        )
    c = constants(frame, hyper, 0, t, norm, 0.0)
    for layer in range(plan.layers):
        listed = layer == 0 and frame.options.listed
        width, rows = plan.widths[layer], plan.sizes[layer] + u(frame.options.bias)
        if norms():
            first = plan.sizes[layer] if listed else u(0)
            whole = squares(g, plan.bases[layer] + first * width - skipped, (rows - first) * width)
            if listed:
                whole += squares(g, input_at, met * width)
            c = constants(frame, hyper, layer, t, norm, np.sqrt(whole))
        elif frame.options.layered:
            c = constants(frame, hyper, layer, t, 0.0, 0.0)
        if listed:
            for r in range(met):
                i, at = u(frame.summed.rows[r]), input_at + r * width
                update_row(frame, g, at, i * width, width, c)
                clear(g, at, width)
            forget_rows(frame)
        for i in range(plan.sizes[layer] if listed else u(0), rows):
            if not lazy() or frame.trained.last[plan.first_rows[layer] + i] == t:
                at = plan.bases[layer] + i * width
                if noisy():
                    fill_noise(frame, layer, plan.first_rows[layer] + i, plan.sizes[layer + 1], t)
                update_row(frame, g, at - skipped, at, width, c)
                clear(g, at - skipped, width)


@plain
def squares(g: Reals, at: Offset, count: Offset) -> float:
    """Return the sum of the squares of `count` numbers, in double precision."""
    whole = 0.0
    for j in range(at, at + count):
        whole += np.float64(g[j]) * np.float64(g[j])
    return whole

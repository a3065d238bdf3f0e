"""The first layer of a block, by lists for two samples at a time or, for data with few zeros, by tiles."""

from __future__ import annotations

from typing import Any

from ravine.engines.fused.frame import BYTES, MATRIX, Count, Frame, Offset, Reals
from ravine.engines.fused.kernel.compiled import LANES, inlined, leaf, plain, u
from ravine.engines.fused.kernel.forward import list_inputs
from ravine.engines.fused.kernel.parts import catch_up_layer, catch_up_list
from ravine.engines.fused.kernel.rows import add_rows, clear, fetch_row
from ravine.engines.fused.pointers import like
from ravine.engines.fused.vectors import (
    add_product_to_each,
    add_products,
    each_zero,
    load,
    loads,
    prefetch,
    store,
    taken,
    zeros,
)


@plain
def fetch_ahead(frame: Frame, position: Count) -> None:
    """Prefetch the data of the next two samples, since samples lie anywhere in memory; if scattered, their rows too."""
    data, order = frame.data, frame.batches.order
    end = frame.batches.length - 1
    later = position + 2 if position + 2 < end else end
    after = u(order[later])
    prefetch(data.labels, after)
    following = u(order[position + 1 if position + 1 < end else end])
    if data.form == MATRIX:
        n = frame.plan.sizes[0]
        for p in range(following * n, following * n + n, frame.plan.line):
            prefetch(data.reals, p)
    elif data.scattered:
        prefetch(data.starts, u(order[position + 3 if position + 3 < end else end]))
        fetch_sample(frame, after)
        fetch_rows(frame, following)
    else:
        prefetch(data.starts, after)
        fetch_sample(frame, following)


@inlined
def fetch_sample(frame: Frame, sample: Offset) -> None:
    """Prefetch the nonzeros of a sample."""
    data = frame.data
    first, stop = u(data.starts[sample]), u(data.starts[sample + u(1)])
    if data.form == BYTES:
        for p in range(first, stop, u(32)):
            prefetch(data.columns, p)
        for p in range(first, stop, u(64)):
            prefetch(data.bytes, p)
    else:
        for p in range(first, stop, u(16)):
            prefetch(data.wide, p)
        for p in range(first, stop, frame.plan.line):
            prefetch(data.reals, p)


@inlined
def fetch_rows(frame: Frame, sample: Offset) -> None:
    """Prefetch the rows that a sample needs."""
    data, width = frame.data, frame.plan.widths[0]
    for p in range(u(data.starts[sample]), u(data.starts[sample + u(1)])):
        i = u(data.columns[p]) if data.form == BYTES else u(data.wide[p])
        fetch_row(frame, i * width, width, i)


@plain
def first_sums(frame: Frame, low: Count, m: Count, t: Count) -> None:
    """List the inputs of a block and write the sums of the first layer to the deltas.

    Two samples are summed up at a time, unless they are scattered and so have few inputs in common.
    """
    plan, lists, w = frame.plan, frame.lists, frame.trained.w
    order, begins, counts, d = frame.batches.order, frame.lists.begins, frame.lists.counts, frame.work.deltas
    width, scattered = plan.widths[0], frame.data.scattered
    for b in range(u(m)):
        fetch_ahead(frame, low + b)
        list_inputs(b, order[low + b], frame)
        own = b * plan.deltas
        clear(d, own, width)
        if frame.options.lazy:
            catch_up_list(frame, 0, b, t)
        if scattered:
            begin = u(begins[b])
            add_rows(d, own, w, u(0), width, lists.units, lists.values, begin, begin + u(counts[b]))
    if scattered:
        return
    for b in range(u(0), u(m), u(2)):
        begin, own = u(begins[b]), b * plan.deltas
        end = begin + u(counts[b])
        if b + u(1) < u(m):
            add_shared_rows(frame, own, begin, end, end, end + u(counts[b + u(1)]))
        else:
            add_rows(d, own, w, u(0), width, lists.units, lists.values, begin, end)


@leaf
def add_shared_rows(frame: Frame, z0: Offset, p: Offset, end: Offset, h: Offset, stop: Offset) -> None:
    """Add the rows of the first layer on two lists, p to end and h to stop, to the deltas of two samples, z0 the first.

    Nearly half of the inputs of an image are inputs of another one too, and the row of such an input is read once for
    both. `Work.other` is zero before and after.
    """
    w, z, z1, width = frame.trained.w, frame.work.deltas, z0 + frame.plan.deltas, frame.plan.widths[0]
    x, units, values, spare = frame.work.other, frame.lists.units, frame.lists.values, frame.nonzeros
    for q in range(h, stop):
        x[u(units[q])] = values[q]
    while p + u(4) <= end:
        i0, i1, i2, i3 = taken(units, p, 4)
        one, other = taken(values, p, 4), (x[i0], x[i1], x[i2], x[i3])
        x[i0] = x[i1] = x[i2] = x[i3] = like(x, 0)
        rows = i0 * width, i1 * width, i2 * width, i3 * width
        for j in range(u(0), width, LANES):
            v = loads(w, rows, j)
            store(z, z0 + j, add_products(load(z, z0 + j), one, v))
            store(z, z1 + j, add_products(load(z, z1 + j), other, v))
        p += u(4)
    add_rows(z, z0, w, u(0), width, units, values, p, end)
    rest = u(0)
    for q in range(h, stop):
        i = u(units[q])
        spare.offset[rest] = i
        spare.value[rest] = x[i]
        rest += u(x[i] != like(x, 0))
        x[i] = like(x, 0)
    add_rows(z, z1, w, u(0), width, spare.offset, spare.value, u(0), rest)


@plain
def dense_sums(frame: Frame, low: Count, m: Count, t: Count) -> None:
    """Write the sums of the first layer to the deltas, for a block with few zeros.

    Four samples at a time and four vectors of their sums, which AVX-512 holds in registers: each weight is read once
    for four samples. With many zeros, lists are faster. Inputs and deltas have room for three samples more than a
    block, so that the last four samples need not all exist; nobody reads the results of those that do not.
    """
    place_inputs(frame, low, m)
    n, width, x = frame.plan.sizes[0], frame.plan.widths[0], dense_inputs(frame)
    if frame.options.lazy:
        catch_up_layer(frame, 0, n, t)
    for b in range(u(0), u(m), u(4)):
        j = u(0)
        while j + u(4) * LANES <= width:
            sums_4x4(frame, x, b, j)
            j += u(4) * LANES
        while j < width:
            sums_4x1(frame, x, b, j)
            j += LANES


@inlined
def dense_inputs(frame: Frame) -> Reals:
    """Return the array in which the inputs of a block with few zeros stand."""
    return frame.data.reals if frame.data.form == MATRIX else frame.work.inputs


@inlined
def place_inputs(frame: Frame, low: Count, m: Count) -> None:
    """Write where the inputs of each sample of a block with few zeros begin, and the inputs if they stand in lists."""
    data, order, x, input_at = frame.data, frame.batches.order, frame.work.inputs, frame.work.input_at
    n = frame.plan.sizes[0]
    if data.form == MATRIX:
        for b in range(u(m) + u(3)):
            at = u(low) + b
            last = u(low + m) - u(1)
            input_at[b] = u(order[at if at < last else last]) * n
        return
    for b in range(u(m) + u(3)):
        input_at[b] = b * n
    for b in range(u(m)):
        for i in range(n):
            x[b * n + i] = like(x, 0)
        sample = order[low + b]
        first, stop = u(data.starts[sample]), u(data.starts[sample + 1])
        if data.form == BYTES:
            scale = like(x, data.scale[0])
            for p in range(first, stop):
                x[b * n + u(data.columns[p])] = like(x, data.bytes[p]) / scale
        else:
            for p in range(first, stop):
                x[b * n + u(data.wide[p])] = data.reals[p]


@inlined
def four(start: Offset, distance: Offset) -> Any:
    """Return four offsets at a distance from each other."""
    return start, start + distance, start + u(2) * distance, start + u(3) * distance


@leaf
def sums_4x1(frame: Frame, x: Reals, b: Offset, j: Offset) -> None:
    """Write the sums j to j + 15 of the samples b to b + 3."""
    w, d, n, width = frame.trained.w, frame.work.deltas, frame.plan.sizes[0], frame.plan.widths[0]
    deltas, d0 = frame.plan.deltas, b * frame.plan.deltas + j
    s = each_zero(w, 4)
    xa, xb, xc, xe = taken(frame.work.input_at, b, 4)
    for i in range(n):
        s = add_product_to_each(s, (x[xa + i], x[xb + i], x[xc + i], x[xe + i]), load(w, j + i * width))
    s0, s1, s2, s3 = s
    store(d, d0, s0)
    store(d, d0 + deltas, s1)
    store(d, d0 + u(2) * deltas, s2)
    store(d, d0 + u(3) * deltas, s3)


@leaf
def sums_4x4(frame: Frame, x: Reals, b: Offset, j: Offset) -> None:
    """Write the sums j to j + 63 of the samples b to b + 3."""
    w, d, n, width = frame.trained.w, frame.work.deltas, frame.plan.sizes[0], frame.plan.widths[0]
    deltas, d0 = frame.plan.deltas, b * frame.plan.deltas + j
    s0 = s1 = s2 = s3 = each_zero(w, 4)
    columns = four(j, LANES)
    xa, xb, xc, xe = taken(frame.work.input_at, b, 4)
    for i in range(n):
        v = loads(w, columns, i * width)
        s0 = add_product_to_each(s0, x[xa + i], v)
        s1 = add_product_to_each(s1, x[xb + i], v)
        s2 = add_product_to_each(s2, x[xc + i], v)
        s3 = add_product_to_each(s3, x[xe + i], v)
    put_4(d, d0, s0)
    put_4(d, d0 + deltas, s1)
    put_4(d, d0 + u(2) * deltas, s2)
    put_4(d, d0 + u(3) * deltas, s3)


@leaf
def put_4(z: Reals, at: Offset, v: Any) -> None:
    """Write four vectors."""
    v0, v1, v2, v3 = v
    store(z, at, v0)
    store(z, at + LANES, v1)
    store(z, at + u(2) * LANES, v2)
    store(z, at + u(3) * LANES, v3)


@plain
def first_gradient(frame: Frame, m: Count) -> None:
    """Add the gradient of the first layer to `summed`, for a block with few zeros, by four vectors of four rows."""
    n, width, x = frame.plan.sizes[0], frame.plan.widths[0], dense_inputs(frame)
    i = u(0)
    while i + u(4) <= n:
        j = u(0)
        while j + u(4) * LANES <= width:
            terms_4x4(frame, x, i, j, m)
            j += u(4) * LANES
        while j < width:
            for row in range(i, i + u(4)):
                terms_1x1(frame, x, row, j, m)
            j += LANES
        i += u(4)
    while i < n:
        for j in range(u(0), width, LANES):
            terms_1x1(frame, x, i, j, m)
        i += u(1)


@leaf
def terms_1x1(frame: Frame, x: Reals, i: Offset, j: Offset, m: Count) -> None:
    """Add the terms of a block to the gradient of the weights j to j + 15 of row i, two sums in turn."""
    g, d, input_at, deltas = frame.summed.g, frame.work.deltas, frame.work.input_at, frame.plan.deltas
    at = i * frame.plan.widths[0] + j
    one, other = load(g, at), zeros(g)
    b = u(0)
    while b + u(2) <= u(m):
        one = one + x[i + u(input_at[b])] * load(d, j + b * deltas)
        other = other + x[i + u(input_at[b + u(1)])] * load(d, j + b * deltas + deltas)
        b += u(2)
    if b < u(m):
        one = one + x[i + u(input_at[b])] * load(d, j + b * deltas)
    store(g, at, one + other)


@leaf
def terms_4x4(frame: Frame, x: Reals, i: Offset, j: Offset, m: Count) -> None:
    """Add the terms of a block to the gradient of the weights j to j + 63 of the rows i to i + 3."""
    g, d, input_at, deltas = frame.summed.g, frame.work.deltas, frame.work.input_at, frame.plan.deltas
    width, at = frame.plan.widths[0], i * frame.plan.widths[0] + j
    s0 = s1 = s2 = s3 = each_zero(g, 4)
    columns = four(j, LANES)
    for b in range(u(m)):
        v = loads(d, columns, b * deltas)
        x0, x1, x2, x3 = taken(x, i + u(input_at[b]), 4)
        s0 = add_product_to_each(s0, x0, v)
        s1 = add_product_to_each(s1, x1, v)
        s2 = add_product_to_each(s2, x2, v)
        s3 = add_product_to_each(s3, x3, v)
    add_4(g, at, s0)
    add_4(g, at + width, s1)
    add_4(g, at + u(2) * width, s2)
    add_4(g, at + u(3) * width, s3)


@leaf
def add_4(g: Reals, at: Offset, v: Any) -> None:
    """Add four vectors to g[at:]."""
    v0, v1, v2, v3 = v
    g0, g1, g2, g3 = loads(g, four(at, LANES), u(0))
    put_4(g, at, (g0 + v0, g1 + v1, g2 + v2, g3 + v3))

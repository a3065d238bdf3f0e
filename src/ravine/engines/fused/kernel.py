"""The fused kernel: forward pass, gradient and update in one compiled call for a chunk of steps.

This file is a template: `render.py` puts the part that belongs to a rule and a dtype behind it, and the whole text is
compiled as one module, because Numba's cache does not notice edits in other files. That part provides

    real, LEAK                    float32 or float64; the slope of a leaky ReLU below zero
    LAZY                          rows without a gradient drift, by a closed form that is applied when next needed
    DENSE                         every row is updated at every step
    LANES                         how many numbers a vector has, unsigned
    TABLE                         how many idle steps are tabulated
    CROWD, CROWDED_BATCH          the share of inputs that are not zero, and the batch size, from which lists do not pay
    read(w, slots, at)            the state of 16 weights: a vector of weights and one of each slot
    write(w, slots, at, state)    the reverse
    step(state, g, c)             the state after a step with the gradient g, which is the rule itself
    idle(state, c)                the state after idle steps
    step_constants(hyper, t)      what a step needs that depends on its number alone, c above
    idle_constants(hyper, n)      the same for n idle steps; n = 0 changes nothing
    tabulate(hyper, table)        store idle_constants(hyper, n) for all n < TABLE
    tabulated(table, n)           and fetch them

Words. A row: all the weights that one input meets, contiguous, padded with zeros to whole vectors of 16. A list: the
units of one sample in one layer and their activations, without those that ReLU or an empty input makes zero; NaN is not
zero. A block: the samples of a batch that are worked on together; a batch larger than a block, or with few zeros, adds
up its gradient in `summed` first. An entry: one activation, with its sample, sorted by unit. The deltas of a sample,
layer after layer, are a row of `d`.

Offsets are unsigned (`u`), which spares each access Numba's test for a negative index.
"""

import numpy as np
from numba import njit

from ravine.engines.fused.vectors import load, prefetch, splat, store, total, total4

u = np.uint64
# Nothing is allocated here, and counting references would take as long as a row; wrappers for callers from Python and C
# that do not exist would take a third of the time to compile.
bare = {"error_model": "numpy", "_nrt": False, "no_cfunc_wrapper": True}
inner = {**bare, "no_cpython_wrapper": True}
# Sums may be taken in any order here; NaN and infinity keep their meaning.
leaf = njit(**inner, forceinline=True, fastmath={"contract", "reassoc", "nsz"})
# A rule is computed as it is written, but for multiply-and-add in one rounding.
exact = njit(**inner, forceinline=True, fastmath={"contract"})
inlined = njit(**inner, forceinline=True)
plain = njit(**inner)
# np.where of numbers, a rule's choice by the step number, makes an array.
prelude = njit(**{**inner, "_nrt": True})
entry = njit(**bare, nogil=True, cache=True)

RELU, LEAKY_RELU, TANH, SIGMOID = 0, 1, 2, 3
# How the first layer of a sample is taken: from settled weights, as the only one of its batch, or with others before.
SETTLED, ALONE, SHARED = 0, 1, 2


@leaf
def clear(z, at, width):
    """Write zeros to z[at : at + width]."""
    for j in range(at, at + width, LANES):
        store(z, j, real(0))


@leaf
def add(g, g0, d, d0, width):
    """Add d[d0:] to g[g0:]."""
    for j in range(u(0), width, LANES):
        store(g, g0 + j, load(g, g0 + j) + load(d, d0 + j))


@leaf
def add_rows(z, z0, w, at, width, units, values, k, end):
    """Add value * row over a list to z[z0:], four rows at a time, so that z is read and written a quarter as often."""
    while k + u(4) <= end:
        x0, x1, x2, x3 = values[k], values[k + u(1)], values[k + u(2)], values[k + u(3)]
        r0, r1 = at + u(units[k]) * width, at + u(units[k + u(1)]) * width
        r2, r3 = at + u(units[k + u(2)]) * width, at + u(units[k + u(3)]) * width
        for j in range(u(0), width, LANES):
            a = load(z, z0 + j) + x0 * load(w, r0 + j)
            a = a + x1 * load(w, r1 + j)
            a = a + x2 * load(w, r2 + j)
            store(z, z0 + j, a + x3 * load(w, r3 + j))
        k += u(4)
    while k < end:
        x0, r0 = values[k], at + u(units[k]) * width
        for j in range(u(0), width, LANES):
            store(z, z0 + j, load(z, z0 + j) + x0 * load(w, r0 + j))
        k += u(1)


@leaf
def add_shared_rows(z, a0, b0, w, width, units, values, k, end, h, stop, x, rest_units, rest_values):
    """Add the rows of the first layer on two lists, k to end and h to stop, to z[a0:] and z[b0:].

    Most inputs of an image are inputs of others too, and a row for both is read once. `x` is zero and is left so.
    """
    for p in range(h, stop):
        x[u(units[p])] = values[p]
    while k + u(4) <= end:
        i0, i1, i2, i3 = u(units[k]), u(units[k + u(1)]), u(units[k + u(2)]), u(units[k + u(3)])
        x0, x1, x2, x3 = values[k], values[k + u(1)], values[k + u(2)], values[k + u(3)]
        y0, y1, y2, y3 = x[i0], x[i1], x[i2], x[i3]
        x[i0] = x[i1] = x[i2] = x[i3] = real(0)
        r0, r1, r2, r3 = i0 * width, i1 * width, i2 * width, i3 * width
        for j in range(u(0), width, LANES):
            v0, v1, v2, v3 = load(w, r0 + j), load(w, r1 + j), load(w, r2 + j), load(w, r3 + j)
            a, b = load(z, a0 + j) + x0 * v0, load(z, b0 + j) + y0 * v0
            a, b = a + x1 * v1, b + y1 * v1
            a, b = a + x2 * v2, b + y2 * v2
            store(z, a0 + j, a + x3 * v3)
            store(z, b0 + j, b + y3 * v3)
        k += u(4)
    add_rows(z, a0, w, u(0), width, units, values, k, end)
    rest = u(0)
    for p in range(h, stop):
        i = u(units[p])
        rest_units[rest] = i
        rest_values[rest] = x[i]
        rest += u(x[i] != real(0))
        x[i] = real(0)
    add_rows(z, b0, w, u(0), width, rest_units, rest_values, u(0), rest)


@leaf
def add_idle_rows(z, w, slots, at, width, units, values, k, end, last, row, t, hyper, table):
    """Add value * row as it is after its idle steps, which are not written: `update_one` takes them again."""
    while k + u(2) <= end:
        i0, i1 = u(units[k]), u(units[k + u(1)])
        x0, x1 = values[k], values[k + u(1)]
        r0, r1 = at + i0 * width, at + i1 * width
        c0, c1 = pending(last, row + i0, t, hyper, table), pending(last, row + i1, t, hyper, table)
        for j in range(u(0), width, LANES):
            a = load(z, j) + x0 * idle(read(w, slots, r0 + j), c0)[0]
            store(z, j, a + x1 * idle(read(w, slots, r1 + j), c1)[0])
        k += u(2)
    while k < end:
        i0, x0 = u(units[k]), values[k]
        r0, c0 = at + i0 * width, pending(last, row + i0, t, hyper, table)
        for j in range(u(0), width, LANES):
            store(z, j, load(z, j) + x0 * idle(read(w, slots, r0 + j), c0)[0])
        k += u(1)


@inlined
def pending(last, row, t, hyper, table):
    """Return what the idle steps of a row up to step t - 1 need."""
    if LAZY:
        n = t - 1 - last[row]
        return tabulated(table, n) if n < TABLE else idle_constants(hyper, n)
    return idle_constants(hyper, 0)


@plain
def slope(activation, a):
    """Return f'(z) from a = f(z)."""
    if activation == RELU:
        return real(1)  # only units with a != 0 are in a list
    if activation == LEAKY_RELU:
        return real(LEAK) if a <= real(0) else real(1)
    if activation == TANH:
        return real(1) - a * a
    return a * (real(1) - a)


@plain
def activate(activation, z, n, units, values, first):
    """Write the list of f(z[:n]) from `first` on and return its length."""
    k = first
    if activation == RELU:
        for j in range(n):
            a = z[j]
            units[k] = j
            values[k] = a
            if not (a <= real(0)):
                k += u(1)
        return k - first
    for j in range(n):
        a = z[j]
        if activation == LEAKY_RELU:
            a = real(LEAK) * a if a <= real(0) else a
        elif activation == TANH:
            a = np.tanh(a)
        else:
            a = real(0.5) + real(0.5) * np.tanh(real(0.5) * a)
        units[k] = j
        values[k] = a
        k += u(1)
    return k - first


@plain
def cross_entropy(z, n, label, naive, d, d0, m):
    """Write delta = (softmax(z) - one-hot) / m to d[d0:] and return the sample's loss.

    As in `ravine.nn.softmax`, nothing is taken from 1 where it may be nearly 1: the sums leave out the largest logit
    for the loss, and the label for its own delta.
    """
    top = u(0)
    for j in range(n):
        if z[j] > z[top] or z[j] != z[j]:
            top = j
    shift = real(0) if naive else z[top]
    rest = others = real(0)
    for j in range(n):
        e = np.exp(z[j] - shift)
        d[d0 + j] = e
        rest += e if j != top else real(0)
        others += e if j != label else real(0)
    whole = d[d0 + top] + rest
    loss = -np.log(d[d0 + label] / whole) if naive else np.log1p(rest) - (z[label] - shift)
    for j in range(n):
        d[d0 + j] = d[d0 + j] / whole / m
    d[d0 + label] = -(others / whole) / m
    return loss


@plain
def catch_up(w, slots, at, width, last, row, t, hyper, table):
    """Bring one row from the step at which it was last up to date to the end of step t - 1."""
    if last[row] < t - 1:
        c = pending(last, row, t, hyper, table)
        for j in range(at, at + width, LANES):
            write(w, slots, j, idle(read(w, slots, j), c))
    last[row] = t - 1


@inlined
def list_inputs(b, sample, data, n, units, values, counts):
    """Write the list of a sample's inputs."""
    starts, columns, pixels, _ = data
    at, first = u(b) * n, u(starts[sample])
    count = u(starts[sample + 1]) - first
    for k in range(count):
        units[at + k] = columns[first + k]
    for k in range(count):
        values[at + k] = real(pixels[first + k]) / real(255)
    counts[0, b] = count


@inlined
def catch_up_list(w, slots, at, width, units, k, end, last, first_row, t, hyper, table):
    """Bring the rows on a list up to date."""
    for p in range(k, end):
        row = first_row + u(units[p])
        if last[row] < t - 1:
            catch_up(w, slots, at + u(units[p]) * width, width, last, row, t, hyper, table)


@plain
def forward(b, way, sample, w, slots, last, t, hyper, table, data, plan, options, z, lists, d, m):
    """Run one sample through the network as sample b of a block; return its loss and its predicted class.

    Leaves its lists in `lists`, its output delta in `d`, and zeros where the hidden deltas go. Rows are brought up to
    date first, but for a sample that is ALONE in its batch, whose rows are all about to be updated. The first layer's
    sums of SHARED samples are already in `d`.
    """
    labels = data[3]
    sizes, widths, bases, first_rows, list_at, delta_at, deltas = plan
    units, values, counts = lists
    activation, bias, naive = options
    layers = len(widths)
    if way != SHARED:
        list_inputs(b, sample, data, sizes[0], units, values, counts)
        clear(d, u(b) * deltas, widths[0])
    clear(d, u(b) * deltas + widths[0], deltas - widths[0])
    for layer in range(layers):
        width, base, n = widths[layer], bases[layer], sizes[layer + 1]
        k = list_at[layer] + u(b) * sizes[layer]
        end = k + u(counts[layer, b])
        clear(z, u(0), width)
        if bias:
            add(z, u(0), w, base + sizes[layer] * width, width)
        if way == SHARED and layer == 0:
            add(z, u(0), d, u(b) * deltas, width)
            clear(d, u(b) * deltas, width)
        elif LAZY and way == ALONE:
            row = first_rows[layer]
            add_idle_rows(z, w, slots, base, width, units, values, k, end, last, row, t, hyper, table)
        else:
            if LAZY:
                catch_up_list(w, slots, base, width, units, k, end, last, first_rows[layer], t, hyper, table)
            add_rows(z, u(0), w, base, width, units, values, k, end)
        if layer < layers - 1:
            counts[layer + 1, b] = activate(activation, z, n, units, values, list_at[layer + 1] + u(b) * n)
    n = sizes[layers]
    best = u(0)
    for j in range(n):
        if z[j] > z[best]:
            best = j
    out = u(b) * deltas + delta_at[layers - 1]
    return cross_entropy(z, n, u(labels[sample]), naive, d, out, real(m)), best


@inlined
def fetch(order, position, data):
    """Ask for the data of the next samples: they lie anywhere in memory."""
    starts, columns, pixels, labels = data
    end = len(order) - 1
    after = u(order[min(position + 2, end)])
    prefetch(starts, after)
    prefetch(labels, after)
    following = u(order[min(position + 1, end)])
    first, stop = u(starts[following]), u(starts[following + u(1)])
    for p in range(first, stop, u(32)):
        prefetch(columns, p)
    for p in range(first, stop, u(64)):
        prefetch(pixels, p)


@plain
def first_sums(order, low, m, w, slots, last, t, hyper, table, data, plan, lists, entries, x, d):
    """List the inputs of a block and write the sums of the first layer to `d`, for two samples at a time."""
    units, values, counts = lists
    spare_units, spare_values = entries[6:]
    n, width, deltas = plan[0][0], plan[1][0], plan[6]
    for i in range(n):
        x[i] = real(0)
    for b in range(u(m)):
        fetch(order, low + b, data)
        list_inputs(b, order[low + b], data, n, units, values, counts)
        clear(d, b * deltas, width)
        if LAZY:
            catch_up_list(w, slots, u(0), width, units, b * n, b * n + u(counts[0, b]), last, u(0), t, hyper, table)
    for b in range(u(0), u(m), u(2)):
        k, h = b * n, b * n + n
        end = k + u(counts[0, b])
        if b + u(1) < u(m):
            stop = h + u(counts[0, b + u(1)])
            add_shared_rows(
                d, b * deltas, b * deltas + deltas, w, width, units, values, k, end, h, stop, x,
                spare_units, spare_values,
            )  # fmt: skip
        else:
            add_rows(d, b * deltas, w, u(0), width, units, values, k, end)


@plain
def crowded_sums(order, low, m, w, slots, last, t, hyper, table, data, plan, x, d):
    """Write the inputs of a block with few zeros to `x`, and the sums of the first layer to `d`.

    Four samples at a time and four vectors of their sums, which AVX-512 holds in registers: each weight is read once
    for four samples. With many zeros, lists are faster. `x` and `d` have three rows more than a block, which nobody
    reads.
    """
    starts, columns, pixels, _ = data
    n, width, deltas = plan[0][0], plan[1][0], plan[6]
    for b in range(u(m)):
        for i in range(n):
            x[b * n + i] = real(0)
        sample = order[low + b]
        for p in range(u(starts[sample]), u(starts[sample + 1])):
            x[b * n + u(columns[p])] = real(pixels[p]) / real(255)
    if LAZY:
        for i in range(n):
            catch_up(w, slots, i * width, width, last, i, t, hyper, table)
    for b in range(u(0), u(m), u(4)):
        j = u(0)
        while j + u(4) * LANES <= width:
            sums_4x4(x, b * n, n, w, j, width, d, b * deltas + j, deltas)
            j += u(4) * LANES
        while j < width:
            sums_4x1(x, b * n, n, w, j, width, d, b * deltas + j, deltas)
            j += LANES


@leaf
def sums_4x1(x, x0, n, w, at, width, d, d0, deltas):
    """Write a vector of the sums of four samples."""
    a = b = c = e = splat(real(0))
    for i in range(n):
        v = load(w, at + i * width)
        a, b = a + x[x0 + i] * v, b + x[x0 + n + i] * v
        c, e = c + x[x0 + u(2) * n + i] * v, e + x[x0 + u(3) * n + i] * v
    store(d, d0, a)
    store(d, d0 + deltas, b)
    store(d, d0 + u(2) * deltas, c)
    store(d, d0 + u(3) * deltas, e)


@leaf
def sums_4x4(x, x0, n, w, at, width, d, d0, deltas):
    """Write four vectors of the sums of four samples."""
    a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = splat(real(0))
    c0 = c1 = c2 = c3 = e0 = e1 = e2 = e3 = splat(real(0))
    for i in range(n):
        r = at + i * width
        v0, v1, v2, v3 = load(w, r), load(w, r + LANES), load(w, r + u(2) * LANES), load(w, r + u(3) * LANES)
        xa, xb, xc, xe = x[x0 + i], x[x0 + n + i], x[x0 + u(2) * n + i], x[x0 + u(3) * n + i]
        a0, a1, a2, a3 = a0 + xa * v0, a1 + xa * v1, a2 + xa * v2, a3 + xa * v3
        b0, b1, b2, b3 = b0 + xb * v0, b1 + xb * v1, b2 + xb * v2, b3 + xb * v3
        c0, c1, c2, c3 = c0 + xc * v0, c1 + xc * v1, c2 + xc * v2, c3 + xc * v3
        e0, e1, e2, e3 = e0 + xe * v0, e1 + xe * v1, e2 + xe * v2, e3 + xe * v3
    put_4(d, d0, a0, a1, a2, a3)
    put_4(d, d0 + deltas, b0, b1, b2, b3)
    put_4(d, d0 + u(2) * deltas, c0, c1, c2, c3)
    put_4(d, d0 + u(3) * deltas, e0, e1, e2, e3)


@leaf
def put_4(z, at, v0, v1, v2, v3):
    """Write four vectors."""
    store(z, at, v0)
    store(z, at + LANES, v1)
    store(z, at + u(2) * LANES, v2)
    store(z, at + u(3) * LANES, v3)


@plain
def first_gradient(summed, x, plan, d, m):
    """Add the gradient of the first layer to `summed`, for a block with few zeros, by four vectors of four rows."""
    n, width, deltas = plan[0][0], plan[1][0], plan[6]
    i = u(0)
    while i + u(4) <= n:
        j = u(0)
        while j + u(4) * LANES <= width:
            terms_4x4(summed, i * width + j, width, x, i, n, d, j, deltas, m)
            j += u(4) * LANES
        while j < width:
            for k in range(i, i + u(4)):
                terms_1x1(summed, k * width + j, x, k, n, d, j, deltas, m)
            j += LANES
        i += u(4)
    while i < n:
        for j in range(u(0), width, LANES):
            terms_1x1(summed, i * width + j, x, i, n, d, j, deltas, m)
        i += u(1)


@leaf
def terms_1x1(g, at, x, x0, n, d, d0, deltas, m):
    """Add the terms of a block to one vector of a row's gradient, two sums in turn."""
    a, b = load(g, at), splat(real(0))
    k = u(0)
    while k + u(2) <= u(m):
        a = a + x[x0 + k * n] * load(d, d0 + k * deltas)
        b = b + x[x0 + k * n + n] * load(d, d0 + k * deltas + deltas)
        k += u(2)
    if k < u(m):
        a = a + x[x0 + k * n] * load(d, d0 + k * deltas)
    store(g, at, a + b)


@leaf
def terms_4x4(g, at, width, x, x0, n, d, d0, deltas, m):
    """Add the terms of a block to four vectors of the gradients of four rows."""
    a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = splat(real(0))
    c0 = c1 = c2 = c3 = e0 = e1 = e2 = e3 = splat(real(0))
    for k in range(u(m)):
        r, q = d0 + k * deltas, x0 + k * n
        v0, v1, v2, v3 = load(d, r), load(d, r + LANES), load(d, r + u(2) * LANES), load(d, r + u(3) * LANES)
        xa, xb, xc, xe = x[q], x[q + u(1)], x[q + u(2)], x[q + u(3)]
        a0, a1, a2, a3 = a0 + xa * v0, a1 + xa * v1, a2 + xa * v2, a3 + xa * v3
        b0, b1, b2, b3 = b0 + xb * v0, b1 + xb * v1, b2 + xb * v2, b3 + xb * v3
        c0, c1, c2, c3 = c0 + xc * v0, c1 + xc * v1, c2 + xc * v2, c3 + xc * v3
        e0, e1, e2, e3 = e0 + xe * v0, e1 + xe * v1, e2 + xe * v2, e3 + xe * v3
    add_4(g, at, a0, a1, a2, a3)
    add_4(g, at + width, b0, b1, b2, b3)
    add_4(g, at + u(2) * width, c0, c1, c2, c3)
    add_4(g, at + u(3) * width, e0, e1, e2, e3)


@leaf
def add_4(g, at, v0, v1, v2, v3):
    """Add four vectors to g[at:]."""
    put_4(
        g,
        at,
        load(g, at) + v0,
        load(g, at + LANES) + v1,
        load(g, at + u(2) * LANES) + v2,
        load(g, at + u(3) * LANES) + v3,
    )


@plain
def transpose(layer, m, plan, lists, entries):
    """Sort the lists of a block by unit, and the units by how many entries they have.

    Units with q entries stand in touched[group[q - 1]:group[q]], and their entries one unit after the other in
    `sample` and `value`, in the order of the samples, so that sums are always taken in the same order. Code that takes
    the units in this order has no branch that the processor cannot predict.
    """
    sizes, list_at, deltas = plan[0], plan[4], plan[6]
    units, values, counts = lists
    count, place, seen, touched, group, begin, sample, value = entries
    n, at = sizes[layer], list_at[layer]
    for i in range(n):
        count[i] = 0
    for b in range(u(m)):
        for k in range(at + b * n, at + b * n + u(counts[layer, b])):
            count[u(units[k])] += np.uint32(1)
    found = u(0)
    for i in range(n):
        seen[found] = i
        found += u(count[i] > 0)
    for q in range(u(m) + u(2)):
        group[q] = 0
    for p in range(found):
        group[u(count[u(seen[p])]) + u(1)] += 1
    begin[0] = begin[1] = 0
    for q in range(u(1), u(m) + u(1)):
        begin[q + u(1)] = begin[q] + group[q + u(1)] * q
        group[q + u(1)] += group[q]
    for p in range(found):
        i = u(seen[p])
        q = u(count[i])
        touched[u(group[q])] = i
        group[q] += 1
        place[i] = begin[q]
        begin[q] += q
    for b in range(u(m)):
        for k in range(at + b * n, at + b * n + u(counts[layer, b])):
            i = u(units[k])
            e = u(place[i])
            place[i] = e + u(1)
            sample[e] = b * deltas
            value[e] = values[k]


@leaf
def gather_1(hidden, g, g0, w, at, width, d, d0, sample, value, e, below, activation):
    """Add the term of entry e to the gradient g[g0:]; if the layer is hidden, write the unit's delta."""
    o0, x0 = u(sample[e]), value[e]
    s0 = splat(real(0))
    for j in range(u(0), width, LANES):
        a0 = load(d, o0 + d0 + j)
        s0 += a0 * load(w, at + j)
        store(g, g0 + j, load(g, g0 + j) + x0 * a0)
    if hidden:
        d[o0 + below] = slope(activation, x0) * total(s0)


@leaf
def gather_4(hidden, begin, g, g0, w, at, width, d, d0, sample, value, e, below, activation):
    """gather_1 for four entries, the first ones of the unit if it is to `begin` the gradient."""
    o0, o1, o2, o3 = u(sample[e]), u(sample[e + u(1)]), u(sample[e + u(2)]), u(sample[e + u(3)])
    x0, x1, x2, x3 = value[e], value[e + u(1)], value[e + u(2)], value[e + u(3)]
    s0 = s1 = s2 = s3 = splat(real(0))
    for j in range(u(0), width, LANES):
        b = load(w, at + j)
        a0, a1, a2, a3 = load(d, o0 + d0 + j), load(d, o1 + d0 + j), load(d, o2 + d0 + j), load(d, o3 + d0 + j)
        s0, s1, s2, s3 = s0 + a0 * b, s1 + a1 * b, s2 + a2 * b, s3 + a3 * b
        a = x0 * a0 if begin else load(g, g0 + j) + x0 * a0
        a = a + x1 * a1
        a = a + x2 * a2
        store(g, g0 + j, a + x3 * a3)
    if hidden:
        s0_, s1_, s2_, s3_ = total4(s0, s1, s2, s3)
        d[o0 + below] = slope(activation, x0) * s0_
        d[o1 + below] = slope(activation, x1) * s1_
        d[o2 + below] = slope(activation, x2) * s2_
        d[o3 + below] = slope(activation, x3) * s3_


@leaf
def turn_1(hidden, g, g0, w, slots, at, width, c, d, d0, sample, value, e, below, activation):
    """Take the step of a row whose gradient is g[g0:] and the term of entry e; if hidden, write the unit's delta."""
    o0, x0 = u(sample[e]), value[e]
    s0 = splat(real(0))
    for j in range(u(0), width, LANES):
        state = read(w, slots, at + j)
        a0 = load(d, o0 + d0 + j)
        s0 += a0 * state[0]
        write(w, slots, at + j, step(state, load(g, g0 + j) + x0 * a0, c))
    if hidden:
        d[o0 + below] = slope(activation, x0) * total(s0)


@leaf
def turn_2(hidden, g, g0, w, slots, at, width, c, d, d0, sample, value, e, below, activation):
    """turn_1 for the last two entries of the unit."""
    o0, o1 = u(sample[e]), u(sample[e + u(1)])
    x0, x1 = value[e], value[e + u(1)]
    s0 = s1 = splat(real(0))
    for j in range(u(0), width, LANES):
        state = read(w, slots, at + j)
        a0, a1 = load(d, o0 + d0 + j), load(d, o1 + d0 + j)
        s0, s1 = s0 + a0 * state[0], s1 + a1 * state[0]
        write(w, slots, at + j, step(state, load(g, g0 + j) + x0 * a0 + x1 * a1, c))
    if hidden:
        s0_, s1_, _, _ = total4(s0, s1, s0, s1)
        d[o0 + below] = slope(activation, x0) * s0_
        d[o1 + below] = slope(activation, x1) * s1_


@leaf
def turn_3(hidden, g, g0, w, slots, at, width, c, d, d0, sample, value, e, below, activation):
    """turn_1 for the last three entries of the unit."""
    o0, o1, o2 = u(sample[e]), u(sample[e + u(1)]), u(sample[e + u(2)])
    x0, x1, x2 = value[e], value[e + u(1)], value[e + u(2)]
    s0 = s1 = s2 = splat(real(0))
    for j in range(u(0), width, LANES):
        state = read(w, slots, at + j)
        a0, a1, a2 = load(d, o0 + d0 + j), load(d, o1 + d0 + j), load(d, o2 + d0 + j)
        s0, s1, s2 = s0 + a0 * state[0], s1 + a1 * state[0], s2 + a2 * state[0]
        write(w, slots, at + j, step(state, load(g, g0 + j) + x0 * a0 + x1 * a1 + x2 * a2, c))
    if hidden:
        s0_, s1_, s2_, _ = total4(s0, s1, s2, s2)
        d[o0 + below] = slope(activation, x0) * s0_
        d[o1 + below] = slope(activation, x1) * s1_
        d[o2 + below] = slope(activation, x2) * s2_


@leaf
def turn_4(hidden, g, g0, w, slots, at, width, c, d, d0, sample, value, e, below, activation):
    """turn_1 for the last four entries of the unit."""
    o0, o1, o2, o3 = u(sample[e]), u(sample[e + u(1)]), u(sample[e + u(2)]), u(sample[e + u(3)])
    x0, x1, x2, x3 = value[e], value[e + u(1)], value[e + u(2)], value[e + u(3)]
    s0 = s1 = s2 = s3 = splat(real(0))
    for j in range(u(0), width, LANES):
        state = read(w, slots, at + j)
        b = state[0]
        a0, a1, a2, a3 = load(d, o0 + d0 + j), load(d, o1 + d0 + j), load(d, o2 + d0 + j), load(d, o3 + d0 + j)
        s0, s1, s2, s3 = s0 + a0 * b, s1 + a1 * b, s2 + a2 * b, s3 + a3 * b
        write(w, slots, at + j, step(state, load(g, g0 + j) + x0 * a0 + x1 * a1 + x2 * a2 + x3 * a3, c))
    if hidden:
        s0_, s1_, s2_, s3_ = total4(s0, s1, s2, s3)
        d[o0 + below] = slope(activation, x0) * s0_
        d[o1 + below] = slope(activation, x1) * s1_
        d[o2 + below] = slope(activation, x2) * s2_
        d[o3 + below] = slope(activation, x3) * s3_


@leaf
def turn_row(g, g0, w, slots, at, width, c):
    """Take the step of a row whose gradient is g[g0:]."""
    for j in range(u(0), width, LANES):
        write(w, slots, at + j, step(read(w, slots, at + j), load(g, g0 + j), c))


@inlined
def turn_layer(hidden, layer, w, slots, last, t, c, g, plan, activation, entries, d, m):
    """Take the step of the rows of a layer that have entries; if it is hidden, write the deltas of the layer below.

    A row is read and written once. Its gradient is never stored, but for the terms before the last one to four,
    which go to the second half of `g`; the first half is zero.
    """
    _, widths, bases, first_rows, _, delta_at, _ = plan
    _, _, _, touched, group, _, sample, value = entries
    width, d0 = widths[layer], delta_at[layer]
    scratch = u(len(g)) // u(2)
    p = e = u(0)
    for q in range(u(1), u(m) + u(1)):
        fours = (q - u(1)) // u(4)
        rest = q - u(4) * fours
        g0 = scratch if fours > u(0) else u(0)
        while p < u(group[q]):
            i = u(touched[p])
            at = bases[layer] + i * width
            below = delta_at[layer - 1] + i if hidden else u(0)
            if fours > u(0):
                gather_4(hidden, True, g, g0, w, at, width, d, d0, sample, value, e, below, activation)
                e += u(4)
                for _ in range(u(1), fours):
                    gather_4(hidden, False, g, g0, w, at, width, d, d0, sample, value, e, below, activation)
                    e += u(4)
            if rest == u(1):
                turn_1(hidden, g, g0, w, slots, at, width, c, d, d0, sample, value, e, below, activation)
            elif rest == u(2):
                turn_2(hidden, g, g0, w, slots, at, width, c, d, d0, sample, value, e, below, activation)
            elif rest == u(3):
                turn_3(hidden, g, g0, w, slots, at, width, c, d, d0, sample, value, e, below, activation)
            else:
                turn_4(hidden, g, g0, w, slots, at, width, c, d, d0, sample, value, e, below, activation)
            e += rest
            if LAZY:
                last[first_rows[layer] + i] = t
            p += u(1)


@plain
def turn_untouched(layer, w, slots, c, g, plan, entries):
    """Take the step of the rows that have no entries."""
    sizes, widths, bases = plan[:3]
    count = entries[0]
    for i in range(sizes[layer]):
        if count[i] == 0:
            turn_row(g, u(0), w, slots, bases[layer] + i * widths[layer], widths[layer], c)


@plain
def update_block(w, slots, last, t, c, g, plan, options, lists, entries, d, m):
    """Take the step of a batch that is one block of m samples."""
    sizes, widths, bases, first_rows = plan[:4]
    activation, bias, _ = options
    scratch = u(len(g)) // u(2)
    for layer in range(len(widths) - 1, -1, -1):
        transpose(layer, m, plan, lists, entries)
        if layer > 0:
            turn_layer(True, layer, w, slots, last, t, c, g, plan, activation, entries, d, m)
        else:
            turn_layer(False, 0, w, slots, last, t, c, g, plan, RELU, entries, d, m)
        if DENSE:
            turn_untouched(layer, w, slots, c, g, plan, entries)
        if bias:
            bias_gradient(g, scratch, layer, plan, d, m)
            turn_row(g, scratch, w, slots, bases[layer] + sizes[layer] * widths[layer], widths[layer], c)
            if LAZY:
                last[first_rows[layer] + sizes[layer]] = t


@plain
def bias_gradient(g, g0, layer, plan, d, m):
    """Write the sum of a block's deltas to g[g0:]."""
    width, d0, deltas = plan[1][layer], plan[5][layer], plan[6]
    clear(g, g0, width)
    for b in range(u(m)):
        add(g, g0, d, b * deltas + d0, width)


@inlined
def turn_list(hidden, layer, w, slots, last, t, c, hyper, table, plan, activation, lists, d):
    """Take the idle steps and then the step of the rows on the list of a batch's only sample."""
    _, widths, bases, first_rows, list_at, delta_at, _ = plan
    units, values, counts = lists
    width, d0, row = widths[layer], delta_at[layer], first_rows[layer]
    below = delta_at[layer - 1] if hidden else u(0)
    k = list_at[layer]
    end = k + u(counts[layer, 0])
    while k + u(4) <= end:
        i0, i1, i2, i3 = u(units[k]), u(units[k + u(1)]), u(units[k + u(2)]), u(units[k + u(3)])
        x0, x1, x2, x3 = values[k], values[k + u(1)], values[k + u(2)], values[k + u(3)]
        s0, s1, s2, s3 = turn_rows(
            w, slots, bases[layer], width, c, d, d0, i0, x0, i1, x1, i2, x2, i3, x3,
            pending(last, row + i0, t, hyper, table), pending(last, row + i1, t, hyper, table),
            pending(last, row + i2, t, hyper, table), pending(last, row + i3, t, hyper, table),
        )  # fmt: skip
        if hidden:
            d[below + i0] = slope(activation, x0) * s0
            d[below + i1] = slope(activation, x1) * s1
            d[below + i2] = slope(activation, x2) * s2
            d[below + i3] = slope(activation, x3) * s3
        k += u(4)
    while k < end:
        i0, x0 = u(units[k]), values[k]
        c0 = pending(last, row + i0, t, hyper, table)
        s0 = turn_alone(w, slots, bases[layer] + i0 * width, width, c, c0, d, d0, x0)
        if hidden:
            d[below + i0] = slope(activation, x0) * s0
        k += u(1)
    if LAZY:
        for k in range(list_at[layer], end):
            last[row + u(units[k])] = t


@leaf
def turn_rows(w, slots, at, width, c, d, d0, i0, x0, i1, x1, i2, x2, i3, x3, c0, c1, c2, c3):
    """Take the idle steps and the step of four rows; return the products of what they were between with the delta."""
    r0, r1, r2, r3 = at + i0 * width, at + i1 * width, at + i2 * width, at + i3 * width
    s0 = s1 = s2 = s3 = splat(real(0))
    for j in range(u(0), width, LANES):
        a = load(d, d0 + j)
        state0, state1 = idle(read(w, slots, r0 + j), c0), idle(read(w, slots, r1 + j), c1)
        state2, state3 = idle(read(w, slots, r2 + j), c2), idle(read(w, slots, r3 + j), c3)
        s0, s1 = s0 + a * state0[0], s1 + a * state1[0]
        s2, s3 = s2 + a * state2[0], s3 + a * state3[0]
        write(w, slots, r0 + j, step(state0, x0 * a, c))
        write(w, slots, r1 + j, step(state1, x1 * a, c))
        write(w, slots, r2 + j, step(state2, x2 * a, c))
        write(w, slots, r3 + j, step(state3, x3 * a, c))
    return total4(s0, s1, s2, s3)


@leaf
def turn_alone(w, slots, at, width, c, c0, d, d0, x0):
    """turn_rows for one row."""
    s0 = splat(real(0))
    for j in range(u(0), width, LANES):
        a = load(d, d0 + j)
        state = idle(read(w, slots, at + j), c0)
        s0 += a * state[0]
        write(w, slots, at + j, step(state, x0 * a, c))
    return total(s0)


@plain
def update_one(w, slots, last, t, c, hyper, table, plan, options, lists, d):
    """Take the step of a batch of one sample: its lists are the touched rows, no sort is needed."""
    sizes, widths, bases, first_rows, _, delta_at, _ = plan
    activation, bias, _ = options
    for layer in range(len(widths) - 1, -1, -1):
        turn_list(layer > 0, layer, w, slots, last, t, c, hyper, table, plan, activation, lists, d)
        if bias:
            turn_row(d, delta_at[layer], w, slots, bases[layer] + sizes[layer] * widths[layer], widths[layer], c)
            if LAZY:
                last[first_rows[layer] + sizes[layer]] = t


@inlined
def add_layer(hidden, layer, summed, last, t, w, plan, activation, entries, d, m):
    """Add the gradient of a layer to `summed`; if it is hidden, write the deltas of the layer below."""
    _, widths, bases, first_rows, _, delta_at, _ = plan
    _, _, _, touched, group, _, sample, value = entries
    width, d0 = widths[layer], delta_at[layer]
    p = e = u(0)
    for q in range(u(1), u(m) + u(1)):
        while p < u(group[q]):
            i = u(touched[p])
            at = bases[layer] + i * width
            below = delta_at[layer - 1] + i if hidden else u(0)
            end = e + q
            while e + u(4) <= end:
                gather_4(hidden, False, summed, at, w, at, width, d, d0, sample, value, e, below, activation)
                e += u(4)
            while e < end:
                gather_1(hidden, summed, at, w, at, width, d, d0, sample, value, e, below, activation)
                e += u(1)
            if LAZY:
                last[first_rows[layer] + i] = t
            p += u(1)


@plain
def add_block(summed, crowded, last, t, w, g, x, plan, options, lists, entries, d, m):
    """Add the gradient of a block, one of several of its batch or one with few zeros, to `summed`."""
    sizes, widths, bases, first_rows = plan[:4]
    activation, bias, _ = options
    scratch = u(len(g)) // u(2)
    for layer in range(len(widths) - 1, -1, -1):
        if crowded and layer == 0:
            first_gradient(summed, x, plan, d, m)
            if LAZY:
                for i in range(sizes[0]):
                    last[i] = t
        else:
            transpose(layer, m, plan, lists, entries)
            add_layer(layer > 0, layer, summed, last, t, w, plan, activation, entries, d, m)
        if bias:
            bias_gradient(g, scratch, layer, plan, d, m)
            add(summed, bases[layer] + sizes[layer] * widths[layer], g, scratch, widths[layer])
            if LAZY:
                last[first_rows[layer] + sizes[layer]] = t


@plain
def update_total(w, slots, last, t, c, summed, plan, bias):
    """Take the step of a batch of several blocks from the summed gradient, and clear the sum."""
    sizes, widths, bases, first_rows = plan[:4]
    for layer in range(len(widths)):
        width = widths[layer]
        for i in range(sizes[layer] + u(bias)):
            if not LAZY or last[first_rows[layer] + i] == t:
                at = bases[layer] + i * width
                turn_row(summed, at, w, slots, at, width, c)
                clear(summed, at, width)


@plain
def forget(summed, last, t):
    """Undo the trace of the blocks of a batch whose update is not taken."""
    for j in range(len(summed)):
        summed[j] = real(0)
    for row in range(len(last)):
        last[row] = min(last[row], t - 1)


@entry
def train(w, slots, last, hyper, position, order, data, plan, options, work):
    """Train on the batches that start at position[1] .. position[2] - 1 of `order` and return how many were taken.

    `position` is (t, first, stop, batch size); t counts all steps of the run and is that before the first step. Adds
    each sample's loss to work's `loss[0]`. Stops before the update of a batch whose loss is not finite.
    """
    z, g, x, table, lists, entries, d, summed, loss = work
    bias = options[1]
    t, first, stop, size = position
    block = lists[2].shape[1]
    starts, width = data[0], plan[0][0]
    few_zeros = starts[-1] > CROWD * float(width) * (len(starts) - 1)
    if LAZY:
        tabulate(hyper, table)
    taken = 0
    for begin in range(first, stop, size):
        end = min(begin + size, len(order))
        crowded = few_zeros and end - begin >= CROWDED_BATCH
        several = crowded or end - begin > block
        alone = end - begin == 1 and not DENSE
        way = ALONE if alone else SHARED
        t += 1
        c = step_constants(hyper, t)
        batch_loss = 0.0
        for low in range(begin, end, block):
            high = min(low + block, end)
            if crowded:
                crowded_sums(order, low, high - low, w, slots, last, t, hyper, table, data, plan, x, d)
            elif alone:
                fetch(order, low, data)
            else:
                first_sums(order, low, high - low, w, slots, last, t, hyper, table, data, plan, lists, entries, x, d)
            for b in range(high - low):
                batch_loss += forward(
                    b, way, order[low + b], w, slots, last, t, hyper, table, data, plan, options, z, lists, d,
                    end - begin,
                )[0]  # fmt: skip
            if not np.isfinite(batch_loss):
                if low > begin:
                    forget(summed, last, t)
                return taken
            if several:
                add_block(summed, crowded, last, t, w, g, x, plan, options, lists, entries, d, high - low)
            elif alone:
                update_one(w, slots, last, t, c, hyper, table, plan, options, lists, d)
            else:
                update_block(w, slots, last, t, c, g, plan, options, lists, entries, d, high - low)
        if several:
            update_total(w, slots, last, t, c, summed, plan, bias)
        loss[0] += batch_loss
        taken += 1
    return taken


@entry
def settle(w, slots, last, t, hyper, plan, bias, table):
    """Bring every row to the end of step t."""
    if LAZY:
        sizes, widths, bases, first_rows = plan[:4]
        tabulate(hyper, table)
        for layer in range(len(widths)):
            for i in range(sizes[layer] + u(bias)):
                at = bases[layer] + i * widths[layer]
                catch_up(w, slots, at, widths[layer], last, first_rows[layer] + i, t + 1, hyper, table)


@entry
def evaluate(first, stop, w, slots, last, hyper, data, plan, options, work, live, correct):
    """Run samples first .. stop - 1 forward: add losses to `loss[0]`, count hits and mark the units that are live."""
    z, _, _, table, lists, _, d, _, loss = work
    units, values, counts = lists
    first_rows, list_at = plan[3], plan[4]
    labels = data[3]
    for sample in range(first, stop):
        sample_loss, predicted = forward(
            0, SETTLED, sample, w, slots, last, 0, hyper, table, data, plan, options, z, lists, d, 1
        )
        loss[0] += sample_loss
        correct[0] += predicted == labels[sample]
        for layer in range(1, len(list_at)):
            for k in range(list_at[layer], list_at[layer] + u(counts[layer, 0])):
                live[first_rows[layer] + u(units[k])] |= values[k] != real(0)

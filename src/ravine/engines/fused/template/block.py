"""Gradient and update of a block: lists sorted by unit, then one pass over the rows."""


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
def bias_gradient(g, g0, layer, plan, d, m):
    """Write the sum of a block's deltas to g[g0:]."""
    width, d0, deltas = plan[1][layer], plan[5][layer], plan[6]
    clear(g, g0, width)
    for b in range(u(m)):
        add(g, g0, d, b * deltas + d0, width)


@plain
def update_block(w, slots, last, t, c, now, g, plan, options, lists, entries, d, m):
    """Take the step of a batch that is one block of m samples."""
    sizes, widths, bases, first_rows = plan[:4]
    activation, bias, _ = options
    scratch = u(len(g)) // u(2)
    for layer in range(len(widths) - 1, -1, -1):
        transpose(layer, m, plan, lists, entries)
        if LAYERED:
            c = step_constants(now[layer], t, 0.0, 0.0)
        if layer > 0:
            turn_layer(True, layer, w, slots, last, t, c, g, plan, activation, entries, d, m)
        else:
            turn_layer(False, layer, w, slots, last, t, c, g, plan, activation, entries, d, m)
        if DENSE:
            turn_untouched(layer, w, slots, c, g, plan, entries)
        if bias:
            bias_gradient(g, scratch, layer, plan, d, m)
            turn_row(g, scratch, w, slots, bases[layer] + sizes[layer] * widths[layer], widths[layer], c)
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
def update_total(w, slots, last, t, c, now, summed, plan, bias):
    """Take the step of a batch from the summed gradient, and clear the sum."""
    sizes, widths, bases, first_rows = plan[:4]
    norm = np.sqrt(squares(summed, u(0), u(len(summed)))) if NORMS else 0.0
    for layer in range(len(widths)):
        width, rows = widths[layer], sizes[layer] + u(bias)
        if NORMS:
            layer_norm = np.sqrt(squares(summed, bases[layer], rows * width))
            c = step_constants(now[layer if LAYERED else 0], t, norm, layer_norm)
        elif LAYERED:
            c = step_constants(now[layer], t, 0.0, 0.0)
        for i in range(rows):
            if not LAZY or last[first_rows[layer] + i] == t:
                at = bases[layer] + i * width
                turn_row(summed, at, w, slots, at, width, c)
                clear(summed, at, width)


@plain
def squares(summed, at, count):
    """Return the sum of the squares of `count` numbers, in double precision."""
    whole = 0.0
    for j in range(at, at + count):
        whole += np.float64(summed[j]) * np.float64(summed[j])
    return whole


@plain
def forget(summed, last, t):
    """Undo the trace of the blocks of a batch whose update is not taken."""
    for j in range(len(summed)):
        summed[j] = real(0)
    for row in range(len(last)):
        last[row] = min(last[row], t - 1)

"""A batch of one sample: its lists are the rows to update, and their idle steps are taken on the way."""


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
def update_one(w, slots, last, t, c, now, hyper, table, plan, options, lists, d):
    """Take the step of a batch of one sample: its lists are the touched rows, no sort is needed."""
    sizes, widths, bases, first_rows, _, delta_at, _ = plan
    activation, bias, _ = options
    for layer in range(len(widths) - 1, -1, -1):
        if LAYERED:
            c = step_constants(now[layer], t, 0.0, 0.0)
        turn_list(layer > 0, layer, w, slots, last, t, c, hyper, table, plan, activation, lists, d)
        if bias:
            turn_row(d, delta_at[layer], w, slots, bases[layer] + sizes[layer] * widths[layer], widths[layer], c)
            if LAZY:
                last[first_rows[layer] + sizes[layer]] = t

"""The first layer of a block, by lists for two samples at a time or, for data with few zeros, by tiles."""


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

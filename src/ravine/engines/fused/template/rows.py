"""Rows of weights: sums of them, and the steps that idle ones have not yet taken."""


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


@inlined
def pending(last, row, t, hyper, table):
    """Return what the idle steps of a row up to step t - 1 need."""
    if LAZY:
        n = t - 1 - last[row]
        return tabulated(table, n) if n < TABLE else idle_constants(hyper, n)
    return idle_constants(hyper, 0)


@plain
def catch_up(w, slots, at, width, last, row, t, hyper, table):
    """Bring one row from the step at which it was last up to date to the end of step t - 1."""
    if last[row] < t - 1:
        c = pending(last, row, t, hyper, table)
        for j in range(at, at + width, LANES):
            write(w, slots, j, idle(read(w, slots, j), c))
        last[row] = t - 1


@inlined
def catch_up_list(w, slots, at, width, units, k, end, last, first_row, t, hyper, table):
    """Bring the rows on a list up to date."""
    for p in range(k, end):
        i = u(units[p])
        if last[first_row + i] < t - 1:
            catch_up(w, slots, at + i * width, width, last, first_row + i, t, hyper, table)


@leaf
def turn_row(g, g0, w, slots, at, width, c):
    """Take the step of a row whose gradient is g[g0:]."""
    for j in range(u(0), width, LANES):
        write(w, slots, at + j, step(read(w, slots, at + j), load(g, g0 + j), c))

"""The steps that idle rows have not yet taken."""

from __future__ import annotations

from ravine.engines.fused.frame import TABLE, Address, Count, Frame, Offset, Packed
from ravine.engines.fused.kernel.compiled import LANES, inlined, leaf, plain, u
from ravine.engines.fused.kernel.rule import idle, idle_constants, lazy, read, tabulate, tabulated, write
from ravine.engines.fused.pointers import first_of, unpack
from ravine.engines.fused.vectors import load, store


@plain
def start(frame: Address) -> None:
    """Tabulate what idle steps need, if the rule is lazy."""
    k = unpack(frame)
    if lazy():
        tabulate(k.work.table, k.batches.hyper)


@inlined
def pending(k: Frame, row: Offset, t: Count) -> Packed:
    """Return what the idle steps of a row up to step t - 1 need."""
    if lazy():
        n = t - 1 - k.trained.last[row]
        if n < TABLE:
            return tabulated(k.work.table, n)
        return idle_constants(k.trained.w, k.batches.hyper, n)
    return idle_constants(k.trained.w, k.batches.hyper, 0)


@inlined
def catch_up(k: Frame, at: Offset, width: Offset, row: Offset, t: Count) -> None:
    """Bring one row from the step at which it was last up to date to the end of step t - 1."""
    trained, length = k.trained, k.plan.weights
    if trained.last[row] < t - 1:
        c = pending(k, row, t)
        for j in range(at, at + width, LANES):
            write(trained.w, trained.slots, length, j, idle(read(trained.w, trained.slots, length, j), c))
        trained.last[row] = t - 1


@plain
def catch_up_list(frame: Address, layer: Count, b: Offset, t: Count) -> None:
    """Bring the rows on the list of sample b to the end of step t - 1."""
    k = unpack(frame)
    base, width, first_row = k.plan.bases[layer], k.plan.widths[layer], k.plan.first_rows[layer]
    begin = k.plan.list_at[layer] + b * k.plan.sizes[layer]
    for p in range(begin, begin + u(k.lists.counts[layer * k.plan.block + b])):
        i = u(k.lists.units[p])
        catch_up(k, base + i * width, width, first_row + i, t)


@plain
def catch_up_layer(frame: Address, layer: Count, rows: Offset, t: Count) -> None:
    """Bring the first rows of a layer to the end of step t - 1."""
    k = unpack(frame)
    base, width, first_row = k.plan.bases[layer], k.plan.widths[layer], k.plan.first_rows[layer]
    for i in range(rows):
        catch_up(k, base + i * width, width, first_row + i, t)


@leaf
def add_idle_rows(frame: Address, layer: Count, t: Count) -> None:
    """Add value * row, as it is after its idle steps, over the list of a batch's only sample to the sums.

    The idle steps are not written: `update_one` takes them again.
    """
    k = unpack(frame)
    z, w, slots, length = k.work.sums, k.trained.w, k.trained.slots, k.plan.weights
    units, values = k.lists.units, k.lists.values
    at, width, row = k.plan.bases[layer], k.plan.widths[layer], k.plan.first_rows[layer]
    p = k.plan.list_at[layer]
    end = p + u(k.lists.counts[layer * k.plan.block])
    while p + u(2) <= end:
        i0, i1 = u(units[p]), u(units[p + u(1)])
        x0, x1 = values[p], values[p + u(1)]
        r0, r1 = at + i0 * width, at + i1 * width
        c0, c1 = pending(k, row + i0, t), pending(k, row + i1, t)
        for j in range(u(0), width, LANES):
            a = load(z, j) + x0 * first_of(idle(read(w, slots, length, r0 + j), c0))
            store(z, j, a + x1 * first_of(idle(read(w, slots, length, r1 + j), c1)))
        p += u(2)
    while p < end:
        i0, x0 = u(units[p]), values[p]
        r0, c0 = at + i0 * width, pending(k, row + i0, t)
        for j in range(u(0), width, LANES):
            store(z, j, load(z, j) + x0 * first_of(idle(read(w, slots, length, r0 + j), c0)))
        p += u(1)
